// What a controller of a group does, and leaves to the one that leads.
#include <gmock/gmock.h>

#include "server_fixture.h"

namespace holdfast::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class GroupTest : public ServerTest {
 protected:
  // Of a look-up of one hash.
  auto lookUp(Peer& peer, uint64_t maxAgeMs) {
    auto request = peer.orchestrator().lookupRequest();
    auto message = request.initMessage();
    message.initHashes(1).set(0, 1);
    message.setMaxAgeMs(maxAgeMs);
    return request.send();
  }
};

constexpr const char* kLeader = "leader.example:7440";

TEST_F(GroupTest, WhoeverComesIsToldWhoLeads) {
  group.now = follower(kLeader, 12);
  const auto peer = connect();
  auto request = peer->bootstrap().authenticateRequest();
  const auto response = await(request.send());
  const auto replica = response.getReplica();
  EXPECT_EQ(replica.getRole(), schema::ReplicaRole::FOLLOWER);
  EXPECT_EQ(viewOf(replica.getLeader()), kLeader);
  EXPECT_EQ(replica.getEpoch(), 3u);
  EXPECT_EQ(replica.getIndex(), 70u);
  EXPECT_EQ(replica.getAgeMs(), 12u);
  EXPECT_EQ(replica.getLag(), 2u);
}

TEST_F(GroupTest, WithoutAGroupNothingIsLeftToAnybody) {
  const auto peer = connect();
  registerWorker(*peer, registration());
  const auto response = await(lookUp(*peer, 1));
  const auto answer = response.getAnswer();
  EXPECT_EQ(answer.getRole(), schema::ReplicaRole::ALONE);
  EXPECT_EQ(answer.getAgeMs(), 0u);
}

TEST_F(GroupTest, AFollowerTakesNoWorker) {
  group.now = follower(kLeader);
  const auto peer = connect();
  EXPECT_THAT(errorOf(registerRequest(*peer, registration()).send()),
              AllOf(HasSubstr("unavailable: "), HasSubstr("the leader is leader.example:7440")));
  EXPECT_EQ(registry.tree().findWorker("llama", 0), nullptr);
  group.now.leader.clear();
  EXPECT_THAT(errorOf(registerRequest(*peer, registration()).send()),
              HasSubstr("who leads is not known yet"));
}

TEST_F(GroupTest, AControllerThatLeadsNoMoreTakesNoReport) {
  group.now = leader("here:7440");
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  await(report(session, "gpu", kIncarnation, 1, {1, 2}));
  settle();
  group.now = follower(kLeader);
  errorOf(report(session, "gpu", kIncarnation, 3, {3}));
  settle();
  EXPECT_EQ(location("llama", 0, "gpu").lastSeq, 2u);
  EXPECT_THAT(errorOf(session.heartbeatRequest().send()), HasSubstr("the leader is"));
  EXPECT_THAT(errorOf(session.deregisterRequest().send()), HasSubstr("unavailable: "));
  EXPECT_NE(registry.tree().findWorker("llama", 0), nullptr);
}

// It may have been replaced: workers look for who leads, and routers are answered.
TEST_F(GroupTest, ALeaderThatIsCutOffSendsItsWorkersOnAndAwaitsThemBack) {
  group.now = leader("here:7440");
  const auto worker = connect();
  auto session = registerWorker(*worker, registration());
  await(report(session, "gpu", kIncarnation, 1, {1, 2}));
  const auto router = connect();
  EXPECT_EQ(lookup(*router, {1, 2})["llama"], 2u);
  group.now = cutOff();
  controller.cutOff(true);
  EXPECT_EQ(server->sendWorkersOn(), 1u);
  settle();
  EXPECT_NE(errorOf(session.heartbeatRequest().send()), "no error");
  EXPECT_EQ(server->services().ends.of(ConnectionEnd::kSentOn), 1u);
  EXPECT_EQ(server->services().connections, 1u);
  const auto again = connect();
  EXPECT_THAT(errorOf(registerRequest(*again, registration()).send()),
              AllOf(HasSubstr("unavailable: "), HasSubstr("cut off")));

  // However long that takes, they are there, as after a start.
  clock.nowMs += 10'000'000;
  controller.take(input::Tick{});
  EXPECT_EQ(lookup(*router, {1, 2})["llama"], 2u);
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kRecovered);
  EXPECT_THAT(errorOf(lookUp(*router, 1'000)), HasSubstr("stale by 500 ms"));

  group.now = leader("here:7440");
  controller.cutOff(false);
  controller.take(input::Tick{});
  EXPECT_EQ(lookup(*router, {1, 2})["llama"], 2u) << "it has time to come back";
  const auto back = connect();
  registerWorker(*back, registration());
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kActive);
  clock.nowMs += 10'000'000;
  controller.take(input::Tick{});
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kLost);
}

