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
  const Worker* const next = tree_.workerBehind(instance_, worker_);
  if (next == nullptr) return nullptr;
  const WorkerRecord& record = next->record;
  if (!filter_.instance.empty() && record.instance != filter_.instance) return nullptr;
  instance_ = record.instance;
  worker_ = record.worker;
  return next;
}

bool WorkerWalk::wants(const Worker& worker) const {
  const auto& ids = filter_.workers;
  return ids.empty() || std::binary_search(ids.begin(), ids.end(), worker.record.worker);
}

}  // namespace holdfast::queries
