#include "fleet/router.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace holdfast::fleet {

Router::Router(size_t instances)
    : loads_(instances),
      fadingOfAll_(std::pow(kFading, 1 / static_cast<double>(instances))),
      held_(instances) {
  HOLDFAST_CHECK(instances >= 1, "a router without instances");
}

size_t Router::byPrefix(std::span<const PrefixHolder> holders, size_t promptChunks) {
  std::fill(held_.begin(), held_.end(), 0);
  for (const PrefixHolder& holder : holders) held_.at(holder.instance) = holder.chunks;
  const size_t longest = *std::max_element(held_.begin(), held_.end());
  size_t best = held_.size();
  for (size_t i = 0; i < held_.size(); ++i) {
    if (held_[i] + kTieChunks < longest) continue;
    if (best == held_.size() || loads_[i] < loads_[best]) best = i;
  }
  addLoad(best, promptChunks - std::min(promptChunks, held_[best]));
  return best;
}

size_t Router::next(size_t promptChunks) {
  const size_t instance = next_;
  next_ = (next_ + 1) % loads_.size();
  addLoad(instance, promptChunks);
  return instance;
}

void Router::addLoad(size_t instance, size_t chunks) {
  for (double& load : loads_) load *= fadingOfAll_;
  loads_[instance] += static_cast<double>(chunks);
}

}  // namespace holdfast::fleet
