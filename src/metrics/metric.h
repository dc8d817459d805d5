// One metric: what it is called, what it means, and where its values come from.
#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/histogram.h"
#include "core/queries/instance_counts.h"
#include "metrics/snapshot.h"
#include "serving/latency_histogram.h"

namespace holdfast::metrics {

// As dashboard and documentation have them, in this order.
enum class Group : uint8_t {
  kLookups,
  kReports,
  kFleet,
  kRepair,
  kOperations,
  kStore,
  kProcess,
  kDoors,
  kReplicas,
  kEngines,
  kInstances,  // only where --metrics-instances asks for them
  kLmcache,    // only where its gateway is on
};
std::string_view titleOf(Group group);  // "Look-ups"

// Where a histogram has its buckets, at powers of two of its own unit, and what a unit is in that
// of the metric. Its first bucket is that of the zeros, if that is asked for.
struct Buckets {
  uint32_t firstPower = 0;
  uint32_t lastPower = 0;
  double unit = 1;
  bool zeros = false;
};

class Samples;

struct Metric {
  std::string_view name;
  prometheus::MetricType type = prometheus::MetricType::Gauge;
  Group group = Group::kProcess;
  std::string_view help;                        // a sentence without its full stop
  std::array<std::string_view, 2> labels = {};  // names; empty ones are none
  // One of these.
  void (*write)(const Snapshot& from, Samples& to) = nullptr;
  void (*writeInstance)(const queries::InstanceCounts& from, Samples& to) = nullptr;
};

// Takes the values of one metric.
class Samples {
 public:
  // All outlive it.
  Samples(const Metric& metric, prometheus::MetricFamily& to) : metric_(metric), to_(to) {}

  // Of a counter or a gauge. As many values of labels as the metric has labels.
  void add(double value, std::initializer_list<std::string_view> labels = {});
  void add(uint64_t value, std::initializer_list<std::string_view> labels = {}) {
    add(static_cast<double>(value), labels);
  }
  // Of a histogram.
  void add(const Histogram& values, const Buckets& buckets,
           std::initializer_list<std::string_view> labels = {});
  // The same of nanoseconds, in seconds.
  void add(const LatencyHistogram& values, const Buckets& buckets,
           std::initializer_list<std::string_view> labels = {});

 private:
  prometheus::ClientMetric& begin(std::initializer_list<std::string_view> labels);

  const Metric& metric_;
  prometheus::MetricFamily& to_;
};

// A name for people as the value of a label: "content differs" -> "content_differs".
std::string labelOf(std::string_view name);

}  // namespace holdfast::metrics
