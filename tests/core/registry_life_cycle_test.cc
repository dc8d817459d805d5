// How workers are lost, come back, expire, are forgotten and drained.
#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

TEST_F(RegistryTest, ASilentWorkerLeavesLookupsAndComesBackWithItsState) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_TRUE(report(session, 1, {1}).ok());
  clock_.nowMs += 29'999;
  registry_->tick();
  const ChunkHash key = 1;
  EXPECT_EQ(registry_->kv().lookup("", {&key, 1}).value().size(), 1u);
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(link_.closures, 1);
  EXPECT_TRUE(registry_->kv().lookup("", {&key, 1}).value().empty());
  Registration back = registration("a", 0, 1, 2);
  back.locations[0] = {"cpu", 11, true, 1, 1, {}, 2};
  back.locations[0].digest.add(1);
  const auto result = registry_->registration().registerWorker(back, link_);
  EXPECT_EQ(result.value().decisions[0].kind, DecisionKind::kInSync);
  EXPECT_EQ(registry_->kv().lookup("", {&key, 1}).value().size(), 1u);
}

TEST_F(RegistryTest, ManySilentWorkersAreLostAndForgottenAFewAtEachTick) {
  constexpr size_t kEach = RegistrationController::kWorkersPerTick;
  const size_t workers = 2 * kEach + 100;
  options_.lifeCycle.workersMax = workers;
  open({});
  for (uint32_t i = 0; i < workers; ++i) {
    registered(registration("instance-" + std::to_string(i / 7), i % 7, i + 1));
  }
  settle();
  clock_.nowMs += 30'000;
  for (size_t lost : {kEach, 2 * kEach, workers}) {
    registry_->tick();
    EXPECT_EQ(registry_->tree().workersLost(), lost);
  }
  clock_.nowMs += 3'600'000;
  for (int ticks = 0; registry_->tree().workers() != 0; ++ticks) {
    ASSERT_LT(ticks, 10);
    const size_t before = registry_->tree().workers();
    registry_->tick();
    EXPECT_LE(before - registry_->tree().workers(), kEach);
    EXPECT_LT(registry_->tree().workers(), before);
  }
  EXPECT_TRUE(registry_->tree().instances().empty());
}

TEST_F(RegistryTest, ALostWorkerExpires) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_TRUE(report(session, 1, {1}).ok());
  registry_->registration().connectionClosed(session);
  clock_.nowMs += 3'599'999;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 1u);
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 0u);
  EXPECT_TRUE(registry_->tree().instances().empty());
  settle();
  restart();
  EXPECT_EQ(report_.workers, 0u);
}

TEST_F(RegistryTest, TheTimeAsLostGoesOnOverRestartsWhateverTheWallClockSays) {
  registry_->registration().connectionClosed(registered(registration("a", 0)));
  settle();
  // An hour in six pieces, with a restart after each.
  for (uint64_t n = 1; n <= 6; ++n) {
    clock_.nowMs += 599'999;
    clock_.wallJumpMs = n % 2 == 0 ? 36'000'000 : -36'000'000;
    registry_->tick();
    EXPECT_EQ(registry_->tree().workers(), 1u) << n;
    restart();
  }
  clock_.nowMs += 30'000;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 0u);
}

TEST_F(RegistryTest, WhoeverWasLostWhileTheControllerWasDownHasTimeToComeBack) {
  registry_->registration().connectionClosed(registered(registration("a", 0)));
  settle();
  clock_.nowMs += 36'000'000;
  restart();
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 1u);
  clock_.nowMs += 29'999;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 1u);
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 0u);
}

TEST_F(RegistryTest, ALostWorkerOfAnOlderStoreExpiresToo) {
  registry_->registration().connectionClosed(registered(registration("a", 0)));
  settle();
  MemoryStore::Disk disk = store_->afterCrash();
  for (auto& [owner, family] : disk) {
    if (family.worker) family.worker->lostStoreMs = 0;
  }
  open(std::move(disk));
  clock_.nowMs += 3'599'999;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 1u);
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 0u);
}

TEST_F(RegistryTest, ARecoveredWorkerServesUnconfirmedUntilItsTimeIsUp) {
  ASSERT_TRUE(report(registered(registration("a", 0)), 1, {1}).ok());
  settle();
  restart();
  EXPECT_EQ(report_.workers, 1u);
  EXPECT_EQ(report_.chunks, 1u);
  const ChunkHash key = 1;
  ASSERT_EQ(registry_->kv().lookup("", {&key, 1}).value().size(), 1u);
  EXPECT_TRUE(registry_->kv().lookup("", {&key, 1}).value()[0].unconfirmed);
  clock_.nowMs += 30'000;
  registry_->tick();
  EXPECT_TRUE(registry_->kv().lookup("", {&key, 1}).value().empty());
}

TEST_F(RegistryTest, ADrainedInstanceStaysOutOfLookUpsAlsoAfterARestart) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_TRUE(report(session, 1, {1}).ok());
  const ChunkHash key = 1;
  const auto found = [&] { return registry_->kv().lookup("", {&key, 1}).value().size(); };
  ASSERT_EQ(found(), 1u);
  ASSERT_TRUE(registry_->operators().drain("a", true).ok());
  EXPECT_EQ(found(), 0u);
  // What it holds is kept, and so are its reports.
  EXPECT_EQ(report(session, 2, {2}).value(), ReportOutcome::kApplied);
  EXPECT_EQ(registry_->tree().memberships(), 2u);
  settle();
  restart();
  EXPECT_EQ(found(), 0u);
  ASSERT_TRUE(registry_->operators().drain("a", false).ok());
  EXPECT_EQ(found(), 1u);
  EXPECT_FALSE(registry_->operators().drain("b", true).ok());
}

TEST_F(RegistryTest, AnOperatorForgetsAWorker) {
  registered(registration("a", 0));
  settle();
  ASSERT_TRUE(registry_->operators().forget("a", 0).ok());
  EXPECT_EQ(link_.closures, 1);
  EXPECT_EQ(registry_->tree().workers(), 0u);
  EXPECT_FALSE(registry_->operators().forget("a", 0).ok());
  settle();
  restart();
  EXPECT_EQ(registry_->tree().workers(), 0u);
}

}  // namespace
}  // namespace holdfast::test
