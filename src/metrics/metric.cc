#include "metrics/metric.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/check.h"

namespace holdfast::metrics {
namespace {

void addBucket(prometheus::ClientMetric::Histogram& to, uint64_t count, double bound) {
  to.bucket.push_back({.cumulative_count = count, .upper_bound = bound});
}

double boundOf(uint32_t power, const Buckets& buckets) {
  return std::ldexp(buckets.unit, static_cast<int>(power));
}

}  // namespace

std::string_view titleOf(Group group) {
  switch (group) {
    case Group::kLookups:
      return "Look-ups";
    case Group::kReports:
      return "Reports";
    case Group::kFleet:
      return "Fleet";
    case Group::kRepair:
      return "Repair";
    case Group::kOperations:
      return "Cache operations";
    case Group::kStore:
      return "Store";
    case Group::kProcess:
      return "Process";
    case Group::kDoors:
      return "Doors";
    case Group::kReplicas:
      return "Groups of controllers";
    case Group::kEngines:
      return "Engines";
    case Group::kInstances:
      return "Instances";
    case Group::kLmcache:
      return "LMCache's own";
  }
  return "?";
}

prometheus::ClientMetric& Samples::begin(std::initializer_list<std::string_view> labels) {
  const auto names = static_cast<size_t>(std::count_if(metric_.labels.begin(), metric_.labels.end(),
                                                       [](auto name) { return !name.empty(); }));
  HOLDFAST_CHECK(labels.size() == names, "%zu labels for %zu of a metric", labels.size(), names);
  prometheus::ClientMetric& sample = to_.metric.emplace_back();
  auto name = metric_.labels.begin();
  for (const std::string_view value : labels) {
    sample.label.push_back({std::string(*name++), std::string(value)});
  }
  return sample;
}

void Samples::add(double value, std::initializer_list<std::string_view> labels) {
  prometheus::ClientMetric& sample = begin(labels);
  (metric_.type == prometheus::MetricType::Counter ? sample.counter.value : sample.gauge.value) =
      value;
}

void Samples::add(const Histogram& values, const Buckets& buckets,
                  std::initializer_list<std::string_view> labels) {
  auto& to = begin(labels).histogram;
  to.bucket.reserve(buckets.lastPower - buckets.firstPower + 2);
  if (buckets.zeros) addBucket(to, values.zeros(), 0);
  for (uint32_t power = buckets.firstPower; power <= buckets.lastPower; ++power) {
    addBucket(to, values.upToPower(power), boundOf(power, buckets));
  }
  to.sample_count = values.count();
  to.sample_sum = static_cast<double>(values.sum()) * buckets.unit;
}

void Samples::add(const LatencyHistogram& values, const Buckets& buckets,
                  std::initializer_list<std::string_view> labels) {
  auto& to = begin(labels).histogram;
  to.bucket.reserve(buckets.lastPower - buckets.firstPower + 1);
  for (uint32_t power = buckets.firstPower; power <= buckets.lastPower; ++power) {
    addBucket(to, values.belowPower(power), boundOf(power, buckets));
  }
  to.sample_count = values.count();
  to.sample_sum = static_cast<double>(values.sumNs()) * buckets.unit;
}

std::string labelOf(std::string_view name) {
  std::string label;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      label += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!label.empty() && label.back() != '_') {
      label += '_';
    }
  }
  return label;
}

}  // namespace holdfast::metrics
