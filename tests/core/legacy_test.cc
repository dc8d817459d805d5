// Clients without incarnations: the rules of the original, with what is better here.
#include "tests/core/repair_fixture.h"

namespace holdfast::test {
namespace {

class LegacyTest : public RepairTest {
 protected:
  SessionId legacy() { return registering(stating(0, {}, 0), ++run_); }
  SessionId synced(const std::vector<ChunkHash>& keys) {
    const SessionId session = legacy();
    EXPECT_TRUE(start(session, cut(77, keys, 1, 0, 0)).accepted);
    batch(session, 77, 0, keys, 0);
    end(session, 77, keys.size(), 0);
    settle();
    EXPECT_TRUE(status(session, 77, 0).complete);
    return session;
  }
  uint64_t run_ = 0;
};

TEST_F(LegacyTest, ARegistrationMeansForgottenAndAFullSyncByTheNextHeartbeat) {
  SessionId session = synced({1, 2});
  EXPECT_TRUE(found(1));
  session = legacy();
  EXPECT_FALSE(found(1));
  EXPECT_TRUE(link_.syncs.empty()) << "legacy clients have no way to be called";
  heartbeat(session, stating(0, {}, 0));
  ASSERT_EQ(outcome_.commands.size(), 1u);
  EXPECT_EQ(outcome_.commands[0].first, "cpu");
}

TEST_F(LegacyTest, AKeyThatComesTwiceFailsTheSync) {
  const SessionId session = legacy();
  FullSyncStart message = cut(77, {1, 1, 2}, 1, 0, 0);
  message.digest = {};
  EXPECT_TRUE(start(session, message).accepted);
  batch(session, 77, 0, {1, 1, 2}, 0);
  EXPECT_FALSE(end(session, 77, 3, 0).known);
  EXPECT_EQ(location().sync, SyncState::kDiverged);
}

TEST_F(LegacyTest, GapsAreCountedAndNumbersFromThePastForgetEverything) {
  const SessionId session = synced({1, 2});
  EXPECT_EQ(send(session, 500, {3}, 0), ReportOutcome::kApplied);
  EXPECT_EQ(send(session, 501, {4}, 0), ReportOutcome::kApplied);
  EXPECT_EQ(registry_->counters().reportsGap, 0u);
  EXPECT_EQ(send(session, 510, {5}, 0), ReportOutcome::kApplied);
  EXPECT_EQ(registry_->counters().reportsGap, 1u);
  EXPECT_EQ(location().count, 5u);
  EXPECT_TRUE(link_.replays.empty());
  settle();
  EXPECT_EQ(send(session, 3, {6}, 0), ReportOutcome::kApplied);
  EXPECT_EQ(location().count, 1u);
  EXPECT_EQ(location().sync, SyncState::kDiverged);
  settle();
  restart();
  EXPECT_EQ(report_.quarantined, 0u);
  EXPECT_EQ(report_.chunks, 1u);
}

TEST_F(LegacyTest, OperationsDuringItsSyncAreKept) {
  const SessionId session = synced({1, 2});
  send(session, 10, {3}, 0);
  EXPECT_TRUE(registry_->operators().forceSync("a", 0, "").ok());
  ASSERT_TRUE(start(session, cut(78, {1, 2, 3}, 1, 0, 0)).accepted);
  send(session, 11, {4}, 0);
  EXPECT_TRUE(found(4));
  batch(session, 78, 0, {1, 2, 3}, 0);
  end(session, 78, 3, 0);
  work();
  settle();
  EXPECT_TRUE(status(session, 78, 0).complete);
  EXPECT_EQ(location().count, 4u);
}

}  // namespace
}  // namespace holdfast::test
