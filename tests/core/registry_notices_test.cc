// What the registry tells of a worker's life: whoever follows the notices knows what became of it.
#include <gmock/gmock.h>

#include "tests/core/repair_fixture.h"

namespace holdfast::test {
namespace {

class RegistryNoticesTest : public RepairTest {
 protected:
  // Names of the kinds since the last call.
  std::vector<std::string> said() {
    std::vector<std::string> names;
    for (const Notice& one : notices_.all) names.emplace_back(noticeName(one.index()));
    notices_.all.clear();
    return names;
  }
};

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(RegistryNoticesTest, ARegistrationSaysWhoItIsAndHowItWasKnown) {
  const SessionId session = registering(stating(0, {}), 1);
  ASSERT_THAT(said(), ElementsAre("worker_registered"));
  registering(stating(0, {}), 1);
  EXPECT_EQ(notices_.last<notice::WorkerRegistered>().known, notice::Known::kSameProcess);
  EXPECT_THAT(said(), ElementsAre("worker_registered"));
  EXPECT_NE(session, kNoSession);
  settle();
  restart();
  registering(stating(0, {}), 1);
  const auto back = notices_.last<notice::WorkerRegistered>();
  EXPECT_EQ(back.known, notice::Known::kRecovered);
  EXPECT_EQ(back.address, "10.0.0.1:0");
  EXPECT_EQ(back.model, "default");
  EXPECT_EQ(back.locations, 1u);
  EXPECT_EQ(back.inSync, 1u);
}

TEST_F(RegistryNoticesTest, TheFirstSupersessionIsToldAndTheNextSoonAfterIsAWarning) {
  registering(stating(0, {}), 1);
  said();
  registering(stating(0, {}), 2);
  EXPECT_THAT(said(), ElementsAre("worker_superseded", "worker_registered"));
  registering(stating(0, {}), 3);
  EXPECT_THAT(said(), ElementsAre("worker_contested", "worker_registered"));
}

TEST_F(RegistryNoticesTest, ALostWorkerReturns) {
  registry_->registration().connectionClosed(registering(stating(0, {})));
  said();
  clock_.nowMs += 700;
  registering(stating(0, {}));
  EXPECT_EQ(notices_.last<notice::WorkerReturned>().lostMs, 700u);
  EXPECT_THAT(said(), ElementsAre("worker_returned"));
}

TEST_F(RegistryNoticesTest, ADeregistrationSaysWhatIsDropped) {
  const SessionId session = registering(stating(0, {}));
  ASSERT_EQ(send(session, 1, {1, 2}), ReportOutcome::kApplied);
  said();
  ASSERT_TRUE(registry_->registration().deregister(session).ok());
  EXPECT_EQ(notices_.last<notice::WorkerDeregistered>().chunks, 2u);
  EXPECT_THAT(said(), ElementsAre("worker_deregistered"));
}

TEST_F(RegistryNoticesTest, ARefusalNamesTheReason) {
  expectRegistrationRefused("instance id", registration("", 7));
  const auto refused = notices_.last<notice::RegistrationRefused>();
  EXPECT_EQ(refused.worker.worker, 7u);
  EXPECT_THAT(refused.reason, testing::HasSubstr("instance id"));
}

TEST_F(RegistryNoticesTest, AReplayIsToldAndThatTheLocationIsInSyncAfterIt) {
  const SessionId session = registering(stating(0, {}));
  ASSERT_EQ(send(session, 1, {1}), ReportOutcome::kApplied);
  settle();
  restart();
  said();
  // It still has the operation that came after.
  LocationStatement behind = stating(2, {1, 2});
  behind.replayableFrom = 2;
  const SessionId back = registering(behind);
  const auto expected = notices_.last<notice::ReplayExpected>();
  EXPECT_EQ(expected.fromSeq, 2u);
  EXPECT_EQ(expected.toSeq, 2u);
  EXPECT_THAT(said(), ElementsAre("replay_expected", "worker_registered"));
  ASSERT_EQ(send(back, 2, {2}), ReportOutcome::kApplied);
  EXPECT_EQ(heartbeat(back, stating(2, {1, 2})), SyncState::kInSync);
  EXPECT_EQ(notices_.last<notice::LocationInSync>().chunks, 2u);
  EXPECT_THAT(said(), ElementsAre("location_in_sync"));
  // Only reports came since: nothing was wrong, so nothing is told.
  ASSERT_EQ(send(back, 3, {3}), ReportOutcome::kApplied);
  EXPECT_EQ(heartbeat(back, stating(3, {1, 2, 3})), SyncState::kInSync);
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(RegistryNoticesTest, AFullSyncIsToldFromTheDecisionToTheComparison) {
  const SessionId session = diverged({1, 2});
  EXPECT_THAT(said(), ElementsAre("location_diverged", "worker_registered"));
  start(session, cut(9, {1, 2}, 2));
  ASSERT_TRUE(batch(session, 9, 0, {1}));
  settle();
  said();
  // The same sync goes on when the process registers again.
  LocationStatement statement = stating(5, {1, 2});
  statement.syncId = 9;
  const SessionId again = registering(statement);
  const auto kept = notices_.last<notice::FullSyncKept>();
  EXPECT_EQ(kept.batchesStored, 1u);
  EXPECT_EQ(kept.batches, 2u);
  EXPECT_THAT(said(), ElementsAre("full_sync_kept", "worker_registered"));
  start(again, cut(9, {1, 2}, 2));
  ASSERT_TRUE(batch(again, 9, 1, {2}));
  end(again, 9, 2);
  work();
  EXPECT_THAT(said(), ElementsAre("full_sync_begun", "full_sync_done"));
  settle();
  EXPECT_EQ(heartbeat(again, stating(5, {1, 2})), SyncState::kInSync);
  EXPECT_THAT(said(), ElementsAre("location_in_sync"));
}

TEST_F(RegistryNoticesTest, ContentThatIsNoLongerStatedIsToldAsDropped) {
  const SessionId session = registering(stating(0, {}));
  ASSERT_EQ(send(session, 1, {1}), ReportOutcome::kApplied);
  settle();
  said();
  // Another process, with nothing in the same location.
  registering(stating(0, {}, kIncarnation + 1), 2);
  const auto forgotten = notices_.last<notice::LocationForgotten>();
  EXPECT_EQ(forgotten.chunks, 1u);
  EXPECT_EQ(forgotten.reason, Reason::kRestartedEmpty);
}

TEST_F(RegistryNoticesTest, DroppedReportsAreToldInSumsOnceAMinute) {
  const SessionId session = registering(stating(0, {}));
  said();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(report(session, 1, {1}, 11, "gpu").ok());
  registry_->tick();
  EXPECT_EQ(notices_.last<notice::ReportsDropped>().locationNotStated, 3u);
  EXPECT_THAT(said(), ElementsAre("location_not_stated", "reports_dropped"));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(report(session, 1, {1}, 12).ok());
  ASSERT_TRUE(report(session + 100, 1, {1}).ok());
  registry_->tick();
  EXPECT_THAT(said(), ElementsAre("incarnation_not_stated"));
  clock_.nowMs += 60'000;
  registry_->registration().heartbeat(session, {}).ok();
  registry_->tick();
  const auto dropped = notices_.of<notice::ReportsDropped>();
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0].locationNotStated, 0u);
  EXPECT_EQ(dropped[0].incarnationNotStated, 2u);
  EXPECT_EQ(dropped[0].sessionOver, 1u);
}

TEST_F(RegistryNoticesTest, AWorkerThatIsToldToWaitIsToldToGoOn) {
  const SessionId session = registering(stating(0, {}));
  said();
  store_->setHealth({false, "the disk is full"});
  ASSERT_EQ(send(session, 1, {1}), ReportOutcome::kRefused);
  EXPECT_EQ(notices_.last<notice::WorkerPaused>().reason, "the disk is full");
  EXPECT_EQ(levelOf(notices_.all.back()), NoticeLevel::kDebug);
  store_->setHealth({});
  registry_->tick();
  EXPECT_THAT(said(), ElementsAre("worker_paused", "worker_resumed"));
}

}  // namespace
}  // namespace holdfast::test
