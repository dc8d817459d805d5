// The life of sessions: who supersedes whom, and what ends one.

#include "server_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using WorkerSessionTest = ServerTest;

TEST_F(WorkerSessionTest, SupersededSessionGoesOnWithoutEffect) {
  const auto oldPeer = connect();
  auto old = registerWorker(*oldPeer, registration());
  const auto newPeer = connect();
  Registration newer = registration();
  newer.run = 2;
  newer.locations[0].incarnation = kIncarnation + 1;
  auto current = registerWorker(*newPeer, newer);
  settle();
  EXPECT_THAT(workerCalls, ElementsAre(HasSubstr("superseded: ")));

  report(old, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  report(old, "gpu", kIncarnation + 1, 1, {1}).wait(io.waitScope);
  settle();
  EXPECT_THAT(lookup(*newPeer, {1}), IsEmpty());
  EXPECT_THAT(errorOf(old.heartbeatRequest().send()), HasSubstr("superseded: "));
  auto peers = old.p2pLookupRequest();
  peers.initMessage().initHashes(1).set(0, 1);
  EXPECT_THAT(errorOf(peers.send()), HasSubstr("superseded: "));
  await(old.deregisterRequest().send());
  // Neither that nor the end of its connection concerns the worker any more.
  { auto gone = kj::mv(old); }
  report(current, "gpu", kIncarnation + 1, 1, {2}).wait(io.waitScope);
  EXPECT_THAT(lookup(*newPeer, {2}), ElementsAre(Pair("llama", 1)));

  Registration again = registration();
  again.attempt = 2;
  EXPECT_THAT(errorOf(registerRequest(*oldPeer, again).send()), HasSubstr("superseded: "));
}

TEST_F(WorkerSessionTest, DroppedCapabilityIsNoDisconnect) {
  const auto peer = connect();
  { auto session = registerWorker(*peer, registration()); }
  settle();
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kActive);
}

TEST_F(WorkerSessionTest, ClosedConnectionMakesItsWorkersLost) {
  const auto observer = connect();
  {
    const auto peer = connect();
    auto session = registerWorker(*peer, registration());
    auto second = registerWorker(*peer, registration("llama", 1));
    report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
    EXPECT_THAT(lookup(*observer, {1}), ElementsAre(Pair("llama", 1)));
  }
  settle();
  EXPECT_THAT(lookup(*observer, {1}), IsEmpty());
  for (const uint32_t worker : {0u, 1u}) {
    EXPECT_EQ(registry.tree().findWorker("llama", worker)->record.state, WorkerState::kLost);
  }
  EXPECT_EQ(server->services().connections, 1u);
}

TEST_F(WorkerSessionTest, StoppedServerLeavesItsWorkersActive) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  server->stop();
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kActive);
}

TEST_F(WorkerSessionTest, SilentWorkersConnectionIsClosed) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  clock.nowMs += 30'001;
  controller.take(input::Tick{});
  settle();
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kLost);
  // Its process lives: it took the call that tells it to register again.
  server->checkConnections();
  settle();
  EXPECT_THAT(workerCalls, ElementsAre("resume"));
  EXPECT_EQ(server->services().connections, 1u);
  clock.nowMs += 30'001;
  controller.take(input::Tick{});
  server->checkConnections();
  settle();
  EXPECT_EQ(server->services().connections, 0u);
  EXPECT_THAT(whyClosed(), HasSubstr("nothing received for"));
  EXPECT_NE(errorOf(session.heartbeatRequest().send()), "no error");
}

// Two workers and a router share a connection.
TEST_F(WorkerSessionTest, ATimeOutEndsTheSessionOfThatWorkerAlone) {
  const auto peer = connect();
  auto silent = registerWorker(*peer, registration());
  auto other = registerWorker(*peer, registration("llama", 1));
  report(other, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  clock.nowMs += 20'000;
  controller.take(input::Tick{});
  await(other.heartbeatRequest().send());
  clock.nowMs += 15'000;
  controller.take(input::Tick{});
  server->checkConnections();
  settle();
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kLost);
  EXPECT_EQ(registry.tree().findWorker("llama", 1)->record.state, WorkerState::kActive);
  EXPECT_THAT(workerCalls, ElementsAre("resume"));
  EXPECT_THAT(errorOf(silent.heartbeatRequest().send()), HasSubstr("unavailable: this session"));
  await(other.heartbeatRequest().send());
  EXPECT_THAT(lookup(*peer, {1}), ElementsAre(Pair("llama", 1)));
  Registration again = registration();
  again.attempt = 2;
  auto back = registerWorker(*peer, again);
  await(back.heartbeatRequest().send());
  EXPECT_EQ(server->services().connections, 1u);
}

TEST_F(WorkerSessionTest, AnOperatorEndsTheSessionOfThatWorkerAlone) {
  const auto peer = connect();
  auto forgotten = registerWorker(*peer, registration());
  auto other = registerWorker(*peer, registration("llama", 1));
  auto forget = peer->op().forgetRequest();
  forget.initMessage().setInstanceId("llama");
  await(forget.send());
  settle();
  EXPECT_THAT(workerCalls, ElementsAre("resume"));
  EXPECT_THAT(errorOf(forgotten.heartbeatRequest().send()), HasSubstr("unavailable: this session"));
  await(other.heartbeatRequest().send());
  // It is silent no longer than others are.
  server->checkConnections();
  settle();
  EXPECT_EQ(server->services().connections, 1u);
  Registration again = registration();
  again.attempt = 2;
  auto back = registerWorker(*peer, again);
  await(back.heartbeatRequest().send());
}

TEST_F(WorkerSessionTest, RegisteringAgainOnTheSameConnectionKeepsTheNewSession) {
  const auto peer = connect();
  auto first = registerWorker(*peer, registration());
  Registration again = registration();
  again.attempt = 2;
  auto second = registerWorker(*peer, again);
  report(second, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer, {1}), ElementsAre(Pair("llama", 1)));
  EXPECT_THAT(workerCalls, IsEmpty());
}

TEST_F(WorkerSessionTest, DeregistersWhenCommitted) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  settle();
  kj::Promise<void> answer = session.deregisterRequest().send().ignoreResult();
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(answer.poll(io.waitScope));
  EXPECT_EQ(registry.tree().workers(), 0u);
  await(kj::mv(answer));
  EXPECT_THAT(lookup(*peer, {1}), IsEmpty());
}

TEST_F(WorkerSessionTest, FindsPeersOfItsOwnRank) {
  const auto peer = connect();
  auto asker = registerWorker(*peer, registration("a", 1));
  for (const auto& [instance, worker] :
       std::vector<std::pair<std::string, uint32_t>>{{"b", 1}, {"c", 0}}) {
    auto session = registerWorker(*peer, registration(instance, worker));
    report(session, "gpu", kIncarnation, 1, {1, 2}).wait(io.waitScope);
  }
  auto request = asker.p2pLookupRequest();
  auto hashes = request.initMessage().initHashes(3);
  for (kj::uint i = 0; i < 3; ++i) hashes.set(i, i + 1);
  const auto response = await(request.send());
  const auto found = response.getAnswer().getLayoutInfo();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(viewOf(found[0].getInstanceId()), "b");
  EXPECT_EQ(viewOf(found[0].getPeerInitUrl()), "peer:1");
  EXPECT_EQ(viewOf(found[0].getLocation()), "gpu");
  EXPECT_EQ(found[0].getNumHitChunks(), 2u);
}

}  // namespace
}  // namespace holdfast::test
