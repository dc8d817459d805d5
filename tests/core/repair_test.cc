// Replays of gaps and full syncs, as messages come and go.
#include "tests/core/repair_fixture.h"

namespace holdfast::test {
namespace {

// --- Gaps ---

TEST_F(RepairTest, AGapIsHeldAskedForAndFilledInOrder) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_EQ(send(session, 1, {1}), ReportOutcome::kApplied);
  EXPECT_EQ(send(session, 4, {4, 5}), ReportOutcome::kHeld);
  EXPECT_EQ(send(session, 6, {6}), ReportOutcome::kHeld);
  ASSERT_EQ(link_.replays.size(), 1u);
  EXPECT_EQ(link_.replays[0].from, 2u);
  EXPECT_EQ(link_.replays[0].to, 3u);
  EXPECT_EQ(link_.replays[0].incarnation, kIncarnation);
  EXPECT_EQ(location().sync, SyncState::kReplaying);
  EXPECT_FALSE(found(4));
  EXPECT_EQ(send(session, 2, {2, 3}), ReportOutcome::kApplied);
  work();
  EXPECT_EQ(location().lastSeq, 6u);
  EXPECT_EQ(location().count, 6u);
  EXPECT_EQ(location().sync, SyncState::kCaughtUp);
  EXPECT_EQ(registry_->tree().heldBytes(), 0u);
  EXPECT_EQ(heartbeat(session, stating(6, {1, 2, 3, 4, 5, 6})), SyncState::kInSync);
}

TEST_F(RepairTest, ASecondHoleIsAskedForWhenTheFirstIsFilled) {
  const SessionId session = registered(registration("a", 0));
  send(session, 3, {3});
  send(session, 6, {6});
  ASSERT_EQ(link_.replays.size(), 1u);
  send(session, 1, {1, 2});
  work();
  ASSERT_EQ(link_.replays.size(), 2u);
  EXPECT_EQ(link_.replays[1].from, 4u);
  EXPECT_EQ(link_.replays[1].to, 5u);
  send(session, 4, {4, 5});
  work();
  EXPECT_EQ(location().lastSeq, 6u);
}

TEST_F(RepairTest, WhatGotLostAtTheEndIsSeenByTheNextHeartbeat) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1});
  LocationStatement statement = stating(3, {1, 2, 3});
  statement.replayableFrom = 1;
  EXPECT_EQ(heartbeat(session, statement), SyncState::kReplaying);
  ASSERT_EQ(link_.replays.size(), 1u);
  EXPECT_EQ(link_.replays[0].from, 2u);
  EXPECT_EQ(link_.replays[0].to, 3u);
  // Another heartbeat meanwhile decides nothing anew.
  heartbeat(session, statement);
  EXPECT_EQ(link_.replays.size(), 1u);
  send(session, 2, {2, 3});
  EXPECT_EQ(heartbeat(session, statement), SyncState::kInSync);
}

TEST_F(RepairTest, AReplayThatIsRefusedOrDoesNotComeBecomesAFullSync) {
  for (const bool refused : {true, false}) {
    open({});
    link_.syncs.clear();
    link_.replays.clear();
    const SessionId session = registered(registration("a", 0));
    settle();
    send(session, 3, {3});
    if (refused) {
      registry_->kv().replayRefused(session, "cpu", kIncarnation);
    } else {
      clock_.nowMs += 999;
      registry_->tick();
      EXPECT_EQ(link_.replays.size(), 1u);
      clock_.nowMs += 1;
      registry_->tick();
      EXPECT_EQ(link_.replays.size(), 2u) << "the replay may have got lost itself";
      clock_.nowMs += 8'999;
      registry_->tick();
      EXPECT_EQ(location().sync, SyncState::kReplaying);
      clock_.nowMs += 1;
    }
    registry_->tick();
    EXPECT_EQ(location().sync, SyncState::kDiverged);
    EXPECT_EQ(location().reason, refused ? Reason::kGapTooOld : Reason::kReplayTimedOut);
    EXPECT_EQ(registry_->tree().heldBytes(), 0u);
    ASSERT_EQ(link_.syncs.size(), 1u);
    EXPECT_EQ(link_.syncs[0].location, "cpu");
  }
}

