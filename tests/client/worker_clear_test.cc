// A location that the engine empties at once, as the worker's state machine tells it.
#include <gtest/gtest.h>

#include "worker_repair_fixture.h"

namespace holdfast {
namespace {

class WorkerClear : public WorkerRepair {
 protected:
  void SetUp() override {
    WorkerRepair::SetUp();
    admitAndSend(0, 10);
    heartbeatAnswer(10);
    before_ = gpu().incarnation;
  }
  LocationStatement told() { return machine_.heartbeat()[0]; }
  void answerOf(uint64_t incarnation, uint64_t seq) {
    const CommittedSeq confirmed{"gpu", incarnation, seq};
    machine_.heartbeatAnswered({&confirmed, 1}, {});
  }
  void enqueue(ChunkHash from, ChunkHash to, bool evict = false) {
    machine_.enqueue(0, range(from, to), evict, 0);
  }

  uint64_t before_ = 0;
};

using Reports = std::vector<std::pair<uint64_t, std::vector<ChunkHash>>>;

TEST_F(WorkerClear, AHeartbeatTellsItAndWhatFollowsWaitsForItsAnswer) {
  machine_.clear(0);
  enqueue(20, 22);
  EXPECT_EQ(reports(), Reports{}) << "the controller does not know the incarnation yet";
  EXPECT_TRUE(machine_.confirmationWanted());
  EXPECT_FALSE(machine_.registrationWanted());
  const LocationStatement statement = told();
  EXPECT_NE(statement.incarnation, before_);
  EXPECT_TRUE(statement.beganEmpty);
  EXPECT_EQ(statement.lastSeq, 1u);
  EXPECT_EQ(statement.count, 0u);
  EXPECT_EQ(statement.digest, KeyDigest{});
  EXPECT_EQ(statement.replayableFrom, 2u);
  answerOf(statement.incarnation, 0);
  EXPECT_EQ(reports(), Reports{}) << "known, and not committed";
  EXPECT_TRUE(machine_.confirmationWanted());
  told();
  answerOf(statement.incarnation, 1);
  EXPECT_FALSE(machine_.confirmationWanted());
  EXPECT_EQ(reports(), (Reports{{2, range(20, 22)}}));
  EXPECT_EQ(told().count, 2u);
}

TEST_F(WorkerClear, WhatWaitedIsNotSentAnyMore) {
  enqueue(10, 30);
  enqueue(0, 5, true);
  machine_.clear(0);
  EXPECT_EQ(gpu().queue.size(), 0u);
  EXPECT_EQ(machine_.counters().moot, 25u);
  enqueue(7, 8);
  answerOf(told().incarnation, 1);
  EXPECT_EQ(reports(), (Reports{{2, {7}}}));
  EXPECT_EQ(gpu().keys.keys(), std::vector<ChunkHash>{7});
}

TEST_F(WorkerClear, AControllerThatDoesNotTakeItGetsARegistration) {
  machine_.clear(0);
  enqueue(20, 22);
  const uint64_t incarnation = told().incarnation;
  answerOf(before_, 10);
  EXPECT_TRUE(machine_.registrationWanted());
  EXPECT_FALSE(machine_.confirmationWanted()) << "the registration says it all";
  registerAt(2);
  EXPECT_EQ(statement_.incarnation, incarnation);
  EXPECT_EQ(statement_.lastSeq, 1u);
  EXPECT_EQ(statement_.count, 0u);
  EXPECT_EQ(reports(), (Reports{{2, range(20, 22)}}));
}

TEST_F(WorkerClear, AnAnswerToAnEarlierHeartbeatSaysNothingOfIt) {
  told();
  machine_.clear(0);
  answerOf(before_, 10);
  EXPECT_FALSE(machine_.registrationWanted());
  EXPECT_TRUE(machine_.confirmationWanted());
}

TEST_F(WorkerClear, ALostConnectionLosesNothingOfIt) {
  machine_.clear(0);
  const uint64_t incarnation = told().incarnation;
  machine_.disconnected();
  enqueue(20, 22);
  const auto request = machine_.beginRegistration();
  EXPECT_EQ(request.statements[0].incarnation, incarnation);
  EXPECT_EQ(request.statements[0].count, 0u) << "what came after it is reported";
  answer(request.attempt, 2, DecisionKind::kInSync);
  EXPECT_EQ(reports(), (Reports{{2, range(20, 22)}}));
}

TEST_F(WorkerClear, OneDuringARegistrationIsToldAfterIt) {
  const auto request = machine_.beginRegistration();
  machine_.clear(0);
  enqueue(20, 22);
  answer(request.attempt, 11, DecisionKind::kInSync);
  EXPECT_EQ(reports(), Reports{});
  EXPECT_TRUE(machine_.confirmationWanted());
  const LocationStatement statement = told();
  EXPECT_NE(statement.incarnation, request.statements[0].incarnation);
  answerOf(statement.incarnation, 1);
  EXPECT_EQ(reports(), (Reports{{2, range(20, 22)}}));
}

TEST_F(WorkerClear, WhileReportsAreHeldBackItWaitsForTheNextRegistration) {
  machine_.pause("");
  machine_.clear(0);
  EXPECT_FALSE(machine_.confirmationWanted());
  told();
  answerOf(before_, 10);
  EXPECT_FALSE(machine_.registrationWanted()) << "the controller will ask for one";
  machine_.resume();
  registerAt(2);
  EXPECT_EQ(statement_.count, 0u);
}

TEST_F(WorkerClear, OneOfAnEmptyLocationThatIsKnownToBeIsNotTold) {
  machine_.clear(0);
  answerOf(told().incarnation, 1);
  const uint64_t incarnation = gpu().incarnation;
  const auto position = machine_.position();
  machine_.clear(0);
  EXPECT_EQ(gpu().incarnation, incarnation);
  EXPECT_FALSE(machine_.confirmationWanted());
  EXPECT_NE(machine_.position(), position);
  EXPECT_TRUE(machine_.committed(machine_.position()));
  enqueue(20, 22);
  EXPECT_EQ(reports(), (Reports{{2, range(20, 22)}}));
  EXPECT_FALSE(machine_.committed(machine_.position()));
  heartbeatAnswer(3);
  EXPECT_TRUE(machine_.committed(machine_.position()));
}

// Evicts that emptied it may not have come yet.
TEST_F(WorkerClear, OneOfALocationWhoseEvictsAreNotConfirmedIsTold) {
  enqueue(0, 10, true);
  reports();
  EXPECT_EQ(gpu().keys.size(), 0u);
  machine_.clear(0);
  EXPECT_NE(gpu().incarnation, before_);
  EXPECT_FALSE(machine_.committed(machine_.position()));
}

TEST_F(WorkerClear, WhoClearsAllTheTimeIsHeardAllTheSame) {
  machine_.clear(0);
  for (ChunkHash key = 20; key < 30; ++key) {
    const LocationStatement statement = told();
    enqueue(key, key + 1);
    machine_.clear(0);
    EXPECT_EQ(gpu().incarnation, statement.incarnation);
    if (key == 29) answerOf(statement.incarnation, 1);
  }
  EXPECT_FALSE(machine_.confirmationWanted());
  EXPECT_TRUE(machine_.committed(machine_.position()));
  EXPECT_EQ(machine_.counters().clears, 11u);
}

TEST_F(WorkerClear, AFlushWaitsUntilItIsConfirmed) {
  machine_.clear(0);
  const auto position = machine_.position();
  EXPECT_FALSE(machine_.committed(position));
  EXPECT_FALSE(machine_.sent(position));
  const uint64_t incarnation = told().incarnation;
  answerOf(incarnation, 0);
  EXPECT_FALSE(machine_.committed(position));
  told();
  answerOf(incarnation, 1);
  EXPECT_TRUE(machine_.sent(position));
  EXPECT_TRUE(machine_.committed(position));
  enqueue(20, 21);
  EXPECT_FALSE(machine_.sent(machine_.position()));
  reports();
  EXPECT_FALSE(machine_.committed(machine_.position())) << "it is one operation and no more";
  heartbeatAnswer(2);
  EXPECT_TRUE(machine_.committed(machine_.position()));
}

TEST_F(WorkerClear, RepairsOfWhatWasHeldAreOver) {
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = next<FullSyncStart>();
  startAccepted(start, {0, 1, 2, 3});
  machine_.clear(0);
  EXPECT_FALSE(machine_.syncing("gpu"));
  EXPECT_FALSE(machine_.nextSync(0));
  EXPECT_FALSE(replay(1, 1).accepted) << "there is nothing to send again";
  EXPECT_FALSE(machine_.startFullSync("gpu", 0)) << "it is about what the clear emptied";
  answerOf(told().incarnation, 1);
  EXPECT_FALSE(machine_.nextSync(0));
  EXPECT_TRUE(machine_.startFullSync("gpu", 0));
}

// The queue was full: what it left, and the registration's full sync with it, become moot.
TEST_F(WorkerClear, OneAfterAFullQueueLeavesNothingToSync) {
  machine_.disconnected();
  enqueue(100, 150);
  EXPECT_TRUE(machine_.absorbing());
  machine_.clear(0);
  EXPECT_FALSE(machine_.absorbing());
  enqueue(200, 203);
  const auto request = machine_.beginRegistration();
  EXPECT_NE(request.statements[0].incarnation, before_);
  EXPECT_EQ(request.statements[0].count, 0u);
  EXPECT_TRUE(request.statements[0].beganEmpty);
  answer(request.attempt, 2, DecisionKind::kInSync);
  EXPECT_EQ(reports(), (Reports{{2, range(200, 203)}}));
}

TEST_F(WorkerClear, AQueueThatFillsBehindItStartsTheNumberingAnew) {
  machine_.clear(0);
  const uint64_t incarnation = told().incarnation;
  enqueue(100, 150);
  EXPECT_TRUE(machine_.registrationWanted());
  EXPECT_EQ(machine_.counters().losses, 1u);
  const auto request = machine_.beginRegistration();
  EXPECT_NE(request.statements[0].incarnation, incarnation);
  EXPECT_EQ(request.statements[0].count, 50u);
  EXPECT_FALSE(request.statements[0].beganEmpty);
}

TEST_F(WorkerClear, BeforeTheFirstRegistrationContentsAtStartAreForgotten) {
  WorkerStateMachine::Options options = repairOptions();
  options.locations[0].contents = {7, 8};
  Machine machine(options, [next = uint64_t{0}]() mutable { return ++next; });
  machine.clear(0);
  const LocationStatement statement = machine.beginRegistration().statements[0];
  EXPECT_EQ(statement.count, 0u);
  EXPECT_TRUE(statement.beganEmpty);
}

}  // namespace
}  // namespace holdfast
