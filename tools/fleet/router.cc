#include "fleet/router.h"

#include <algorithm>

namespace holdfast::fleet {

Router::Router(size_t instances) : work_(instances), held_(instances) {}

size_t Router::byPrefix(std::span<const PrefixHolder> holders, size_t promptChunks) {
  std::fill(held_.begin(), held_.end(), 0);
  for (const PrefixHolder& holder : holders) held_.at(holder.instance) = holder.chunks;
  const size_t longest = *std::max_element(held_.begin(), held_.end());
  size_t best = held_.size();
  for (size_t i = 0; i < held_.size(); ++i) {
    if (held_[i] + kTieChunks < longest) continue;
    if (best == held_.size() || work_.of(i) < work_.of(best)) best = i;
  }
  work_.add(best, promptChunks - std::min(promptChunks, held_[best]));
  return best;
}

size_t Router::next(size_t promptChunks) {
  const size_t instance = next_;
  next_ = (next_ + 1) % held_.size();
  work_.add(instance, promptChunks);
  return instance;
}

}  // namespace holdfast::fleet
