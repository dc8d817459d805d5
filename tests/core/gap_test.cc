// Operations that are missing: held back, asked for again, or given up.
#include "core/notice.h"
#include "tests/core/repair_fixture.h"

namespace holdfast::test {
namespace {

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

// The store takes its time, and a worker whose registration is not answered yet does not know from
// where to go on.
TEST_F(RepairTest, AReplayIsNotDueBeforeTheRegistrationIsAnswered) {
  SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  settle();
  Registration again = registration("a", 0, 1, 2);
  again.locations = {stating(4, {1, 2, 3, 4})};
  again.locations[0].replayableFrom = 1;
  session = registered(again);
  for (int i = 0; i < 15; ++i) {
    clock_.nowMs += 1'000;
    registry_->tick();
  }
  EXPECT_TRUE(link_.replays.empty());
  EXPECT_TRUE(link_.syncs.empty());
  EXPECT_EQ(location().sync, SyncState::kReplaying);
  settle();
  registry_->tick();
  clock_.nowMs += 999;
  registry_->tick();
  EXPECT_TRUE(link_.replays.empty());
  clock_.nowMs += 1;
  registry_->tick();
  ASSERT_EQ(link_.replays.size(), 1u);
  EXPECT_EQ(link_.replays[0].from, 3u);
  EXPECT_EQ(link_.replays[0].to, 4u);
  clock_.nowMs += 9'000;
  registry_->tick();
  EXPECT_EQ(location().reason, Reason::kReplayTimedOut) << "which it is in the end";
}

// Whoever reports has its answer, whatever the store says.
TEST_F(RepairTest, AGapThatAReportShowsIsDueAtOnce) {
  const SessionId session = registered(registration("a", 0));
  send(session, 3, {3});
  EXPECT_EQ(link_.replays.size(), 1u);
  clock_.nowMs += 1'000;
  registry_->tick();
  EXPECT_EQ(link_.replays.size(), 2u);
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

}  // namespace
}  // namespace holdfast::test
