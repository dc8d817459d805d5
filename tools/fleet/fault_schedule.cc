#include "fleet/fault_schedule.h"

#include "core/check.h"
#include "core/types.h"

namespace holdfast::fleet {

namespace {

// Streams of random numbers that have nothing to do with each other.
Random streamOf(uint64_t seed, uint64_t number) {
  return Random(splitmix64Finalise(seed) ^ splitmix64Finalise(~number));
}

// Streams of FaultPlan, beyond those of workers.
constexpr uint64_t kPlanStreams = uint64_t{1} << 32;

}  // namespace

ReportFates::ReportFates(const FaultOptions& options, uint64_t seed, size_t worker)
    : options_(options), random_(streamOf(seed, worker)) {}

ReportFates::Fate ReportFates::next() {
  double share = random_.share();
  const auto falls = [&](double ofThese) {
    const bool hit = share < ofThese;
    share -= ofThese;
    return hit;
  };
  if (falls(options_.drop)) return {.copies = 0, .afterReports = 0};
  if (falls(options_.duplicate)) return {.copies = 2, .afterReports = 0};
  if (falls(options_.reorder)) return {.copies = 1, .afterReports = 1};
  if (falls(options_.delay)) {
    return {.copies = 1, .afterReports = 2 + random_.below(FaultOptions::kDelayReportsMax - 1)};
  }
  return {};
}

FaultPlan::FaultPlan(const FaultOptions& options, uint64_t seed, size_t workers)
    : workers_(workers),
      series_{{Kind::kRestart, options.restartEvery, streamOf(seed, kPlanStreams)},
              {Kind::kCut, options.cutEvery, streamOf(seed, kPlanStreams + 1)},
              {Kind::kCorrupt, options.corruptEvery, streamOf(seed, kPlanStreams + 2)}} {
  HOLDFAST_CHECK(workers > 0, "faults without workers");
}

std::vector<FaultPlan::Event> FaultPlan::until(double seconds) {
  std::vector<Event> due;
  while (true) {
    Series* soonest = nullptr;
    for (Series& series : series_) {
      if (series.every <= 0 || series.nextAt() > seconds) continue;
      if (soonest == nullptr || series.nextAt() < soonest->nextAt()) soonest = &series;
    }
    if (soonest == nullptr) return due;
    ++soonest->count;
    Event event{.kind = soonest->kind,
                .worker = static_cast<size_t>(soonest->random.below(workers_)),
                .diskSurvives = false};
    if (event.kind == Kind::kRestart) event.diskSurvives = soonest->random.chance(0.5);
    due.push_back(event);
  }
}

}  // namespace holdfast::fleet
