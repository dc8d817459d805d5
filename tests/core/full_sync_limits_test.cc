// Full syncs that fail, wait, are refused, or are asked for by an operator.
#include "core/notice.h"
#include "tests/core/repair_fixture.h"

namespace holdfast::test {
namespace {

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
                [&] { return registry_->operators().forceSync("a", 0, "disk"); });
  expectRefused(ErrorCode::kNotFound, "no worker 1",
                [&] { return registry_->operators().forceSync("a", 1, ""); });
  EXPECT_EQ(registry_->operators().forceSync("a", 0, "").value(), 1u);
  ASSERT_EQ(link_.syncs.size(), 1u);
  EXPECT_EQ(link_.syncs[0].reason, Reason::kForced);
  start(session, cut(77, {1, 2}, 1, 2));
  batch(session, 77, 0, {1, 2});
  end(session, 77, 2);
  settle();
  EXPECT_EQ(heartbeat(session, stating(2, {1, 2})), SyncState::kInSync);
  registry_->registration().connectionClosed(session);
  expectRefused(ErrorCode::kUnavailable, "LOST",
                [&] { return registry_->operators().forceSync("a", 0, ""); });
}

}  // namespace
}  // namespace holdfast::test