TEST_F(RepairTest, MoreThanCanBeHeldBehindAGapBecomesAFullSync) {
  const SessionId session = registered(registration("a", 0));
  settle();
  const std::vector<ChunkHash> keys(65'536, 7);
  uint64_t seq = 3;
  for (uint64_t i = 0; i < kHeldOperationsMax / keys.size(); ++i, seq += keys.size()) {
    ASSERT_EQ(send(session, seq, keys), ReportOutcome::kHeld);
  }
  EXPECT_EQ(send(session, seq, keys), ReportOutcome::kGap);
  EXPECT_EQ(location().reason, Reason::kHeldOverflow);
  EXPECT_EQ(registry_->tree().heldBytes(), 0u);
  registry_->tick();
  EXPECT_EQ(link_.syncs.size(), 1u);
}

TEST_F(RepairTest, EqualSeqWithOtherContentIsFoundByOneHeartbeatAndSaidWithBothValues) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  settle();
  EXPECT_EQ(heartbeat(session, stating(2, {1, 3})), SyncState::kDiverged);
  EXPECT_EQ(location().reason, Reason::kContentDiffers);
  KeyDigest ours;
  ours.add(1);
  ours.add(2);
  KeyDigest theirs;
  theirs.add(1);
  theirs.add(3);
  const auto said = notices_.last<notice::LocationDiverged>();
  EXPECT_EQ(said.location.location, "cpu");
  EXPECT_EQ(said.reason, Reason::kContentDiffers);
  EXPECT_EQ(said.ours.digest, ours);
  EXPECT_EQ(said.theirs.digest, theirs);
  registry_->tick();
  EXPECT_EQ(link_.syncs.size(), 1u);
}

// --- Full syncs ---

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

// --- Conflicts, limits, bad input ---

TEST_F(RepairTest, AnotherSyncOfTheSameIncarnationIsRefusedWhileOneRuns) {
  const SessionId session = diverged({1, 2, 3});
  ASSERT_TRUE(start(session, cut(77, {1, 2, 3}, 1)).accepted);
  EXPECT_FALSE(start(session, cut(78, {1, 2, 3}, 1)).accepted);
  EXPECT_TRUE(start(session, cut(77, {1, 2, 3}, 1)).accepted) << "the same again";
  EXPECT_FALSE(start(session, cut(77, {1, 2, 3}, 1, 4)).accepted) << "another base seq";
  EXPECT_TRUE(start(session, cut(79, {1}, 1, 0, 12)).accepted) << "another incarnation";
  EXPECT_FALSE(status(session, 77).known);
}

TEST_F(RepairTest, ACutBeforeWhatIsKnownIsRefusedUnlessTheWorkerRolledBack) {
  SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2, 3, 4});
  settle();
  heartbeat(session, stating(4, {1, 9}));
  registry_->tick();
  EXPECT_FALSE(start(session, cut(77, {1, 9}, 1, 3)).accepted);
  session = registering(stating(2, {1, 2}));
  EXPECT_EQ(decision_.reason, Reason::kWorkerRolledBack);
  EXPECT_TRUE(start(session, cut(78, {1, 2}, 1, 2)).accepted);
}

TEST_F(RepairTest, NoMoreSyncsThanSlots) {
  options_.lifeCycle.workersMax = 100;
  open({});
  std::vector<SessionId> sessions;
  for (uint32_t worker = 0; worker < 10; ++worker) {
    Registration message = registration("a", worker);
    message.locations = {stating(5, {1, 2, 3})};
    sessions.push_back(registered(message));
  }
  settle();
  registry_->tick();
  EXPECT_EQ(link_.syncs.size(), 8u);
  EXPECT_EQ(registry_->repair().globalProgress(), 0);
  EXPECT_FALSE(start(sessions[9], cut(77, {1}, 1)).accepted);
  EXPECT_TRUE(start(sessions[0], cut(77, {1}, 1)).accepted);
  batch(sessions[0], 77, 0, {1});
  end(sessions[0], 77, 1);
  EXPECT_EQ(link_.syncs.size(), 9u) << "a slot that is free is given at once";
  EXPECT_DOUBLE_EQ(registry_->repair().globalProgress(), 0.1);
  // A worker that leaves makes room, too.
  registry_->registration().connectionClosed(sessions[1]);
  registry_->tick();
  EXPECT_EQ(link_.syncs.size(), 10u);
}

