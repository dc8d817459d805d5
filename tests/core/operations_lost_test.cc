// Workers that keep nothing to send again: what they missed to say is lost for good.
#include "tests/core/repair_fixture.h"

namespace holdfast::test {
namespace {

class OperationsLostTest : public RepairTest {
 protected:
  static constexpr uint64_t kAfterwards = kIncarnation + 1;

  // seqs 1 and 2 have come, 3 to 9 are lost.
  SessionId lost(bool hide, bool fullSync) {
    const SessionId session = registered(registration("a", 0));
    EXPECT_EQ(send(session, 1, {1, 2}), ReportOutcome::kApplied);
    registry_->kv().operationsLost(session, {.location = "cpu",
                                             .incarnation = kIncarnation,
                                             .nextSeq = 10,
                                             .newIncarnation = kAfterwards,
                                             .hide = hide,
                                             .fullSync = fullSync});
    return session;
  }
};

TEST_F(OperationsLostTest, ItGoesOnBehindThemAndIsDiverged) {
  const SessionId session = lost(false, false);
  EXPECT_EQ(location().sync, SyncState::kDiverged);
  EXPECT_EQ(location().reason, Reason::kReportsLost);
  EXPECT_EQ(send(session, 10, {3}, kAfterwards), ReportOutcome::kApplied);
  EXPECT_EQ(location().sync, SyncState::kDiverged);
  EXPECT_EQ(location().lastSeq, 10u);
  EXPECT_TRUE(found(1));
  EXPECT_TRUE(found(3));
  EXPECT_TRUE(link_.syncs.empty());
  EXPECT_EQ(registry_->counters().reportsGap, 1u);
}

TEST_F(OperationsLostTest, WhatIsHeldLeavesLookUpsWhereThatIsAskedFor) {
  const SessionId session = lost(true, false);
  EXPECT_FALSE(found(1));
  EXPECT_EQ(send(session, 10, {3}, kAfterwards), ReportOutcome::kApplied);
  EXPECT_FALSE(found(3));
  settle();
  restart();
  EXPECT_FALSE(found(1));
}

TEST_F(OperationsLostTest, ARestartReadsEverythingBackAndStillKnows) {
  const SessionId session = lost(false, false);
  send(session, 10, {3}, kAfterwards);
  settle();
  restart();
  EXPECT_EQ(report_.quarantined, 0u);
  EXPECT_EQ(report_.chunks, 3u);
  EXPECT_EQ(location().lastSeq, 10u);
  EXPECT_EQ(location().record.live.incarnation, kAfterwards);
}

TEST_F(OperationsLostTest, WhatIsNotWholeIsNeverCalledInSyncWhoeverRegistersHowever) {
  const SessionId session = lost(false, false);
  send(session, 10, {3}, kAfterwards);
  settle();
  restart();
  EXPECT_EQ(location().sync, SyncState::kDiverged);
  EXPECT_EQ(location().reason, Reason::kReportsLost);
  registering(stating(10, {1, 2, 3}, kAfterwards));
  EXPECT_EQ(decision_.kind, DecisionKind::kDiverged);
  EXPECT_EQ(location().sync, SyncState::kDiverged);
  EXPECT_EQ(location().reason, Reason::kReportsLost);
  EXPECT_TRUE(link_.syncs.empty()) << "nobody has said that it can make one";
}

TEST_F(OperationsLostTest, SaidAgainWithNothingMoreMissingItOnlyAsksForTheFullSync) {
  const SessionId session = lost(false, false);
  const uint32_t stream = location().record.live.stream;
  const OperationsLost again{"cpu", kAfterwards, 10, kAfterwards + 1, false, true};
  registry_->kv().operationsLost(session, again);
  registry_->kv().operationsLost(session, again);
  settle();
  registry_->tick();
  EXPECT_EQ(link_.syncs.size(), 1u);
  EXPECT_EQ(location().record.live.stream, stream);
  EXPECT_EQ(location().record.live.incarnation, kAfterwards);
  EXPECT_EQ(registry_->counters().reportsGap, 1u);
}

TEST_F(OperationsLostTest, AFullSyncMendsIt) {
  const SessionId session = lost(true, true);
  settle();
  registry_->tick();
  ASSERT_EQ(link_.syncs.size(), 1u);
  send(session, 10, {3}, kAfterwards);
  const std::vector<ChunkHash> keys = {2, 3, 4};
  EXPECT_TRUE(start(session, cut(7, keys, 1, 10, kAfterwards)).accepted);
  batch(session, 7, 0, keys, kAfterwards);
  end(session, 7, keys.size(), kAfterwards);
  work();
  settle();
  EXPECT_TRUE(status(session, 7, kAfterwards).complete);
  EXPECT_FALSE(found(1));
  EXPECT_TRUE(found(4));
  EXPECT_EQ(location().sync, SyncState::kCaughtUp);
  restart();
  EXPECT_EQ(location().sync, SyncState::kCaughtUp);
}

TEST_F(OperationsLostTest, ThePastAndOtherIncarnationsChangeNothing) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  registry_->kv().operationsLost(session, {"cpu", kIncarnation, 2, kAfterwards, true, true});
  registry_->kv().operationsLost(session, {"cpu", 99, 10, kAfterwards, true, true});
  registry_->kv().operationsLost(session, {"disk", kIncarnation, 10, kAfterwards, true, true});
  registry_->kv().operationsLost(session + 1, {"cpu", kIncarnation, 10, kAfterwards, true, true});
  EXPECT_EQ(location().sync, SyncState::kCaughtUp);
  EXPECT_EQ(location().lastSeq, 2u);
  EXPECT_TRUE(found(1));
}

}  // namespace
}  // namespace holdfast::test
