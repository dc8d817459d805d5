#include "fleet/fault_schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace holdfast::fleet {
namespace {

using Fate = ReportFates::Fate;
using Event = FaultPlan::Event;

std::vector<Fate> fatesOf(const FaultOptions& options, uint64_t seed, size_t worker, size_t n) {
  ReportFates fates(options, seed, worker);
  std::vector<Fate> all;
  for (size_t i = 0; i < n; ++i) all.push_back(fates.next());
  return all;
}

TEST(ReportFates, SharesAreAsAskedFor) {
  constexpr size_t kReports = 100'000;
  FaultOptions options;
  options.drop = 0.01;
  options.duplicate = 0.02;
  options.reorder = 0.03;
  options.delay = 0.04;
  size_t dropped = 0, twice = 0, reordered = 0, delayed = 0;
  std::set<uint64_t> delays;
  for (const Fate& fate : fatesOf(options, 1, 0, kReports)) {
    dropped += fate.copies == 0;
    twice += fate.copies == 2;
    reordered += fate.afterReports == 1;
    delayed += fate.afterReports > 1;
    if (fate.afterReports > 1) delays.insert(fate.afterReports);
  }
  const auto expectShare = [&](size_t count, double share) {
    EXPECT_NEAR(static_cast<double>(count), share * kReports, 5 * std::sqrt(share * kReports));
  };
  expectShare(dropped, options.drop);
  expectShare(twice, options.duplicate);
  expectShare(reordered, options.reorder);
  expectShare(delayed, options.delay);
  EXPECT_EQ(*delays.begin(), 2u);
  EXPECT_EQ(*delays.rbegin(), FaultOptions::kDelayReportsMax);
}

TEST(ReportFates, AreDrawnForEachWorkerFromTheSeed) {
  FaultOptions options;
  options.drop = 0.5;
  const auto first = fatesOf(options, 1, 0, 200);
  EXPECT_EQ(fatesOf(options, 1, 0, 200), first);
  EXPECT_NE(fatesOf(options, 1, 1, 200), first);
  EXPECT_NE(fatesOf(options, 2, 0, 200), first);
}

TEST(ReportFates, WithoutFaultsAllGoOut) {
  for (const Fate& fate : fatesOf({}, 1, 0, 1'000)) EXPECT_EQ(fate, Fate{});
}

FaultOptions allKinds() {
  FaultOptions options;
  options.restartEvery = 1;
  options.cutEvery = 0.25;
  options.corruptEvery = 2.5;
  return options;
}

TEST(FaultPlan, EventsComeWhenTheyAreDue) {
  FaultPlan plan(allKinds(), 1, 10);
  EXPECT_TRUE(plan.until(0.2).empty());
  const auto first = plan.until(1);
  ASSERT_EQ(first.size(), 5u);
  std::map<FaultPlan::Kind, size_t> counts;
  for (const Event& event : plan.until(10)) ++counts[event.kind];
  EXPECT_EQ(counts[FaultPlan::Kind::kRestart], 9u);
  EXPECT_EQ(counts[FaultPlan::Kind::kCut], 36u);
  EXPECT_EQ(counts[FaultPlan::Kind::kCorrupt], 4u);
  EXPECT_TRUE(plan.until(10).empty());
  EXPECT_TRUE(FaultPlan({}, 1, 10).until(1e9).empty());
}

// However often it is asked: what happens does not depend on how fast the fleet is.
TEST(FaultPlan, IsDrawnFromTheSeedAlone) {
  const auto eventsOf = [](uint64_t seed, double step) {
    FaultPlan plan(allKinds(), seed, 1'000);
    std::vector<Event> all;
    for (double at = 0; at <= 50; at += step) {
      for (const Event& event : plan.until(at)) all.push_back(event);
    }
    return all;
  };
  const auto events = eventsOf(1, 0.125);
  EXPECT_EQ(events.size(), 50u + 200u + 20u);
  EXPECT_EQ(eventsOf(1, 12.5), events);
  EXPECT_NE(eventsOf(2, 12.5), events);
  std::set<size_t> workers;
  size_t survived = 0;
  for (const Event& event : events) {
    EXPECT_LT(event.worker, 1'000u);
    workers.insert(event.worker);
    survived += event.diskSurvives;
  }
  EXPECT_GT(workers.size(), 200u);
  EXPECT_GT(survived, 10u);
  EXPECT_LT(survived, 40u);
}

// A fault of one kind more does not move the others.
TEST(FaultPlan, KindsAreDrawnApart) {
  FaultOptions restarts;
  restarts.restartEvery = 1;
  std::vector<Event> all = FaultPlan(allKinds(), 1, 100).until(30);
  std::erase_if(all, [](const Event& event) { return event.kind != FaultPlan::Kind::kRestart; });
  EXPECT_EQ(FaultPlan(restarts, 1, 100).until(30), all);
}

}  // namespace
}  // namespace holdfast::fleet
