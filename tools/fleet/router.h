// Chooses the instance that serves a request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fleet/recent_work.h"

namespace holdfast::fleet {

// An instance that holds the beginning of a prompt, as a look-up says.
struct PrefixHolder {
  size_t instance = 0;  // 0..instances-1
  size_t chunks = 0;    // that some rank of it holds
};

class Router {
 public:
  // Prefixes this much shorter than the longest are as good as it. Nearly all prompts share their
  // first chunk: were one chunk a reason, the first instance to have it would serve them all.
  static constexpr size_t kTieChunks = 1;

  explicit Router(size_t instances);

  // The instance with the longest prefix, the least loaded one among equals. Holders may be in any
  // order; instances not named hold nothing. Load is what was left to compute lately.
  size_t byPrefix(std::span<const PrefixHolder> holders, size_t promptChunks);
  // The next one, whatever it holds.
  size_t next(size_t promptChunks);

 private:
  RecentWork work_;
  size_t next_ = 0;
  std::vector<size_t> held_;  // of the current request, by instance
};

}  // namespace holdfast::fleet
