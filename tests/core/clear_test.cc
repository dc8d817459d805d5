// A location that holds nothing any more: as one operation, or as its worker states it.
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

// What a worker says in a heartbeat: another incarnation, empty, of which the clear is operation 1.
class StatedClearTest : public RepairTest {
 protected:
  static constexpr uint64_t kAfterwards = 12;

  void SetUp() override {
    RepairTest::SetUp();
    session_ = registering(stating(0, {}));
    send(session_, 1, {1, 2});
    settle();
    heartbeat(session_, stating(2, {1, 2}));
  }
  SyncState clear() { return heartbeat(session_, stating(1, {}, kAfterwards)); }
  // The incarnation and the seq that the last heartbeat's answer confirmed.
  std::pair<uint64_t, uint64_t> confirmed() const {
    return {outcome_.committed[0].incarnation, outcome_.committed[0].seq};
  }
  void expectEmptyAndGoingOn() {
    EXPECT_FALSE(found(1));
    EXPECT_EQ(location().count, 0u);
    EXPECT_EQ(registry_->tree().heldOperations(), 0u);
    EXPECT_FALSE(registry_->repair().wanted(location()));
    EXPECT_EQ(send(session_, 2, {3}, kAfterwards), ReportOutcome::kApplied);
    settle();
    EXPECT_EQ(heartbeat(session_, stating(2, {3}, kAfterwards)), SyncState::kInSync);
    EXPECT_TRUE(found(3));
    restart();
    EXPECT_EQ(report_.quarantined, 0u);
    EXPECT_FALSE(found(1));
    EXPECT_TRUE(found(3));
    EXPECT_EQ(location().lastSeq, 2u);
  }

  SessionId session_ = kNoSession;
};

TEST_F(StatedClearTest, NothingIsHeldAndReportsGoOn) {
  const uint64_t decisions = registry_->counters().decisions[size_t(Reason::kCleared)];
  EXPECT_EQ(clear(), SyncState::kInSync);
  EXPECT_EQ(registry_->counters().clears, 1u);
  EXPECT_EQ(registry_->counters().decisions[size_t(Reason::kCleared)], decisions + 1);
  expectEmptyAndGoingOn();
}

TEST_F(StatedClearTest, ItIsConfirmedWhenItIsCommitted) {
  clear();
  EXPECT_EQ(confirmed(), std::pair(kAfterwards, uint64_t{0}));
  settle();
  clear();
  EXPECT_EQ(confirmed(), std::pair(kAfterwards, uint64_t{1}));
  EXPECT_EQ(registry_->counters().clears, 1u) << "said twice, done once";
}

TEST_F(StatedClearTest, WhatWasMissingBeforeItIsNotWaitedFor) {
  EXPECT_EQ(send(session_, 9, {4}), ReportOutcome::kHeld);
  EXPECT_EQ(location().sync, SyncState::kReplaying);
  EXPECT_EQ(clear(), SyncState::kInSync);
  EXPECT_FALSE(found(4));
  expectEmptyAndGoingOn();
}

TEST_F(StatedClearTest, AnEmptyLocationWithAGapIsInSyncToo) {
  heartbeat(session_, stating(0, {}, 99));
  settle();
  EXPECT_EQ(send(session_, 9, {4}, 99), ReportOutcome::kHeld);
  EXPECT_EQ(clear(), SyncState::kInSync);
  expectEmptyAndGoingOn();
}

TEST_F(StatedClearTest, AFullSyncUnderWayEndsWithIt) {
  heartbeat(session_, stating(2, {1, 5}));
  EXPECT_EQ(location().sync, SyncState::kDiverged);
  registry_->tick();
  EXPECT_TRUE(start(session_, cut(77, {1, 5}, 2, 2)).accepted);
  batch(session_, 77, 0, {1});
  EXPECT_EQ(clear(), SyncState::kInSync);
  EXPECT_EQ(registry_->counters().fullSyncsAbandoned, 1u);
  batch(session_, 77, 1, {5});
  EXPECT_FALSE(end(session_, 77, 2).known);
  work();
  EXPECT_FALSE(found(5));
  expectEmptyAndGoingOn();
}

TEST_F(StatedClearTest, AFullSyncOfAnEmptyLocationEndsWithItToo) {
  heartbeat(session_, stating(0, {}, 99));
  settle();
  heartbeat(session_, stating(0, {1, 5}, 99));
  registry_->tick();
  EXPECT_TRUE(start(session_, cut(77, {1, 5}, 2, 0, 99)).accepted);
  EXPECT_EQ(clear(), SyncState::kInSync);
  EXPECT_EQ(location().building, nullptr);
  expectEmptyAndGoingOn();
}

TEST_F(StatedClearTest, AWantedFullSyncIsNotAskedForAnyMore) {
  heartbeat(session_, stating(2, {1, 5}));
  EXPECT_EQ(clear(), SyncState::kInSync);
  registry_->tick();
  EXPECT_TRUE(link_.syncs.empty());
  expectEmptyAndGoingOn();
}

// Its own incarnation is none that it clears: what is missing of that is still to come.
TEST_F(StatedClearTest, ToBeEmptyIsNotToHaveBeenCleared) {
  EXPECT_EQ(send(session_, 9, {4}), ReportOutcome::kHeld);
  EXPECT_EQ(heartbeat(session_, stating(10, {})), SyncState::kReplaying);
  EXPECT_EQ(registry_->tree().heldOperations(), 1u);
}

TEST_F(StatedClearTest, OneThatACrashTookIsStatedByTheNextRegistration) {
  clear();
  restart();  // it was not committed
  EXPECT_TRUE(found(1));
  session_ = registering(stating(1, {}, kAfterwards));
  EXPECT_EQ(decision_.kind, DecisionKind::kInSync);
  EXPECT_EQ(decision_.reason, Reason::kCleared);
  EXPECT_EQ(decision_.nextSeq, 2u);
  expectEmptyAndGoingOn();
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
