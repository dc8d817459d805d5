// What routers asked, what workers reported, and who is there.
#include <algorithm>
#include <string>

#include "core/limits.h"
#include "core/states.h"
#include "metrics/table.h"

namespace holdfast::metrics {
namespace {

using prometheus::MetricType;

// 16 us to 8.6 s; at powers of two of nanoseconds LatencyHistogram is exact.
constexpr Buckets kLookupSeconds{.firstPower = 14, .lastPower = 33, .unit = 1e-9};
// As many chunks as a look-up may ask for.
constexpr Buckets kChunks{.firstPower = 0, .lastPower = 16, .zeros = true};

// "HiddenLost" -> "hidden_lost"
std::string snakeOf(std::string_view camel) {
  std::string snake;
  for (const char c : camel) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !snake.empty()) snake += '_';
    snake += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return snake;
}

// Misses are counted by their reasons, each under a name of its own.
void writeLookups(const Snapshot& from, Samples& to) {
  constexpr std::string_view kMisses = "lookupMisses";
  const Counters& counters = from.status.counters;
  to.add(counters.matchedChunks.count() - counters.matchedChunks.zeros(), {"hit"});
  uint64_t others = counters.matchedChunks.zeros();
  for (const auto& [name, count] : named(counters)) {
    if (!name.starts_with(kMisses)) continue;
    to.add(count, {snakeOf(name.substr(kMisses.size()))});
    others -= std::min(others, count);
  }
  to.add(others, {"other_miss"});
}

void writeReports(const Snapshot& from, Samples& to) {
  const Counters& counters = from.status.counters;
  to.add(counters.reportsApplied, {"applied"});
  to.add(counters.reportsRetransmitted, {"retransmitted"});
  to.add(counters.reportsHeld, {"held"});
  to.add(counters.reportsGap, {"gap"});
  to.add(counters.reportsDropped, {"dropped"});
  to.add(counters.reportsRefused, {"refused"});
}

void writeDropped(const Snapshot& from, Samples& to) {
  const Counters& counters = from.status.counters;
  to.add(counters.reportsNotStated, {"location_not_stated"});
  to.add(counters.reportsOtherIncarnation, {"other_incarnation"});
  to.add(counters.reportsDropped - counters.reportsNotStated - counters.reportsOtherIncarnation,
         {"session_over"});
}

void writeWorkers(const Snapshot& from, Samples& to) {
  to.add(from.status.workersActive, {labelOf(workerStateName(WorkerState::kActive))});
  to.add(from.status.workersLost, {labelOf(workerStateName(WorkerState::kLost))});
  to.add(from.status.workersRecovered, {labelOf(workerStateName(WorkerState::kRecovered))});
}

void writeLocations(const Snapshot& from, Samples& to) {
  for (size_t i = 0; i < kSyncStates; ++i) {
    to.add(from.status.locationsBySync[i], {labelOf(syncStateName(static_cast<SyncState>(i)))});
  }
}

void writeUsed(const Snapshot& from, Samples& to) {
  for (const LimitUse& use : from.status.limits) to.add(use.used, {labelOf(limitName(use.limit))});
}

void writeMax(const Snapshot& from, Samples& to) {
  for (const LimitUse& use : from.status.limits) to.add(use.max, {labelOf(limitName(use.limit))});
}

void writeHashingBlocks(const Snapshot& from, Samples& to) {
  to.add(from.hashing.sampled.fitted, {"fitted"});
  to.add(from.hashing.sampled.differing, {"differing"});
  to.add(from.hashing.sampled.unchecked, {"unchecked"});
}

void writeHashingSources(const Snapshot& from, Samples& to) {
  for (size_t i = 0; i < kHashingStates; ++i) {
    const auto state = static_cast<HashingState>(i);
    const uint64_t differing = state == HashingState::kFits ? from.hashing.streamsDiffering : 0;
    to.add(from.hashing.streams[i] - differing, {nameOf(state)});
  }
  to.add(from.hashing.streamsDiffering, {"differs"});
}

constexpr Metric kFleetMetrics[] = {
    {"holdfast_lookups_total",
     MetricType::Counter,
     Group::kLookups,
     "Look-ups of routers: hits, and misses by why nobody was named",
     {"result"},
     writeLookups},
    {"holdfast_lookup_duration_seconds",
     MetricType::Histogram,
     Group::kLookups,
     "Time of a router's look-up, from the arrival of its last byte to its answer",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.lookups, kLookupSeconds); }},
    {"holdfast_lookup_matched_chunks",
     MetricType::Histogram,
     Group::kLookups,
     "Chunks of the best match of a look-up, 0 for a miss",
     {},
     [](const Snapshot& from, Samples& to) {
       to.add(from.status.counters.matchedChunks, kChunks);
     }},
    {"holdfast_lookup_chunks_total",
     MetricType::Counter,
     Group::kLookups,
     "Chunks that look-ups asked for; matched chunks over these is the hit rate",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.lookupChunks); }},
    {"holdfast_p2p_lookups_total",
     MetricType::Counter,
     Group::kLookups,
     "Look-ups of workers for peers to fetch chunks from",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.p2pLookups); }},
    {"holdfast_hashing_blocks_total",
     MetricType::Counter,
     Group::kLookups,
     "Blocks of engines whose hashes were looked at; unchecked: only the engine can compute them",
     {"result"},
     writeHashingBlocks},
    {"holdfast_hashing_sources",
     MetricType::Gauge,
     Group::kLookups,
     "Media of engines by whether their hashes fit; look at those that differ, mixed and unknown",
     {"state"},
     writeHashingSources},

    {"holdfast_reports_total",
     MetricType::Counter,
     Group::kReports,
     "Reports of workers, by what became of them",
     {"outcome"},
     writeReports},
    {"holdfast_reports_dropped_total",
     MetricType::Counter,
     Group::kReports,
     "Reports that were dropped, by why",
     {"reason"},
     writeDropped},
    {"holdfast_operations_total",
     MetricType::Counter,
     Group::kReports,
     "Admits and evicts that were applied",
     {"kind"},
     [](const Snapshot& from, Samples& to) {
       const Counters& counters = from.status.counters;
       to.add(counters.operations - counters.evicts, {"admit"});
       to.add(counters.evicts, {"evict"});
     }},
    {"holdfast_held_operations",
     MetricType::Gauge,
     Group::kReports,
     "Operations in memory that wait for others before them",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.heldOperations); }},
    {"holdfast_held_bytes",
     MetricType::Gauge,
     Group::kReports,
     "Memory of the operations that wait for others before them",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.heldBytes); }},
    {"holdfast_heartbeats_total",
     MetricType::Counter,
     Group::kReports,
     "Heartbeats of workers",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.heartbeats); }},

    {"holdfast_instances",
     MetricType::Gauge,
     Group::kFleet,
     "Instances that are known",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.instances); }},
    {"holdfast_instances_contradicting",
     MetricType::Gauge,
     Group::kFleet,
     "Instances whose ranks contradict each other about how many they are",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.instancesContradicting); }},
    {"holdfast_workers",
     MetricType::Gauge,
     Group::kFleet,
     "Workers that are known, by state",
     {"state"},
     writeWorkers},
    {"holdfast_workers_quarantined",
     MetricType::Gauge,
     Group::kFleet,
     "Workers whose stored records are damaged, until they register",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.workersQuarantined); }},
    {"holdfast_locations",
     MetricType::Gauge,
     Group::kFleet,
     "Locations of workers, by how they compare with what is known of them",
     {"sync"},
     writeLocations},
    {"holdfast_memberships",
     MetricType::Gauge,
     Group::kFleet,
     "Chunks of all locations, each counted where it is held",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.memberships); }},
    {"holdfast_chunks",
     MetricType::Gauge,
     Group::kFleet,
     "Distinct chunks",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.chunks); }},
    {"holdfast_index_bytes",
     MetricType::Gauge,
     Group::kFleet,
     "Memory of the chunk index",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.indexBytes); }},
    {"holdfast_pins",
     MetricType::Gauge,
     Group::kFleet,
     "Chunks that are pinned, of all locations",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.pins); }},
    {"holdfast_registrations_total",
     MetricType::Counter,
     Group::kFleet,
     "Registrations that were taken",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.registrations); }},
    {"holdfast_supersessions_total",
     MetricType::Counter,
     Group::kFleet,
     "Sessions that ended because their worker registered again",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.supersessions); }},
    {"holdfast_deregistrations_total",
     MetricType::Counter,
     Group::kFleet,
     "Workers that left in order",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.deregistrations); }},
    {"holdfast_workers_lost_total",
     MetricType::Counter,
     Group::kFleet,
     "Times that a worker became LOST",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.status.counters.workersLost); }},
    {"holdfast_workers_forgotten_total",
     MetricType::Counter,
     Group::kFleet,
     "LOST workers that were forgotten, by why",
     {"reason"},
     [](const Snapshot& from, Samples& to) {
       to.add(from.status.counters.workersExpired, {"expired"});
       to.add(from.status.counters.workersMadeRoom, {"made_room"});
     }},
    {"holdfast_limit_used",
     MetricType::Gauge,
     Group::kFleet,
     "How much there is of what the fleet may fill up",
     {"limit"},
     writeUsed},
    {"holdfast_limit_max",
     MetricType::Gauge,
     Group::kFleet,
     "How much there may be of what the fleet may fill up",
     {"limit"},
     writeMax},
};

}  // namespace

std::span<const Metric> fleetMetrics() {
  return kFleetMetrics;
}

}  // namespace holdfast::metrics
