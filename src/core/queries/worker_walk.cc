#include "core/queries/worker_walk.h"

#include <algorithm>
#include <utility>

namespace holdfast::queries {

WorkerWalk::WorkerWalk(const RegistryTree& tree, WorkerFilter filter)
    : tree_(tree), filter_(std::move(filter)), instance_(filter_.instance) {
  std::sort(filter_.workers.begin(), filter_.workers.end());
  if (filter_.after && filter_.after->first >= instance_) {
    instance_ = filter_.after->first;
    worker_ = filter_.after->second;
  }
}

const Worker* WorkerWalk::next() {
  const auto& instances = tree_.instances();
  for (auto at = instances.lower_bound(instance_); at != instances.end(); ++at) {
    if (!filter_.instance.empty() && at->first != filter_.instance) return nullptr;
    if (at->first != instance_) {
      instance_ = at->first;
      worker_.reset();
    }
    const auto& workers = at->second->workers;
    const auto found = worker_ ? workers.upper_bound(*worker_) : workers.begin();
    if (found == workers.end()) continue;
    worker_ = found->first;
    return found->second.get();
  }
  return nullptr;
}

bool WorkerWalk::wants(const Worker& worker) const {
  const auto& ids = filter_.workers;
  return ids.empty() || std::binary_search(ids.begin(), ids.end(), worker.record.worker);
}

}  // namespace holdfast::queries
