// Operations in order, first in, first out: what waits to be sent, and what was sent and may have
// to be sent again. A circular buffer that grows by doubling.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/types.h"

namespace holdfast {

class OperationBuffer {
 public:
  static constexpr uint8_t kEvict = 1;   // else an admit
  static constexpr uint8_t kEffect = 2;  // it changed the key set

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // i < size(); 0 is the oldest.
  ChunkHash key(size_t i) const { return keys_[(head_ + i) & (keys_.size() - 1)]; }
  uint8_t flags(size_t i) const { return flags_[(head_ + i) & (keys_.size() - 1)]; }

  void push(ChunkHash key, uint8_t flags);
  void push(std::span<const ChunkHash> keys, uint8_t flags);
  // The n oldest, n <= size(). Gives memory back where much was held and nothing is left.
  void pop(size_t n);
  void clear();

 private:
  static constexpr size_t kKeptSlots = 65'536;

  void grow(size_t needed);

  std::vector<ChunkHash> keys_;  // a power of two of slots, or none
  std::vector<uint8_t> flags_;
  size_t head_ = 0;  // slot of the oldest
  size_t size_ = 0;
};

}  // namespace holdfast
