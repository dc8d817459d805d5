// The store, the process, and who is connected to it.
#include "core/limits.h"
#include "metrics/table.h"

namespace holdfast::metrics {
namespace {

using prometheus::MetricType;

// 16 us to 17 s.
constexpr Buckets kCommitSeconds{.firstPower = 14, .lastPower = 34, .unit = 1e-9};
// 1 ms to 69 s.
constexpr Buckets kFoldSeconds{.firstPower = 20, .lastPower = 36, .unit = 1e-9};
// 8 us to 1 s.
constexpr Buckets kTurnSeconds{.firstPower = 13, .lastPower = 30, .unit = 1e-9};

void writeByName(const CountsByName& counts, Samples& to) {
  for (const auto& [name, count] : counts) to.add(count, {name});
}

constexpr Metric kProcessMetrics[] = {
    {"holdfast_store_writable",
     MetricType::Gauge,
     Group::kStore,
     "1 while the store can write; 0: reports are refused",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.storeWritable ? 1.0 : 0.0); }},
    {"holdfast_store_queue_bytes",
     MetricType::Gauge,
     Group::kStore,
     "Queued to the store and not yet committed",
     {},
     [](const Snapshot& from, Samples& to) { to.add(uint64_t{from.store.queueBytes}); }},
    {"holdfast_store_queue_max_bytes",
     MetricType::Gauge,
     Group::kStore,
     "What may be queued to the store; reports wait from half of it",
     {},
     [](const Snapshot&, Samples& to) { to.add(uint64_t{kStoreQueueBytesMax}); }},
    {"holdfast_store_commit_duration_seconds",
     MetricType::Histogram,
     Group::kStore,
     "Time of a group of writes; synced: it waited for stable storage",
     {"synced"},
     [](const Snapshot& from, Samples& to) {
       to.add(from.store.syncedCommits, kCommitSeconds, {"true"});
       to.add(from.store.commits, kCommitSeconds, {"false"});
     }},
    {"holdfast_store_unsynced_seconds",
     MetricType::Gauge,
     Group::kStore,
     "Since everything committed was on stable storage: what a power loss now would take",
     {},
     [](const Snapshot& from, Samples& to) {
       to.add(static_cast<double>(from.store.lastSyncAgeMs) / 1e3);
     }},
    {"holdfast_store_bytes",
     MetricType::Gauge,
     Group::kStore,
     "The store's directory on the disk",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.store.bytesOnDisk); }},
    {"holdfast_wal_bytes",
     MetricType::Gauge,
     Group::kStore,
     "The write-ahead log on the disk, which a start reads again",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.store.walBytes); }},
    {"holdfast_disk_free_bytes",
     MetricType::Gauge,
     Group::kStore,
     "What the controller may still use of the store's disk",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.store.diskFreeBytes); }},
    {"holdfast_disk_size_bytes",
     MetricType::Gauge,
     Group::kStore,
     "Size of the store's disk",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.store.diskBytes); }},
    {"holdfast_store_families",
     MetricType::Gauge,
     Group::kStore,
     "Column families of the store, one for each worker and instance",
     {"state"},
     [](const Snapshot& from, Samples& to) {
       to.add(uint64_t{from.store.familiesUsed}, {"used"});
       to.add(uint64_t{from.store.familiesFree}, {"free"});
     }},
    {"holdfast_folds_total",
     MetricType::Counter,
     Group::kStore,
     "Journals that were folded into segments, by how that ended",
     {"outcome"},
     [](const Snapshot& from, Samples& to) {
       to.add(from.status.counters.foldsCommitted, {"committed"});
       to.add(from.status.counters.foldsAbandoned, {"abandoned"});
     }},
    {"holdfast_fold_duration_seconds",
     MetricType::Histogram,
     Group::kStore,
     "Time of a fold",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.store.folds, kFoldSeconds); }},
    {"holdfast_recovery_duration_seconds",
     MetricType::Gauge,
     Group::kStore,
     "Time of the last start, from its begin until everything was read back",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.recoverySeconds); }},
    {"holdfast_capture_bytes_total",
     MetricType::Counter,
     Group::kStore,
     "Written to capture logs",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.captureBytes); }},

    {"holdfast_build_info",
     MetricType::Gauge,
     Group::kProcess,
     "1; the labels say what runs",
     {"version"},
     [](const Snapshot& from, Samples& to) { to.add(1.0, {from.version}); }},
    {"holdfast_loop_turn_duration_seconds",
     MetricType::Histogram,
     Group::kProcess,
     "Time of a turn of the event loop, which every other message waits for",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.loopTurns, kTurnSeconds); }},
    {"holdfast_scrape_turn_duration_seconds",
     MetricType::Histogram,
     Group::kProcess,
     "What a scrape took of a turn of the event loop",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.measured.scrapeTurns, kTurnSeconds); }},
    {"process_cpu_seconds_total",
     MetricType::Counter,
     Group::kProcess,
     "Time that all threads spent on a processor",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.process.cpuSeconds); }},
    {"process_resident_memory_bytes",
     MetricType::Gauge,
     Group::kProcess,
     "Resident memory",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.process.residentBytes); }},
    {"process_virtual_memory_bytes",
     MetricType::Gauge,
     Group::kProcess,
     "Virtual memory",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.process.virtualBytes); }},
    {"process_open_fds",
     MetricType::Gauge,
     Group::kProcess,
     "Files and sockets that are open",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.openFiles); }},
    {"process_max_fds",
     MetricType::Gauge,
     Group::kProcess,
     "Files and sockets that may be open",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.process.filesMax); }},
    {"process_start_time_seconds",
     MetricType::Gauge,
     Group::kProcess,
     "When the process was started, since the epoch",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.process.startTimeSeconds); }},

    {"holdfast_connections",
     MetricType::Gauge,
     Group::kDoors,
     "Connections that are open",
     {"door"},
     [](const Snapshot& from, Samples& to) {
       to.add(uint64_t{from.rpcConnections}, {"rpc"});
       to.add(uint64_t{from.httpConnections}, {"http"});
     }},
    {"holdfast_connections_max",
     MetricType::Gauge,
     Group::kDoors,
     "Connections that may be open",
     {},
     [](const Snapshot& from, Samples& to) { to.add(uint64_t{from.connectionsMax}); }},
    {"holdfast_connections_closed_total",
     MetricType::Counter,
     Group::kDoors,
     "Connections that have ended, by why",
     {"reason"},
     [](const Snapshot& from, Samples& to) { writeByName(from.connectionsClosed, to); }},
    {"holdfast_lmcache_messages_total",
     MetricType::Counter,
     Group::kDoors,
     "Messages of LMCache's workers that were read, by what they are; refused: none of the wire, "
     "or "
     "not in place there",
     {"type"},
     [](const Snapshot& from, Samples& to) {
       const Measurements::Lmcache& counts = from.measured.lmcache;
       to.add(counts.registrations, {"register"});
       to.add(counts.deregistrations, {"deregister"});
       to.add(counts.heartbeats, {"heartbeat"});
       to.add(counts.reports, {"report"});
       to.add(counts.peerLookups, {"p2p_lookup"});
       to.add(counts.syncMessages, {"full_sync"});
       to.add(counts.malformed, {"refused"});
     }},
    {"holdfast_lmcache_operations_total",
     MetricType::Counter,
     Group::kDoors,
     "Admits and evicts that LMCache's workers reported",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.measured.lmcache.operations); }},
    {"holdfast_lmcache_gaps_total",
     MetricType::Counter,
     Group::kDoors,
     "Gaps in the numbers of their reports: what was lost on the way",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.measured.lmcache.gaps); }},
    {"holdfast_lmcache_ignored_total",
     MetricType::Counter,
     Group::kDoors,
     "What LMCache's workers sent in vain, by why: not registered, not the process that is, given "
     "up for lost before, an address that may not connect",
     {"reason"},
     [](const Snapshot& from, Samples& to) {
       const Measurements::Lmcache& counts = from.measured.lmcache;
       to.add(counts.fromNobody, {"nobody"});
       to.add(counts.fromOthers, {"other_process"});
       to.add(counts.late, {"late"});
       to.add(counts.addressesRefused, {"address"});
     }},
    {"holdfast_lmcache_full_syncs_total",
     MetricType::Counter,
     Group::kDoors,
     "Full syncs of LMCache's workers: asked for, taken into the registry, given up on the way",
     {"outcome"},
     [](const Snapshot& from, Samples& to) {
       const Measurements::Lmcache& counts = from.measured.lmcache;
       to.add(counts.syncsAsked, {"asked"});
       to.add(counts.syncsTaken, {"taken"});
       to.add(counts.syncsDropped, {"dropped"});
     }},
    {"holdfast_auth_failures_total",
     MetricType::Counter,
     Group::kDoors,
     "Callers that were turned away, by why",
     {"reason"},
     [](const Snapshot& from, Samples& to) { writeByName(from.authFailures, to); }},
};

}  // namespace

std::span<const Metric> processMetrics() {
  return kProcessMetrics;
}

}  // namespace holdfast::metrics
