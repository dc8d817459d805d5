// Full syncs: batches, what is reported meanwhile, the switch, crashes in between.
#include "core/notice.h"
#include "tests/core/repair_fixture.h"

namespace holdfast::test {
namespace {

TEST_F(RepairTest, AFullSyncTakesOverWhatTheWorkerHolds) {
  const SessionId session = diverged({1, 2, 3});
  const auto started = start(session, cut(77, {1, 2, 3}, 2));
  ASSERT_TRUE(started.accepted) << started.error;
  EXPECT_EQ(started.missing, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(location().sync, SyncState::kSyncing);
  EXPECT_TRUE(batch(session, 77, 1, {3}));
  EXPECT_FALSE(found(3)) << "nothing is looked up before the switch";
  EXPECT_EQ(end(session, 77, 3).missing, std::vector<uint32_t>{0});
  EXPECT_TRUE(batch(session, 77, 0, {1, 2}));
  const FullSyncStatus before = end(session, 77, 3);
  EXPECT_TRUE(before.known);
  EXPECT_FALSE(before.complete) << "the switch is not on stable storage";
  EXPECT_TRUE(found(3));
  settle();
  EXPECT_TRUE(status(session, 77).complete);
  EXPECT_EQ(heartbeat(session, stating(5, {1, 2, 3})), SyncState::kInSync);
  EXPECT_EQ(outcome_.committed[0].seq, 5u);
  restart();
  EXPECT_EQ(report_.chunks, 3u);
  registering(stating(5, {1, 2, 3}));
  EXPECT_EQ(decision_.kind, DecisionKind::kInSync);
}

TEST_F(RepairTest, OperationsDuringAFullSyncAreKeptAndAppliedAfterItsBatches) {
  const SessionId session = diverged({1, 2, 3});
  start(session, cut(77, {1, 2, 3}, 1));
  const std::vector<ChunkHash> keys = {1, 9, 9, 4};
  const uint8_t evicts = 0b0101;  // evict 1, admit 9, evict 9, admit 4
  const auto outcome = registry_->kv().handleBatchedKvOperations(
      session, {"cpu", kIncarnation, 6, {keys, {&evicts, 0}}});
  EXPECT_EQ(outcome.value(), ReportOutcome::kApplied);
  batch(session, 77, 0, {1, 2, 3});
  end(session, 77, 3);
  work();
  settle();
  EXPECT_TRUE(status(session, 77).complete);
  EXPECT_EQ(location().lastSeq, 9u);
  EXPECT_EQ(heartbeat(session, stating(9, {2, 3, 4})), SyncState::kInSync);
  // And from then on as before.
  send(session, 10, {5});
  settle();
  restart();
  EXPECT_EQ(report_.quarantined, 0u);
  registering(stating(10, {2, 3, 4, 5}));
  EXPECT_EQ(decision_.kind, DecisionKind::kInSync);
}

TEST_F(RepairTest, TheFirstCopyOfABatchCounts) {
  const SessionId session = diverged({1, 2});
  start(session, cut(77, {1, 2}, 2));
  EXPECT_TRUE(batch(session, 77, 0, {1}));
  EXPECT_TRUE(batch(session, 77, 0, {8}));
  EXPECT_TRUE(batch(session, 77, 1, {2}));
  end(session, 77, 2);
  settle();
  EXPECT_TRUE(status(session, 77).complete);
  EXPECT_FALSE(found(8));
}

TEST_F(RepairTest, TheOldContentOfTheSameIncarnationServesUntilTheSwitch) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  settle();
  heartbeat(session, stating(2, {1, 3}));
  registry_->tick();
  start(session, cut(77, {1, 3}, 1, 2));
  EXPECT_TRUE(found(2));
  send(session, 3, {4});
  EXPECT_TRUE(found(4)) << "what goes on where the old content is shows at once";
  batch(session, 77, 0, {1, 3});
  end(session, 77, 2);
  work();
  EXPECT_FALSE(found(2));
  EXPECT_TRUE(found(3));
  EXPECT_TRUE(found(4));
}

// Its queue overflowed: it is the same process with the same cache, only further on.
TEST_F(RepairTest, WhatAProcessHeldBeforeItRenumberedServesUntilItsFullSync) {
  const SessionId first = registered(registration("a", 0));
  send(first, 1, {1, 2});
  settle();
  SessionId session = registering(stating(0, {2, 3}, 12));
  EXPECT_EQ(decision_.reason, Reason::kRenumbered);
  EXPECT_EQ(decision_.kind, DecisionKind::kDiverged);
  EXPECT_EQ(decision_.nextSeq, 1u) << "in the worker's new numbering";
  EXPECT_TRUE(found(1));
  restart();
  EXPECT_TRUE(found(1));
  link_.syncs.clear();
  session = registering(stating(0, {2, 3}, 12));
  EXPECT_EQ(decision_.reason, Reason::kRenumbered);
  ASSERT_EQ(link_.syncs.size(), 1u);
  EXPECT_EQ(link_.syncs[0].reason, Reason::kRenumbered);
  start(session, cut(77, {2, 3}, 1, 0, 12));
  batch(session, 77, 0, {2, 3}, 12);
  end(session, 77, 2, 12);
  work();
  EXPECT_FALSE(found(1));
  EXPECT_TRUE(found(3));
}

TEST_F(RepairTest, ContentOfAnotherIncarnationServesNobody) {
  const SessionId first = registered(registration("a", 0));
  send(first, 1, {1, 2});
  settle();
  const SessionId session = registering(stating(0, {3, 4}, 12), 2);
  EXPECT_EQ(decision_.reason, Reason::kRestarted);
  EXPECT_FALSE(found(1));
  start(session, cut(77, {3, 4}, 1, 0, 12));
  EXPECT_EQ(send(session, 1, {5}, 12), ReportOutcome::kApplied);
  EXPECT_FALSE(found(5));
  batch(session, 77, 0, {3, 4}, 12);
  end(session, 77, 2, 12);
  work();
  settle();
  EXPECT_TRUE(status(session, 77, 12).complete);
  EXPECT_TRUE(found(3));
  EXPECT_TRUE(found(5));
  EXPECT_FALSE(found(1));
}

TEST_F(RepairTest, ACrashInTheMiddleCostsOnlyTheBatchesThatWereNotStored) {
  SessionId session = diverged({1, 2, 3});
  start(session, cut(77, {1, 2, 3}, 3));
  batch(session, 77, 1, {2});
  send(session, 6, {4});
  settle();
  batch(session, 77, 2, {3});  // lost
  restart();
  LocationStatement statement = stating(6, {1, 2, 3, 4});
  statement.syncId = 77;
  session = registering(statement);
  EXPECT_EQ(decision_.kind, DecisionKind::kSyncing);
  EXPECT_EQ(decision_.nextSeq, 7u);
  ASSERT_EQ(link_.syncs.size(), 2u);
  EXPECT_EQ(link_.syncs[1].continueSyncId, 77u);
  const auto again = start(session, cut(77, {1, 2, 3}, 3));
  ASSERT_TRUE(again.accepted) << again.error;
  EXPECT_EQ(again.missing, (std::vector<uint32_t>{0, 2}));
  batch(session, 77, 0, {1});
  batch(session, 77, 2, {3});
  end(session, 77, 3);
  work();
  settle();
  EXPECT_TRUE(status(session, 77).complete);
  EXPECT_EQ(heartbeat(session, statement), SyncState::kInSync);
}

TEST_F(RepairTest, AStartThatComesTooLateOrOfAnotherCutIsNoDeadEnd) {
  SessionId session = diverged({1, 2, 3});
  start(session, cut(77, {1, 2, 3}, 2));
  batch(session, 77, 0, {1, 2});
  settle();
  restart();
  LocationStatement statement = stating(5, {1, 2, 3});
  statement.syncId = 77;
  session = registering(statement);
  clock_.nowMs += 10'000;
  registry_->tick();
  EXPECT_EQ(notices_.last<notice::FullSyncFailed>().cause, notice::SyncFailure::kNotStarted);
  EXPECT_EQ(start(session, cut(77, {1, 2, 3}, 2)).missing, std::vector<uint32_t>{1})
      << "what came before stays";
  restart();
  session = registering(statement);
  EXPECT_TRUE(start(session, cut(78, {1, 2, 3}, 2)).accepted) << "the worker has lost the other";
}

TEST_F(RepairTest, AFullSyncThatItsWorkerDoesNotKnowIsAbandoned) {
  SessionId session = diverged({1, 2, 3});
  start(session, cut(77, {1, 2, 3}, 1));
  settle();
  restart();
  session = registering(stating(6, {1, 2, 3, 4}));
  EXPECT_EQ(decision_.kind, DecisionKind::kDiverged);
  EXPECT_FALSE(status(session, 77).known);
  EXPECT_TRUE(start(session, cut(78, {1, 2, 3, 4}, 1, 6)).accepted);
}

TEST_F(RepairTest, AGapDuringAFullSyncIsAskedForAndHoldsTheSwitchBack) {
  const SessionId session = diverged({1, 2, 3});
  start(session, cut(77, {1, 2, 3}, 1));
  EXPECT_EQ(send(session, 8, {8}), ReportOutcome::kHeld);
  ASSERT_EQ(link_.replays.size(), 1u);
  EXPECT_EQ(link_.replays[0].from, 6u);
  EXPECT_EQ(link_.replays[0].to, 7u);
  batch(session, 77, 0, {1, 2, 3});
  end(session, 77, 3);
  work();
  settle();
  EXPECT_FALSE(status(session, 77).complete);
  send(session, 6, {6, 7});
  work();
  settle();
  EXPECT_TRUE(status(session, 77).complete);
  EXPECT_EQ(location().lastSeq, 8u);
  EXPECT_EQ(heartbeat(session, stating(8, {1, 2, 3, 6, 7, 8})), SyncState::kInSync);
}

}  // namespace
}  // namespace holdfast::test
