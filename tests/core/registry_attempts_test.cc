// Which of several registrations is the newer one.
#include "core/notice.h"
#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

TEST_F(RegistryTest, TheNewestProcessWins) {
  const SessionId first = registered(registration("a", 0, 1));
  const SessionId second = registered(registration("a", 0, 2));
  EXPECT_EQ(link_.supersessions, 1);
  EXPECT_EQ(report(first, 1, {1}).value(), ReportOutcome::kDropped);
  EXPECT_EQ(registry_->registration().heartbeat(first, {}).error().code, ErrorCode::kSuperseded);
  expectRegistrationRefused("took this worker over", registration("a", 0, 1, 2),
                            ErrorCode::kSuperseded);
  EXPECT_TRUE(registry_->registration().deregister(first).ok());
  EXPECT_NE(registry_->tree().findWorker("a", 0), nullptr);
  registry_->registration().connectionClosed(first);
  EXPECT_EQ(registry_->tree().findWorker("a", 0)->session, second);
  // Once nobody is active, whoever comes back is taken.
  registry_->registration().connectionClosed(second);
  registered(registration("a", 0, 1, 3));
  registered(registration("a", 0, 5));
  EXPECT_EQ(notices_.last<notice::WorkerContested>().worker.instance, "a");
}

TEST_F(RegistryTest, AStaleAttemptIsRefused) {
  const SessionId session = registered(registration("a", 0, 1, 5));
  expectRegistrationRefused("attempt 4", registration("a", 0, 1, 4), ErrorCode::kSuperseded);
  expectRegistrationRefused("attempt 5", registration("a", 0, 1, 5), ErrorCode::kSuperseded);
  EXPECT_EQ(registry_->tree().findWorker("a", 0)->session, session);
}

// A seeded generator draws run and incarnations that were there before.
TEST_F(RegistryTest, AProcessThatRepeatsARunIsTakenOnceItIsKnownToBeAnother) {
  const ChunkHash old = 1;
  const ChunkHash fresh = 7;
  const auto holders = [&](ChunkHash key) {
    return registry_->kv().lookup("", {&key, 1}).value().size();
  };
  const auto begins = [&](uint64_t attempt, bool later) {
    Registration message = registration("a", 0, 5, attempt);
    message.onLaterConnection = later;
    return message;
  };
  const SessionId first = registered(begins(1, true));
  registered(begins(2, false));
  const SessionId second = registered(begins(3, false));
  ASSERT_TRUE(report(second, 1, {old, 2, 3}).ok());
  // Nobody is connected; what was delayed on its way is no newer for that.
  registry_->registration().connectionClosed(second);
  expectRegistrationRefused("came after attempt 3", begins(2, false), ErrorCode::kSuperseded);
  expectRegistrationRefused("came after attempt 3", begins(3, false), ErrorCode::kSuperseded);
  const auto again = registry_->registration().registerWorker(begins(1, true), link_);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().decisions[0].reason, Reason::kRunRepeated);
  const SessionId third = again.value().session;
  EXPECT_EQ(notices_.count<notice::RunRepeated>(), 1u);
  EXPECT_EQ(holders(old), 0u) << "it died with the former process";
  EXPECT_EQ(report(third, 1, {fresh}).value(), ReportOutcome::kApplied);
  EXPECT_EQ(holders(fresh), 1u);
  // The same while the former one's session has not been found dead yet.
  const SessionId fourth = registered(begins(1, true));
  EXPECT_EQ(link_.supersessions, 1);
  EXPECT_EQ(registry_->registration().heartbeat(third, {}).error().code, ErrorCode::kSuperseded);
  EXPECT_EQ(holders(fresh), 0u);
  EXPECT_EQ(report(fourth, 1, {fresh}).value(), ReportOutcome::kApplied);
  settle();
  restart();
  EXPECT_EQ(registry_->tree().memberships(), 1u);
  EXPECT_NE(first, second);
}

TEST_F(RegistryTest, AConnectionIsLaterThanTheRegistrationsBeforeIt) {
  const RegistryTree& tree = registry_->tree();
  const SessionId atFirst = tree.newestSession();
  EXPECT_TRUE(tree.openedSince("a", 0, atFirst)) << "nothing was registered";
  registered(registration("a", 0));
  EXPECT_FALSE(tree.openedSince("a", 0, atFirst));
  const SessionId then = tree.newestSession();
  EXPECT_TRUE(tree.openedSince("a", 0, then));
  registered(registration("b", 0));
  EXPECT_TRUE(tree.openedSince("a", 0, then)) << "another worker's does not matter";
  settle();
  restart();
  EXPECT_TRUE(registry_->tree().openedSince("a", 0, 0)) << "no connection is older than the start";
}

}  // namespace
}  // namespace holdfast::test