TEST_F(RepairTest, TotalsAndDigestsThatDoNotAgreeFailTheSyncAndItIsTriedAgain) {
  const SessionId session = diverged({1, 2, 3});
  FullSyncStart wrong = cut(77, {1, 2, 3}, 1);
  ++wrong.digest.a;
  start(session, wrong);
  batch(session, 77, 0, {1, 2, 3});
  expectRefused(ErrorCode::kInvalid, "4 keys", [&] {
    return registry_->kv().handleFullSyncEnd(session, {"cpu", kIncarnation, 77, 4});
  });
  EXPECT_FALSE(end(session, 77, 3).known);
  EXPECT_EQ(location().sync, SyncState::kDiverged);
  auto said = notices_.last<notice::FullSyncFailed>();
  EXPECT_EQ(said.cause, notice::SyncFailure::kOtherContent);
  EXPECT_EQ(said.distinct, said.stated) << "of another digest";
  EXPECT_EQ(said.failures, 1u);
  registry_->tick();
  EXPECT_EQ(link_.syncs.size(), 2u);
  start(session, cut(78, {1, 2, 3}, 2));
  batch(session, 78, 0, {1, 2});
  batch(session, 78, 1, {2});  // a key twice
  EXPECT_FALSE(end(session, 78, 3).known);
  // The third failure in a row is one that a person should see.
  registry_->tick();
  clock_.nowMs += 10'000;
  registry_->tick();
  said = notices_.last<notice::FullSyncFailed>();
  EXPECT_EQ(said.failures, 3u);
  EXPECT_TRUE(said.backsOff);
  EXPECT_EQ(registry_->repair().tracker().slotsUsed(), 0u);
  clock_.nowMs += 9'999;
  heartbeat(session, stating(5, {1, 2, 3}));
  registry_->tick();
  EXPECT_EQ(link_.syncs.size(), 3u);
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(link_.syncs.size(), 4u);
}

