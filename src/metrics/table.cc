#include "metrics/table.h"

#include <vector>

namespace holdfast::metrics {

std::span<const Metric> table() {
  static const std::vector<Metric> all = [] {
    std::vector<Metric> list;
    for (const auto part : {fleetMetrics(), repairMetrics(), processMetrics(), replicaMetrics(),
                            engineMetrics(), instanceMetrics(), lmcacheMetrics()}) {
      list.insert(list.end(), part.begin(), part.end());
    }
    return list;
  }();
  return all;
}

}  // namespace holdfast::metrics
