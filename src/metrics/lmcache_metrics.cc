// LMCache's controller's own metrics, for dashboards and alerts that know their names.
#include <array>
#include <cstdint>
#include <string_view>

#include "metrics/table.h"

namespace holdfast::metrics {
namespace {

constexpr auto kThere = prometheus::MetricType::Gauge;
constexpr std::array<std::string_view, 2> kRole = {"role"};

template <typename Number>
void addOne(Samples& to, Number value) {
  to.add(static_cast<double>(value), {"controller"});
}

// What is not read yet waits in ZeroMQ's queues, which nobody counts; what is read is taken at
// once.
void addNothing(const Snapshot&, Samples& to) {
  addOne(to, 0);
}

constexpr Metric kLmcacheMetrics[] = {
    {"lmcache:cache_controller_kv_pool_keys_count", kThere, Group::kLmcache,
     "As holdfast_memberships", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, from.status.memberships); }},
    {"lmcache:cache_controller_registered_workers_count", kThere, Group::kLmcache,
     "Workers that are not LOST", kRole,
     [](const Snapshot& from, Samples& to) {
       addOne(to, from.status.workersActive + from.status.workersRecovered);
     }},
    {"lmcache:cache_controller_pull_socket_message_count", kThere, Group::kLmcache,
     "Reports in pieces, deregistrations, messages of full syncs", kRole,
     [](const Snapshot& from, Samples& to) {
       const Measurements::Lmcache& counts = from.measured.lmcache;
       addOne(to, counts.reports + counts.deregistrations + counts.syncMessages);
     }},
    {"lmcache:cache_controller_reply_socket_message_count", kThere, Group::kLmcache,
     "Registrations and P2P look-ups", kRole,
     [](const Snapshot& from, Samples& to) {
       const Measurements::Lmcache& counts = from.measured.lmcache;
       addOne(to, counts.registrations + counts.peerLookups);
     }},
    {"lmcache:cache_controller_pull_socket_has_pending", kThere, Group::kLmcache,
     "Always 0: nobody counts what waits in the PULL socket", kRole, addNothing},
    {"lmcache:cache_controller_reply_socket_has_pending", kThere, Group::kLmcache,
     "Always 0: nobody counts what waits in the socket of requests", kRole, addNothing},
    {"lmcache:cache_controller_pull_socket_active_requests", kThere, Group::kLmcache,
     "Always 0: what is read of the PULL socket is taken at once", kRole, addNothing},
    {"lmcache:cache_controller_reply_socket_active_requests", kThere, Group::kLmcache,
     "Always 0: what is read of the socket of requests is taken at once", kRole, addNothing},
    {"lmcache:cache_controller_kv_op_seq_discontinuity_count", kThere, Group::kLmcache,
     "As holdfast_lmcache_gaps_total", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, from.measured.lmcache.gaps); }},
    {"lmcache:cache_controller_full_sync_workers_syncing", kThere, Group::kLmcache,
     "Full syncs under way", kRole,
     [](const Snapshot& from, Samples& to) {
       addOne(to, from.fullSyncs[static_cast<size_t>(FullSyncTracker::Phase::kRunning)]);
     }},
    {"lmcache:cache_controller_full_sync_workers_completed", kThere, Group::kLmcache,
     "Full syncs that were completed since the start", kRole,
     [](const Snapshot& from, Samples& to) {
       addOne(to, from.status.counters.fullSyncsCompleted);
     }},
    {"lmcache:cache_controller_full_sync_global_progress", kThere, Group::kLmcache,
     "As holdfast_workers_synced_ratio", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, from.status.globalProgress); }},
    {"lmcache:cache_controller_full_sync_missing_batches_total", kThere, Group::kLmcache,
     "Batches that running full syncs have not brought yet", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, from.missingBatches); }},
};

}  // namespace

std::span<const Metric> lmcacheMetrics() {
  return kLmcacheMetrics;
}

}  // namespace holdfast::metrics
