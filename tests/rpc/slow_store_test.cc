// Workers while the store cannot write, or is slow.

#include "server_fixture.h"

namespace holdfast::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using SlowStoreTest = ServerTest;

TEST_F(SlowStoreTest, PausesAndResumesWithTheStore) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  store.setHealth({.writable = false, .reason = "no space left on /data; free some"});
  store.poll(controller);
  server->storePolled();
  report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  settle();
  EXPECT_THAT(workerCalls, Contains("pause: no space left on /data; free some"));
  EXPECT_THAT(lookup(*peer, {1}), IsEmpty());
  // Heartbeats are answered all the same: nothing hangs behind the refused report.
  await(session.heartbeatRequest().send());
  EXPECT_THAT(errorOf(registerRequest(*peer, registration("other")).send()),
              HasSubstr("unavailable: no space left"));
  const auto status = await(peer->op().statusRequest().send());
  EXPECT_FALSE(status.getAnswer().getStoreWritable());
  EXPECT_EQ(viewOf(status.getAnswer().getStoreReason()), "no space left on /data; free some");

  store.setHealth({});
  store.poll(controller);
  server->storePolled();
  controller.take(input::Tick{});
  settle();
  EXPECT_THAT(workerCalls, Contains("resume"));
  Registration again = registration();
  again.attempt = 2;
  auto resumed = registerWorker(*peer, again);
  report(resumed, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer, {1}), ElementsAre(Pair("llama", 1)));
}

TEST_F(SlowStoreTest, RegistrationFailsIfTheStoreFailsMeanwhile) {
  const auto peer = connect();
  kj::Promise<void> answer = registerRequest(*peer, registration()).send().ignoreResult();
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(answer.poll(io.waitScope));
  store.setHealth({.writable = false, .reason = "disk on fire"});
  store.poll(controller);
  server->storePolled();
  EXPECT_THAT(errorOf(kj::mv(answer)), HasSubstr("unavailable: disk on fire"));
}

TEST_F(SlowStoreTest, RegistrationOfAConnectionThatEndsMeanwhileIsHarmless) {
  // In every state of the call: not yet read, waiting for its turn, waiting for the store.
  for (int polls = 0; polls < 12; ++polls) {
    auto peer = connect();
    auto gateway = peer->gateway();
    auto request = registerRequest(*peer, registration("short", static_cast<uint32_t>(polls)));
    auto other = registerRequest(*peer, registration("short", static_cast<uint32_t>(polls + 50)));
    auto answer = request.send();
    auto otherAnswer = other.send();
    for (int i = 0; i < polls; ++i) kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope);
    peer.reset();
    settle();
  }
  EXPECT_EQ(server->services().connections, 0u);
  for (const auto& [id, worker] : registry.tree().findInstance("short")->workers) {
    EXPECT_EQ(worker->record.state, WorkerState::kLost) << id;
  }
}

TEST_F(SlowStoreTest, ManyRegistrationsAtOnceAreAllAnswered) {
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<kj::Promise<void>> answers;
  for (uint32_t i = 0; i < 100; ++i) {
    peers.push_back(connect());
    answers.push_back(
        registerRequest(*peers.back(), registration("crowd", i)).send().ignoreResult());
  }
  for (auto& answer : answers) await(kj::mv(answer));
  EXPECT_EQ(registry.tree().workers(), 100u);
}

TEST_F(SlowStoreTest, UnknownWorkersSessionHasNoEffect) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  await(session.deregisterRequest().send());
  report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  settle();
  EXPECT_EQ(registry.tree().workers(), 0u);
  EXPECT_THAT(errorOf(session.heartbeatRequest().send()), HasSubstr("unavailable: "));
  auto request = peer->orchestrator().queryWorkersRequest();
  request.initMessage().setInstanceId("llama");
  EXPECT_EQ(await(request.send()).getAnswer().getWorkerInfos().size(), 0u);
}

TEST_F(SlowStoreTest, HoldsReportsBackWhileTheStoreIsBehind) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  store.setFull(true);
  report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  // Calls behind a held report wait with it.
  kj::Promise<void> behind = session.heartbeatRequest().send().ignoreResult();
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(behind.poll(io.waitScope));
  store.setFull(false);
  server->storePolled();
  await(kj::mv(behind));
}

}  // namespace
}  // namespace holdfast::test
