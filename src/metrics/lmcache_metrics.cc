// LMCache's controller's own metrics, for dashboards and alerts that know their names.
#include <array>
#include <string_view>

#include "metrics/table.h"

namespace holdfast::metrics {
namespace {

constexpr auto kThere = prometheus::MetricType::Gauge;

uint64_t syncsIn(const Snapshot& from, FullSyncTracker::Phase phase) {
  return from.fullSyncs[static_cast<size_t>(phase)];
}

// It is asked for only where there is a gateway, but for documentation.
LmcacheTraffic trafficOf(const Snapshot& from) {
  return from.lmcache.value_or(LmcacheTraffic());
}

constexpr std::array<std::string_view, 2> kRole = {"role"};

template <typename Number>
void addOne(Samples& to, Number value) {
  to.add(static_cast<double>(value), {"controller"});
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
     "Messages that came to the PULL socket", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, trafficOf(from).pullMessages); }},
    {"lmcache:cache_controller_reply_socket_message_count", kThere, Group::kLmcache,
     "Messages that came to the socket of requests", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, trafficOf(from).replyMessages); }},
    {"lmcache:cache_controller_pull_socket_has_pending", kThere, Group::kLmcache,
     "1 while the PULL socket has messages that were not taken from it", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, trafficOf(from).pullPending ? 1 : 0); }},
    {"lmcache:cache_controller_reply_socket_has_pending", kThere, Group::kLmcache,
     "1 while the socket of requests has messages that were not taken from it", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, trafficOf(from).replyPending ? 1 : 0); }},
    {"lmcache:cache_controller_pull_socket_active_requests", kThere, Group::kLmcache,
     "Messages of the PULL socket that wait for the controller", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, trafficOf(from).pullActive); }},
    {"lmcache:cache_controller_reply_socket_active_requests", kThere, Group::kLmcache,
     "Requests that are not answered yet", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, trafficOf(from).replyActive); }},
    {"lmcache:cache_controller_kv_op_seq_discontinuity_count", kThere, Group::kLmcache,
     "Times that the number of an operation was not the one after the last", kRole,
     [](const Snapshot& from, Samples& to) { addOne(to, trafficOf(from).gaps); }},
    {"lmcache:cache_controller_full_sync_workers_syncing", kThere, Group::kLmcache,
     "Full syncs under way", kRole,
     [](const Snapshot& from, Samples& to) {
       addOne(to, syncsIn(from, FullSyncTracker::Phase::kRunning));
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
