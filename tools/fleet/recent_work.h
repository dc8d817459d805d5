// How much each instance had to compute lately. Fades with each request.
#pragma once

#include <cstddef>
#include <vector>

namespace holdfast::fleet {

class RecentWork {
 public:
  // Of so many instances, at least one.
  explicit RecentWork(size_t instances);

  // A request that left so many chunks to compute.
  void add(size_t instance, size_t chunks);
  // In chunks, faded.
  double of(size_t instance) const { return chunks_[instance]; }
  // As an engine would state it: 0 idle, 0.5 as busy as the others, 1 twice as busy as them.
  double loadOf(size_t instance) const;

 private:
  // Work fades by this factor per request and instance: a few dozen requests later it is forgotten.
  static constexpr double kFading = 0.98;

  std::vector<double> chunks_;
  double all_ = 0;      // sum of them
  double fadingOfAll_;  // per request
};

}  // namespace holdfast::fleet
