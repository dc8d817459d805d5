// What was repaired, and the cache operations that were asked for.
#include "core/cache_operations.h"
#include "core/decisions.h"
#include "metrics/table.h"

namespace holdfast::metrics {
namespace {

using prometheus::MetricType;

// 1 ms to 17 min.
constexpr Buckets kOperationSeconds{.firstPower = 0, .lastPower = 20, .unit = 1e-3};

void writeDecisions(const Snapshot& from, Samples& to) {
  for (size_t i = 1; i < kReasons; ++i) {
    to.add(from.status.counters.decisions[i], {labelOf(reasonName(static_cast<Reason>(i)))});
  }
}

void writeReplays(const Snapshot& from, Samples& to) {
  const Counters& counters = from.status.counters;
  to.add(counters.replaysFilled, {"filled"});
  to.add(counters.replaysFailed - counters.replaysTimedOut, {"refused"});
  to.add(counters.replaysTimedOut, {"timed_out"});
}

void writeFullSyncs(const Snapshot& from, Samples& to) {
  using Phase = FullSyncTracker::Phase;
  const auto in = [&from](Phase phase) { return from.fullSyncs[static_cast<size_t>(phase)]; };
  to.add(in(Phase::kQueued), {"queued"});
  to.add(in(Phase::kAsked), {"asked"});
  to.add(in(Phase::kRunning), {"running"});
  to.add(in(Phase::kBackingOff), {"backing_off"});
}

void writeOperationOutcomes(const Snapshot& from, Samples& to) {
  for (size_t i = 0; i < kOperationKinds; ++i) {
    const std::string_view kind = operationName(static_cast<OperationKind>(i));
    to.add(from.measured.operations[i].done, {kind, "done"});
    to.add(from.measured.operations[i].failed, {kind, "failed"});
  }
}

void writeOperationDurations(const Snapshot& from, Samples& to) {
  for (size_t i = 0; i < kOperationKinds; ++i) {
    to.add(from.measured.operations[i].milliseconds, kOperationSeconds,
           {operationName(static_cast<OperationKind>(i))});
  }
}

constexpr Metric kRepairMetrics[] = {
    {"holdfast_decisions_total",
     MetricType::Counter,
     Group::kRepair,
     "What was decided of locations that workers stated, by why",
     {"reason"},
     writeDecisions},
    {"holdfast_digest_mismatches_total",
     MetricType::Counter,
     Group::kRepair,
     "Contents that differed from what their worker stated of them",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.digestMismatches); }},
    {"holdfast_replays_asked_total",
     MetricType::Counter,
     Group::kRepair,
     "Times that a worker was asked to send operations again",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.replays); }},
    {"holdfast_replays_total",
     MetricType::Counter,
     Group::kRepair,
     "Replays that have ended, by how",
     {"outcome"},
     writeReplays},
    {"holdfast_replayed_operations_total",
     MetricType::Counter,
     Group::kRepair,
     "Operations that came with replays",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.replayedOperations); }},
    {"holdfast_full_syncs",
     MetricType::Gauge,
     Group::kRepair,
     "Locations that need a full sync, by how far it is; those that failed three times in a row "
     "are backing off",
     {"phase"},
     writeFullSyncs},
    {"holdfast_full_sync_starts_total",
     MetricType::Counter,
     Group::kRepair,
     "Full syncs that workers began, or went on with",
     {"kind"},
     [](const Snapshot& from, Samples& to) {
       to.add(from.status.counters.fullSyncsStarted, {"new"});
       to.add(from.status.counters.fullSyncsResumed, {"resumed"});
     }},
    {"holdfast_full_syncs_total",
     MetricType::Counter,
     Group::kRepair,
     "Full syncs that have ended, by how",
     {"outcome"},
     [](const Snapshot& from, Samples& to) {
       to.add(from.status.counters.fullSyncsCompleted, {"completed"});
       to.add(from.status.counters.fullSyncsFailed, {"failed"});
       to.add(from.status.counters.fullSyncsAbandoned, {"abandoned"});
     }},
    {"holdfast_full_sync_keys_total",
     MetricType::Counter,
     Group::kRepair,
     "Chunks that came with full syncs",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.resyncedKeys); }},
    {"holdfast_workers_synced_ratio",
     MetricType::Gauge,
     Group::kRepair,
     "Share of the registered workers without a full sync to do, 0 to 1",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.globalProgress); }},

    {"holdfast_cache_operations_total",
     MetricType::Counter,
     Group::kOperations,
     "Cache operations that have ended; done: every rank did it",
     {"kind", "outcome"},
     writeOperationOutcomes},
    {"holdfast_cache_operation_duration_seconds",
     MetricType::Histogram,
     Group::kOperations,
     "Time of a cache operation, from the request to the last rank's answer",
     {"kind"},
     writeOperationDurations},
    {"holdfast_cache_operations_unfinished",
     MetricType::Gauge,
     Group::kOperations,
     "Cache operations that some rank has not answered",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.eventsUnfinished); }},
    {"holdfast_cache_operations_remembered",
     MetricType::Gauge,
     Group::kOperations,
     "Cache operations that have ended and whose outcome is remembered",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.eventsFinished); }},
};

}  // namespace

std::span<const Metric> repairMetrics() {
  return kRepairMetrics;
}

}  // namespace holdfast::metrics
