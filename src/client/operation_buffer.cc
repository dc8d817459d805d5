#include "client/operation_buffer.h"

#include <algorithm>
#include <bit>

namespace holdfast {

void OperationBuffer::push(ChunkHash key, uint8_t flags) {
  if (size_ == keys_.size()) grow(size_ + 1);
  const size_t at = (head_ + size_) & (keys_.size() - 1);
  keys_[at] = key;
  flags_[at] = flags;
  ++size_;
}

void OperationBuffer::push(std::span<const ChunkHash> keys, uint8_t flags) {
  if (keys.empty()) return;
  if (size_ + keys.size() > keys_.size()) grow(size_ + keys.size());
  const size_t at = (head_ + size_) & (keys_.size() - 1);
  const size_t first = std::min(keys.size(), keys_.size() - at);
  std::copy_n(keys.begin(), first, keys_.begin() + static_cast<ptrdiff_t>(at));
  std::fill_n(flags_.begin() + static_cast<ptrdiff_t>(at), first, flags);
  std::copy(keys.begin() + static_cast<ptrdiff_t>(first), keys.end(), keys_.begin());
  std::fill_n(flags_.begin(), keys.size() - first, flags);
  size_ += keys.size();
}

void OperationBuffer::pop(size_t n) {
  size_ -= n;
  if (size_ == 0) {
    clear();
  } else {
    head_ = (head_ + n) & (keys_.size() - 1);
  }
}

void OperationBuffer::clear() {
  head_ = size_ = 0;
  if (keys_.size() <= kKeptSlots) return;
  std::vector<ChunkHash>().swap(keys_);
  std::vector<uint8_t>().swap(flags_);
}

void OperationBuffer::grow(size_t needed) {
  const size_t slots = std::bit_ceil(std::max<size_t>(needed, 64));
  std::vector<ChunkHash> newKeys(slots);
  std::vector<uint8_t> newFlags(slots);
  for (size_t i = 0; i < size_; ++i) {
    newKeys[i] = key(i);
    newFlags[i] = flags(i);
  }
  keys_ = std::move(newKeys);
  flags_ = std::move(newFlags);
  head_ = 0;
}

}  // namespace holdfast
