// The distinct keys of a location. Open addressing with linear probing and backward-shift
// deletion: one flat array, so a copy (the key list of a full sync) is one memcpy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/types.h"

namespace holdfast {

class KeySet {
 public:
  // Whether it was absent.
  bool insert(ChunkHash key);
  // Whether it was present.
  bool erase(ChunkHash key);
  bool contains(ChunkHash key) const;
  size_t size() const { return size_ + (hasEmptyKey_ ? 1 : 0); }
  bool empty() const { return size() == 0; }
  // Makes room for this many keys.
  void reserve(size_t keys);
  // Where the search for `key` begins: a caller with many keys prefetches it some keys ahead.
  const void* home(ChunkHash key) const { return slots_.data() + slotOf(key); }
  // In no particular order.
  std::vector<ChunkHash> keys() const;

 private:
  // All 2^64 values are legal keys; the one that marks a free slot is kept beside the table.
  static constexpr ChunkHash kFree = 0;
  static constexpr size_t kSlotsMin = 16;

  // Engines' hashes may be weak in any of their bits, so they are mixed.
  size_t slotOf(ChunkHash key) const { return splitmix64Finalise(key) >> shift_; }
  void resize(size_t slots);

  std::vector<ChunkHash> slots_ = std::vector<ChunkHash>(kSlotsMin, kFree);  // power of two
  int shift_ = 60;                                                           // 64 - log2(slots)
  size_t size_ = 0;                                                          // keys in slots_
  bool hasEmptyKey_ = false;
};

}  // namespace holdfast
