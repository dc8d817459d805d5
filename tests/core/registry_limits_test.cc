// What the fleet may fill up, and who makes room.
#include "core/notice.h"
#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

TEST_F(RegistryTest, AFullRegistryHasNewWorkersTryAgain) {
  for (uint32_t i = 0; i < 3; ++i) registered(registration("a", i));
  expectRegistrationRefused("3 workers", registration("a", 3), ErrorCode::kUnavailable);
  // Those that are expected back after a restart keep their place as well.
  settle();
  restart();
  expectRegistrationRefused("3 workers", registration("a", 3), ErrorCode::kUnavailable);
  registered(registration("a", 1, 2));
}

TEST_F(RegistryTest, LostWorkersMakeRoomFirstTheEmptyThenTheLongestLost) {
  std::vector<SessionId> sessions;
  for (uint32_t i = 0; i < 3; ++i) sessions.push_back(registered(registration("old", i)));
  ASSERT_TRUE(report(sessions[0], 1, {1, 2}).ok());
  ASSERT_TRUE(report(sessions[1], 1, {1, 2}).ok());
  for (const uint32_t i : {1u, 0u, 2u}) {
    registry_->registration().connectionClosed(sessions[i]);
    clock_.nowMs += 1000;
  }
  const auto known = [&](uint32_t rank) {
    return registry_->tree().findWorker("old", rank) != nullptr;
  };
  registered(registration("new", 0));
  EXPECT_TRUE(known(0) && known(1) && !known(2)) << "the empty one goes, though LOST last";
  registered(registration("new", 1));
  EXPECT_TRUE(known(0) && !known(1)) << "then the longest LOST";
  EXPECT_EQ(notices_.last<notice::EmptyWorkerMadeRoom>().worker.worker, 2u);
  EXPECT_EQ(notices_.last<notice::WorkerMadeRoom>().worker.worker, 1u);
  EXPECT_EQ(notices_.last<notice::WorkerMadeRoom>().chunks, 2u);
  settle();
  restart();
  EXPECT_EQ(report_.workers, 3u);
  EXPECT_TRUE(known(0) && !known(1) && !known(2)) << "forgotten for good";
  registered(registration("new", 2));
  EXPECT_FALSE(known(0));
  EXPECT_EQ(registry_->tree().findInstance("old"), nullptr);
  EXPECT_EQ(registry_->counters().workersMadeRoom, 1u) << "since the restart";
  expectRegistrationRefused("none of them LOST", registration("new", 3), ErrorCode::kUnavailable);
}

TEST_F(RegistryTest, TheLastWorkerOfAnInstanceMakesRoomForAnotherRankOfIt) {
  registered(registration("b", 0));
  registered(registration("c", 0));
  registry_->registration().connectionClosed(registered(registration("a", 0)));
  ASSERT_TRUE(report(registered(registration("a", 1)), 1, {1}).ok());
  settle();
  restart();
  EXPECT_EQ(report_.workers, 3u);
  EXPECT_EQ(registry_->tree().findWorker("a", 0), nullptr);
  EXPECT_EQ(registry_->tree().findWorker("a", 1)->locations[0]->count, 1u);
}

// Pods come and go, each with location names of its own.
TEST_F(RegistryTest, LocationNamesAreGivenBackWithTheLastLocationThatHasThem) {
  const auto pod = [](uint64_t n) {
    Registration message = registration("pod", static_cast<uint32_t>(n % 2), n + 1);
    message.locations.clear();
    for (uint64_t i = 0; i < kLocationsPerWorkerMax - 1; ++i) {
      const std::string name = "disk-" + std::to_string(n) + "-" + std::to_string(i);
      message.locations.push_back({name, n + 1, true, 0, 0, {}, 1});
    }
    message.locations.push_back({"gpu", n + 1, true, 0, 0, {}, 1});
    return message;
  };
  for (uint64_t n = 0; n * kLocationsPerWorkerMax < 2 * kLocationNamesMax; ++n) {
    const SessionId session = registered(pod(n));
    ASSERT_EQ(report(session, 1, {n}, n + 1, "gpu").value(), ReportOutcome::kApplied);
    const auto found = registry_->kv().lookup("", {&n, 1});
    ASSERT_EQ(found.value().size(), 1u);
    ASSERT_EQ(found.value()[0].location, "gpu");
    settle();
    registry_->work();
  }
  EXPECT_EQ(registry_->tree().locationNames().size(), 2 * (kLocationsPerWorkerMax - 1) + 1);
}

TEST_F(RegistryTest, MoreLocationNamesThanThereAreNumbersForHaveToWait) {
  options_.lifeCycle.workersMax = 2 * kLocationNamesMax / kLocationsPerWorkerMax;
  open({});
  const auto named = [](uint32_t rank, const std::string& prefix) {
    Registration message = registration("a", rank, rank + 1);
    message.locations.clear();
    for (size_t i = 0; i < kLocationsPerWorkerMax; ++i) {
      message.locations.push_back({prefix + std::to_string(i), 11, true, 0, 0, {}, 1});
    }
    return message;
  };
  const auto full = static_cast<uint32_t>(kLocationNamesMax / kLocationsPerWorkerMax);
  std::vector<SessionId> sessions;
  for (uint32_t rank = 0; rank < full; ++rank) {
    sessions.push_back(registered(named(rank, std::to_string(rank) + "/")));
  }
  registry_->tick();
  const auto near = notices_.last<notice::LimitNear>();
  EXPECT_EQ(near.limit, Limit::kLocationNames);
  EXPECT_EQ(near.used, kLocationNamesMax);
  EXPECT_EQ(near.max, kLocationNamesMax);
  expectRegistrationRefused("location names", named(full, "x"), ErrorCode::kUnavailable);
  registered(named(full, "7/"));
  ASSERT_TRUE(registry_->registration().deregister(sessions[0]).ok());
  registered(named(full + 1, "x"));
}

TEST_F(RegistryTest, ALimitIsSaidBeforeItIsReachedOnceUntilItIsFarAgain) {
  options_.lifeCycle.workersMax = 10;
  open({});
  std::vector<SessionId> sessions;
  const auto warnings = [&] { return notices_.count<notice::LimitNear>(); };
  const auto fillTo = [&](size_t count) {
    while (sessions.size() < count) {
      const auto rank = static_cast<uint32_t>(sessions.size());
      sessions.push_back(registered(registration("a", rank)));
    }
    for (; sessions.size() > count; sessions.pop_back()) {
      ASSERT_TRUE(registry_->registration().deregister(sessions.back()).ok());
    }
    registry_->tick();
  };
  fillTo(8);
  EXPECT_EQ(warnings(), 0u);
  fillTo(9);
  EXPECT_EQ(warnings(), 1u);
  EXPECT_EQ(notices_.last<notice::LimitNear>().limit, Limit::kWorkers);
  EXPECT_EQ(notices_.last<notice::LimitNear>().used, 9u);
  EXPECT_EQ(notices_.last<notice::LimitNear>().max, 10u);
  fillTo(8);
  fillTo(10);
  EXPECT_EQ(warnings(), 1u) << "near all the time";
  fillTo(7);
  fillTo(9);
  EXPECT_EQ(warnings(), 2u);
}

}  // namespace
}  // namespace holdfast::test