TEST_F(GroupTest, AFollowerLeavesOrdersToTheLeaderAndSaysSoInItsLog) {
  group.now = follower(kLeader);
  const auto peer = connect();
  auto drain = peer->op().drainRequest();
  drain.initMessage().setInstanceId("llama");
  EXPECT_THAT(errorOf(drain.send()), HasSubstr("the leader is leader.example:7440"));
  EXPECT_THAT(notices.last<notice::OperatorCall>().error, HasSubstr("the leader is"));
  auto clear = peer->orchestrator().clearRequest();
  clear.initMessage().setInstanceId("llama");
  EXPECT_THAT(errorOf(clear.send()), HasSubstr("the leader is"));
  EXPECT_THAT(errorOf(peer->op().divergedRequest().send()), HasSubstr("the leader is"));
  auto finish = peer->orchestrator().checkFinishRequest();
  finish.initMessage().setEventId("e");
  EXPECT_THAT(errorOf(finish.send()), HasSubstr("the leader is"));
}

TEST_F(GroupTest, AFollowerAnswersQuestions) {
  group.now = leader("here:7440");
  const auto worker = connect();
  auto session = registerWorker(*worker, registration());
  await(report(session, "gpu", kIncarnation, 1, {1, 2}));
  settle();
  group.now = follower(kLeader, 7);
  const auto peer = connect();
  const auto response = await(lookUp(*peer, 0));
  const auto answer = response.getAnswer();
  ASSERT_EQ(answer.getLayoutInfo().size(), 1u);
  EXPECT_EQ(answer.getRole(), schema::ReplicaRole::FOLLOWER);
  EXPECT_EQ(answer.getEpoch(), 3u);
  EXPECT_EQ(answer.getIndex(), 70u);
  EXPECT_EQ(answer.getAgeMs(), 7u);
  EXPECT_EQ(await(peer->orchestrator().instancesRequest().send()).getAnswer().getInstances().size(),
            1u);
  const auto workers = await(peer->orchestrator().queryWorkersRequest().send());
  EXPECT_EQ(workers.getAnswer().getRole(), schema::ReplicaRole::FOLLOWER);
  const auto status = await(peer->op().statusRequest().send());
  EXPECT_EQ(viewOf(status.getAnswer().getReplica().getLeader()), kLeader);
}

TEST_F(GroupTest, WhatIsTooOldIsNotAnswered) {
  group.now = follower(kLeader, 250);
  const auto peer = connect();
  EXPECT_EQ(errorOf(lookUp(*peer, 250)), "no error");
  EXPECT_THAT(errorOf(lookUp(*peer, 100)), HasSubstr("unavailable: stale by 150 ms"));
  auto many = peer->orchestrator().lookupsRequest();
  auto lookups = many.initMessage().initLookups(2);
  for (auto one : lookups) one.initHashes(1).set(0, 1);
  lookups[1].setMaxAgeMs(100);
  EXPECT_THAT(errorOf(many.send()), HasSubstr("unavailable: stale by 150 ms"));
  group.now.ageMs = ReplicaView::kAgeUnknown;
  EXPECT_EQ(errorOf(lookUp(*peer, 0)), "no error");
  EXPECT_THAT(errorOf(lookUp(*peer, 100)), HasSubstr("unavailable: stale"));
}

