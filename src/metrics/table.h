// Every metric that the controller exposes: the one table that a scrape writes, that
// docs/metrics.md is made of, and that alerts and dashboard are held to.
#pragma once

#include <span>

#include "metrics/metric.h"

namespace holdfast::metrics {

// By group, in the order of the text.
std::span<const Metric> table();

// The parts of the table.
std::span<const Metric> fleetMetrics();    // look-ups, reports, fleet
std::span<const Metric> repairMetrics();   // repair, cache operations
std::span<const Metric> processMetrics();  // store, process, doors
std::span<const Metric> replicaMetrics();
std::span<const Metric> engineMetrics();
std::span<const Metric> instanceMetrics();
std::span<const Metric> lmcacheMetrics();  // under the names that its controller has for them

}  // namespace holdfast::metrics
