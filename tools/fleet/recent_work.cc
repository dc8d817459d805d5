#include "fleet/recent_work.h"

#include <cmath>

#include "core/check.h"

namespace holdfast::fleet {

RecentWork::RecentWork(size_t instances)
    : chunks_(instances), fadingOfAll_(std::pow(kFading, 1 / static_cast<double>(instances))) {
  HOLDFAST_CHECK(instances >= 1, "work of no instances");
}

void RecentWork::add(size_t instance, size_t chunks) {
  for (double& work : chunks_) work *= fadingOfAll_;
  all_ *= fadingOfAll_;
  chunks_[instance] += static_cast<double>(chunks);
  all_ += static_cast<double>(chunks);
}

double RecentWork::loadOf(size_t instance) const {
  if (all_ == 0) return 0;
  return chunks_[instance] * static_cast<double>(chunks_.size()) / (2 * all_);
}

}  // namespace holdfast::fleet