TEST_F(GroupTest, WhoHasNotEnoughAnswersNoLookUp) {
  group.now = follower(kLeader);
  group.now.role = ReplicaRole::kBootstrapping;
  const auto peer = connect();
  EXPECT_THAT(errorOf(lookUp(*peer, 0)),
              HasSubstr("unavailable: this controller is bootstrapping"));
}

TEST_F(GroupTest, OperatorsSeeHowItIs) {
  group.now = leader("here:7440");
  const auto worker = connect();
  registerWorker(*worker, registration());
  const auto peer = connect();
  const auto first = await(peer->op().replicaRequest().send());
  EXPECT_EQ(first.getAnswer().getInfo().getRole(), schema::ReplicaRole::LEADER);
  EXPECT_EQ(viewOf(first.getAnswer().getInfo().getLog()), "log-1");
  EXPECT_EQ(viewOf(first.getAnswer().getVersion()), "1.2.3");
  const std::string before(viewOf(first.getAnswer().getRegistryDigest()));
  EXPECT_EQ(before.size(), 32u);
  registerWorker(*worker, registration("other"));
  const auto second = await(peer->op().replicaRequest().send());
  EXPECT_NE(viewOf(second.getAnswer().getRegistryDigest()), before);
}

TEST_F(GroupTest, ALeaderIsAheadOfItsIndexUntilAllIsCommitted) {
  group.now = leader("here:7440");
  const auto worker = connect();
  auto session = registerWorker(*worker, registration());
  // On one connection, so that the question comes after the report.
  const auto settled = [&]() {
    return worker->op().replicaRequest().send().wait(io.waitScope).getAnswer().getSettled();
  };
  settle();
  EXPECT_TRUE(settled());
  report(session, "gpu", kIncarnation, 1, {1, 2}).wait(io.waitScope);
  EXPECT_FALSE(settled());
  group.now = follower(kLeader);
  EXPECT_TRUE(settled()) << "a follower has only what is in the log";
  group.now = cutOff();
  EXPECT_FALSE(settled());
  group.now = leader("here:7440");
  commit();
  EXPECT_TRUE(settled());
}

TEST_F(GroupTest, StepDownIsAnsweredWhenItIsOver) {
  group.now = leader("here:7440");
  const auto peer = connect();
  auto handed = peer->op().stepDownRequest().send();
  settle();
  ASSERT_EQ(group.asked.size(), 1u);
  EXPECT_FALSE(handed.poll(io.waitScope));
  group.asked[0](std::nullopt);
  handed.wait(io.waitScope);

  auto refused = peer->op().stepDownRequest().send();
  settle();
  ASSERT_EQ(group.asked.size(), 2u);
  group.asked[1](Error{ErrorCode::kUnavailable, "nobody could take over"});
  EXPECT_THAT(errorOf(kj::mv(refused)), HasSubstr("unavailable: nobody could take over"));
}

TEST_F(GroupTest, WhoeverAskedToStepDownMayLeave) {
  group.now = leader("here:7440");
  auto peer = connect();
  auto handed =
      std::make_unique<kj::Promise<void>>(peer->op().stepDownRequest().send().ignoreResult());
  settle();
  ASSERT_EQ(group.asked.size(), 1u);
  handed.reset();
  peer.reset();
  settle();
  group.asked[0](std::nullopt);
  EXPECT_EQ(errorOf(lookUp(*connect(), 0)), "no error");
}

TEST(NoGroup, CannotBeHandedOver) {
  NoGroup alone;
  std::optional<Error> why;
  alone.stepDown([&](const std::optional<Error>& error) { why = error; });
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, ErrorCode::kRefused);
  EXPECT_THAT(why->message, HasSubstr("not in a group"));
  EXPECT_TRUE(alone.view().takesWrites());
}

}  // namespace
}  // namespace holdfast::test
