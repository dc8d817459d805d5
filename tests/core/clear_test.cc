// A location that holds nothing any more, as one operation.
#include "tests/core/repair_fixture.h"

namespace holdfast::test {
namespace {

class ClearTest : public RepairTest {
 protected:
  ReportOutcome clear(SessionId session, uint64_t seq,
                      const std::optional<SourcePosition>& position = {}) {
    const auto outcome = registry_->kv().clear(session, Clear{"cpu", kIncarnation, seq, position});
    EXPECT_TRUE(outcome.ok());
    return outcome.value();
  }
};

TEST_F(ClearTest, NothingIsHeldAndReportsGoOn) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  EXPECT_EQ(clear(session, 3), ReportOutcome::kApplied);
  EXPECT_FALSE(found(1));
  EXPECT_EQ(location().count, 0u);
  EXPECT_EQ(location().sync, SyncState::kCaughtUp);
  EXPECT_EQ(send(session, 4, {3}), ReportOutcome::kApplied);
  EXPECT_TRUE(found(3));
  settle();
  restart();
  EXPECT_EQ(report_.quarantined, 0u);
  EXPECT_FALSE(found(1));
  EXPECT_TRUE(found(3));
  EXPECT_EQ(location().lastSeq, 4u);
}

TEST_F(ClearTest, WhatIsKnownAlreadyChangesNothing) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  EXPECT_EQ(clear(session, 2), ReportOutcome::kRetransmission);
  EXPECT_TRUE(found(1));
  EXPECT_FALSE(registry_->kv().clear(session, Clear{"cpu", kIncarnation, 0, {}}).ok());
  EXPECT_EQ(registry_->kv().clear(session, Clear{"disk", kIncarnation, 9, {}}).value(),
            ReportOutcome::kDropped);
  EXPECT_EQ(registry_->kv().clear(session, Clear{"cpu", kIncarnation + 1, 9, {}}).value(),
            ReportOutcome::kDropped);
  EXPECT_TRUE(found(1));
}

TEST_F(ClearTest, ItNeedsNothingOfWhatIsMissingBeforeIt) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  EXPECT_EQ(send(session, 9, {3}), ReportOutcome::kHeld);
  EXPECT_EQ(location().sync, SyncState::kReplaying);
  EXPECT_EQ(clear(session, 20), ReportOutcome::kApplied);
  EXPECT_EQ(location().sync, SyncState::kCaughtUp);
  EXPECT_EQ(registry_->tree().heldOperations(), 0u);
  EXPECT_EQ(send(session, 21, {4}), ReportOutcome::kApplied);
  EXPECT_FALSE(found(3));
}

TEST_F(ClearTest, ItMendsWhatOperationsWereLostOfAndALossIsKnownAfterARestart) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  registry_->kv().operationsLost(session, {"cpu", kIncarnation, 10, kIncarnation, true, false});
  settle();
  restart();
  EXPECT_EQ(location().sync, SyncState::kDiverged);
  EXPECT_EQ(location().reason, Reason::kReportsLost);
  Registration again = registration("a", 0);
  again.attempt = 2;
  again.resumes = true;
  const SessionId next = registered(again);
  EXPECT_EQ(location().sync, SyncState::kDiverged);
  EXPECT_EQ(clear(next, 10), ReportOutcome::kApplied);
  EXPECT_EQ(location().sync, SyncState::kCaughtUp);
  send(next, 11, {5});
  EXPECT_TRUE(found(5));
  settle();
  restart();
  EXPECT_EQ(location().sync, SyncState::kCaughtUp);
}

TEST_F(ClearTest, WhileTheStoreCannotWriteItIsRefused) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  store_->setFull(true);
  EXPECT_EQ(clear(session, 3), ReportOutcome::kRefused);
  EXPECT_TRUE(found(1));
}

class PositionTest : public ClearTest {
 protected:
  void positioned(SessionId session, uint64_t seq, std::vector<ChunkHash> keys, uint64_t at) {
    const Report report{.location = "cpu",
                        .incarnation = kIncarnation,
                        .firstSeq = seq,
                        .operations = {keys, {}},
                        .position = SourcePosition{at, at + 100}};
    EXPECT_EQ(registry_->kv().handleBatchedKvOperations(session, report).value(),
              ReportOutcome::kApplied);
  }
  const WorkerRecord& record() { return registry_->tree().findWorker("a", 0)->record; }
  Registration engine(uint64_t run, uint64_t attempt, bool resumes) {
    Registration one = registration("a", 0);
    one.run = run;
    one.attempt = attempt;
    one.resumes = resumes;
    one.source.emplace();
    one.source->name.instance = "a";
    one.source->endpoint = "tcp://10.0.0.7:5557";
    return one;
  }
};

TEST_F(PositionTest, ItComesBackWithTheOperationsThatItGoesWith) {
  const SessionId session = registered(engine(7, 1, false));
  positioned(session, 1, {1}, 40);
  settle();
  positioned(session, 2, {2}, 41);
  restart();  // the second one was not committed
  EXPECT_EQ(record().position, (SourcePosition{40, 140}));
  EXPECT_TRUE(found(1));
  EXPECT_FALSE(found(2));
  EXPECT_EQ(record().source->endpoint, "tcp://10.0.0.7:5557");
}

TEST_F(PositionTest, AClearBringsOneAndARestartReadsItBack) {
  const SessionId session = registered(engine(7, 1, false));
  positioned(session, 1, {1}, 40);
  EXPECT_EQ(clear(session, 2, SourcePosition{41, 5}), ReportOutcome::kApplied);
  settle();
  restart();
  EXPECT_EQ(record().position, (SourcePosition{41, 5}));
}

TEST_F(PositionTest, WhoResumesGoesOnAndAnotherProcessBeginsWithout) {
  const SessionId first = registered(engine(7, 1, false));
  positioned(first, 1, {1}, 40);
  settle();
  restart();
  const SessionId next = registered(engine(7, 2, true));
  EXPECT_TRUE(found(1));
  EXPECT_TRUE(record().position);
  positioned(next, 2, {2}, 41);
  EXPECT_TRUE(found(2));
  // Of another process, which states that it is empty.
  Registration other = engine(8, 1, false);
  other.locations.clear();
  registered(other);
  EXPECT_FALSE(found(1));
  EXPECT_FALSE(record().position);
  settle();
  restart();
  EXPECT_FALSE(found(1));
  EXPECT_FALSE(record().position);
}

}  // namespace
}  // namespace holdfast::test