TEST_F(RepairTest, RefusesBadFullSyncMessages) {
  const SessionId session = diverged({1, 2, 3});
  const auto startRefused = [&](const std::string& part, FullSyncStart message) {
    expectRefused(ErrorCode::kInvalid, part,
                  [&] { return registry_->kv().handleFullSyncStart(session, message); });
  };
  FullSyncStart bad = cut(77, {1, 2, 3}, 1);
  bad.location = "disk";
  startRefused("'disk' was not stated", bad);
  bad = cut(77, {1, 2, 3}, 1);
  bad.lastSeq = 4;
  startRefused("above the last seq", bad);
  startRefused("not 0", cut(0, {1}, 1));
  startRefused("do not make", cut(77, {1}, 2));
  startRefused("do not make", cut(77, {1}, 0));
  bad = cut(77, {1}, 1);
  bad.totalKeys = 65'537;
  startRefused("65536", bad);
  bad.batchCount = kBatchesPerSyncMax + 1;
  bad.totalKeys = bad.batchCount;
  startRefused("1048576 batches", bad);

  EXPECT_FALSE(end(session, 77, 3).known) << "end without start";
  EXPECT_TRUE(batch(session, 77, 0, {1})) << "a batch without start is dropped";
  start(session, cut(77, {1, 2, 3}, 2));
  const auto batchRefused = [&](const std::string& part, uint32_t number,
                                std::vector<ChunkHash> keys) {
    expectRefused(ErrorCode::kInvalid, part, [&] {
      return registry_->kv().handleFullSyncBatch(session, {"cpu", kIncarnation, 77, number, keys});
    });
  };
  batchRefused("batch 2", 2, {1});
  batchRefused("1 to 65536", 0, {});
  batchRefused("65537", 0, std::vector<ChunkHash>(65'537));
  EXPECT_TRUE(batch(session, 76, 0, {9})) << "of another sync";
  EXPECT_TRUE(batch(session, 77, 0, {9}, 12)) << "of another incarnation";
  EXPECT_EQ(location().building->keysStored, 0u);
  EXPECT_FALSE(batch(session + 100, 77, 0, {1})) << "of another session";
}

TEST_F(RepairTest, ABatchThatTheStoreCannotTakePausesTheWorker) {
  const SessionId session = diverged({1, 2, 3});
  start(session, cut(77, {1, 2, 3}, 1));
  store_->setFull(true);
  EXPECT_FALSE(batch(session, 77, 0, {1, 2, 3}));
  EXPECT_EQ(link_.pauses.size(), 1u);
  EXPECT_EQ(status(session, 77).missing, std::vector<uint32_t>{0});
}

// --- Thresholds, time-outs, operators ---

TEST_F(RepairTest, EnginesMayThawWhenEnoughWorkersAreInSync) {
  for (const double threshold : {0.5, 0.8}) {
    options_.lifeCycle.workersMax = 10;
    options_.repair.completionThreshold = threshold;
    open({});
    std::vector<SessionId> sessions;
    for (uint32_t worker = 0; worker < 10; ++worker) {
      Registration message = registration("a", worker);
      message.locations = {stating(5, {1, 2, 3})};
      sessions.push_back(registered(message));
    }
    settle();
    registry_->tick();
    for (uint32_t worker = 0; worker < 10; ++worker) {
      const double done = worker / 10.0;
      EXPECT_DOUBLE_EQ(registry_->repair().globalProgress(), done);
      EXPECT_EQ(registry_->repair().canExitFreeze(), done >= threshold) << worker;
      ASSERT_TRUE(start(sessions[worker], cut(77, {1}, 1)).accepted);
      batch(sessions[worker], 77, 0, {1});
      end(sessions[worker], 77, 1);
    }
    EXPECT_TRUE(registry_->repair().canExitFreeze());
  }
}

TEST_F(RepairTest, ASyncWithoutActivityFailsAfterFiveMinutes) {
  options_.lifeCycle.heartbeatTimeoutMs = 3'600'000;
  open({});
  const SessionId session = diverged({1, 2, 3});
  start(session, cut(77, {1, 2, 3}, 2));
  clock_.nowMs += 200'000;
  batch(session, 77, 0, {1, 2});
  clock_.nowMs += 299'999;
  registry_->tick();
  EXPECT_EQ(location().sync, SyncState::kSyncing);
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(location().sync, SyncState::kDiverged);
  EXPECT_FALSE(status(session, 77).known);
  EXPECT_EQ(link_.syncs.size(), 2u);
}

TEST_F(RepairTest, AnOperatorCanForceASyncOfWhatIsInSync) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  settle();
  EXPECT_EQ(heartbeat(session, stating(2, {1, 2})), SyncState::kInSync);
  expectRefused(ErrorCode::kNotFound, "no location \"disk\"; it has",
                [&] { return registry_->registration().forceSync("a", 0, "disk"); });
  expectRefused(ErrorCode::kNotFound, "no worker 1",
                [&] { return registry_->registration().forceSync("a", 1, ""); });
  EXPECT_EQ(registry_->registration().forceSync("a", 0, "").value(), 1u);
  ASSERT_EQ(link_.syncs.size(), 1u);
  EXPECT_EQ(link_.syncs[0].reason, Reason::kForced);
  start(session, cut(77, {1, 2}, 1, 2));
  batch(session, 77, 0, {1, 2});
  end(session, 77, 2);
  settle();
  EXPECT_EQ(heartbeat(session, stating(2, {1, 2})), SyncState::kInSync);
  registry_->registration().connectionClosed(session);
  expectRefused(ErrorCode::kUnavailable, "LOST",
                [&] { return registry_->registration().forceSync("a", 0, ""); });
}

}  // namespace
}  // namespace holdfast::test
