// What is shown of every instance where that is asked for.
#include "core/states.h"
#include "metrics/table.h"

namespace holdfast::metrics {
namespace {

constexpr auto kInstanceGauge = prometheus::MetricType::Gauge;

constexpr Metric kInstanceMetrics[] = {
    {"holdfast_instance_workers",
     kInstanceGauge,
     Group::kInstances,
     "Workers of an instance, by state",
     {"instance_id", "state"},
     nullptr,
     [](const queries::InstanceCounts& from, Samples& to) {
       for (size_t i = 0; i < kWorkerStates; ++i) {
         const auto state = static_cast<WorkerState>(i);
         to.add(from.workers[i], {from.instance, labelOf(workerStateName(state))});
       }
     }},
    {"holdfast_instance_memberships",
     kInstanceGauge,
     Group::kInstances,
     "Chunks of all locations of an instance",
     {"instance_id"},
     nullptr,
     [](const queries::InstanceCounts& from, Samples& to) {
       to.add(from.memberships, {from.instance});
     }},
    {"holdfast_instance_locations_behind",
     kInstanceGauge,
     Group::kInstances,
     "Locations of an instance that are neither in sync nor caught up",
     {"instance_id"},
     nullptr,
     [](const queries::InstanceCounts& from, Samples& to) {
       to.add(from.locationsBehind, {from.instance});
     }},
};

}  // namespace

std::span<const Metric> instanceMetrics() {
  return kInstanceMetrics;
}

}  // namespace holdfast::metrics
