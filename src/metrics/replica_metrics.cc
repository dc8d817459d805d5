// A controller in its group of controllers.
#include <limits>

#include "metrics/table.h"

namespace holdfast::metrics {
namespace {

using prometheus::MetricType;

constexpr Metric kReplicaMetrics[] = {
    {"holdfast_replica_role",
     MetricType::Gauge,
     Group::kReplicas,
     "1 for what the controller is in its group: alone, bootstrapping, follower, candidate, "
     "leader, "
     "cutOff",
     {"role"},
     [](const Snapshot& from, Samples& to) {
       for (size_t i = 0; i < kReplicaRoles; ++i) {
         const auto role = static_cast<ReplicaRole>(i);
         to.add(role == from.replica.role ? 1.0 : 0.0, {replicaRoleName(role)});
       }
     }},
    {"holdfast_replica_epoch",
     MetricType::Gauge,
     Group::kReplicas,
     "Of the newest leader that it knows of; rises with each that takes over",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.replica.epoch); }},
    {"holdfast_replica_index",
     MetricType::Gauge,
     Group::kReplicas,
     "Last frame of the group's log that its registry has",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.replica.index); }},
    {"holdfast_replica_lag_records",
     MetricType::Gauge,
     Group::kReplicas,
     "Records of the group's log that it knows of and has not applied",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.replica.lag); }},
    {"holdfast_replica_age_seconds",
     MetricType::Gauge,
     Group::kReplicas,
     "Since the newest valid record of the group's log came; 0 for who is alone, or leads and is "
     "heard by the log; +Inf: none came yet",
     {},
     [](const Snapshot& from, Samples& to) {
       const uint64_t ageMs = from.replica.ageMs;
       to.add(ageMs == ReplicaView::kAgeUnknown ? std::numeric_limits<double>::infinity()
                                                : static_cast<double>(ageMs) / 1e3);
     }},
};

}  // namespace

std::span<const Metric> replicaMetrics() {
  return kReplicaMetrics;
}

}  // namespace holdfast::metrics
