// The whole hashes of blocks that were published in 64 bits: what continues one of them can be
// computed only as long as it is remembered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "tokens/digest.h"

namespace holdfast {

// The newest kMax of all streams.
class ChainMemory {
 public:
  static constexpr size_t kMax = 16'384;

  void remember(uint64_t stream, const BlockHash& published, const BlockHash& whole) {
    const uint64_t key = keyOf(stream, published);
    if (!hashes_.insert_or_assign(key, whole).second) return;
    order_.push_back(key);
    if (order_.size() <= kMax) return;
    hashes_.erase(order_.front());
    order_.pop_front();
  }
  // Null: unknown, or too old.
  const BlockHash* of(uint64_t stream, const BlockHash& published) const {
    const auto found = hashes_.find(keyOf(stream, published));
    return found == hashes_.end() ? nullptr : &found->second;
  }

 private:
  // A collision costs one sample that differs.
  static uint64_t keyOf(uint64_t stream, const BlockHash& published) {
    return published.last64() ^ stream * 0x9E3779B97F4A7C15u;
  }

  std::unordered_map<uint64_t, BlockHash> hashes_;
  std::deque<uint64_t> order_;  // oldest first
};

}  // namespace holdfast
