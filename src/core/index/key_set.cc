#include "core/index/key_set.h"

#include <bit>
#include <utility>

namespace holdfast {

bool KeySet::insert(ChunkHash key) {
  if (key == kFree) return !std::exchange(hasEmptyKey_, true);
  const size_t mask = slots_.size() - 1;
  size_t at = slotOf(key);
  while (slots_[at] != kFree) {
    if (slots_[at] == key) return false;
    at = (at + 1) & mask;
  }
  // Linear probing is short up to three quarters full.
  if ((size_ + 1) * 4 > slots_.size() * 3) {
    resize(slots_.size() * 2);
    return insert(key);
  }
  slots_[at] = key;
  ++size_;
  return true;
}

bool KeySet::erase(ChunkHash key) {
  if (key == kFree) return std::exchange(hasEmptyKey_, false);
  const size_t mask = slots_.size() - 1;
  size_t at = slotOf(key);
  while (slots_[at] != key) {
    if (slots_[at] == kFree) return false;
    at = (at + 1) & mask;
  }
  // Whatever follows and would no longer be found across the hole moves back into it.
  for (size_t next = (at + 1) & mask; slots_[next] != kFree; next = (next + 1) & mask) {
    const size_t home = slotOf(slots_[next]);
    if (((next - home) & mask) < ((next - at) & mask)) continue;
    slots_[at] = slots_[next];
    at = next;
  }
  slots_[at] = kFree;
  --size_;
  return true;
}

bool KeySet::contains(ChunkHash key) const {
  if (key == kFree) return hasEmptyKey_;
  const size_t mask = slots_.size() - 1;
  for (size_t at = slotOf(key); slots_[at] != kFree; at = (at + 1) & mask) {
    if (slots_[at] == key) return true;
  }
  return false;
}

void KeySet::reserve(size_t keys) {
  const size_t slots = std::bit_ceil(keys + keys / 3 + 1);
  if (slots > slots_.size()) resize(slots);
}

void KeySet::resize(size_t slots) {
  const std::vector<ChunkHash> old = std::exchange(slots_, std::vector<ChunkHash>(slots, kFree));
  shift_ = 64 - std::countr_zero(slots);
  const size_t mask = slots - 1;
  for (const ChunkHash key : old) {
    if (key == kFree) continue;
    size_t at = slotOf(key);
    while (slots_[at] != kFree) at = (at + 1) & mask;
    slots_[at] = key;
  }
}

std::vector<ChunkHash> KeySet::keys() const {
  std::vector<ChunkHash> all;
  all.reserve(size());
  for (const ChunkHash key : slots_) {
    if (key != kFree) all.push_back(key);
  }
  if (hasEmptyKey_) all.push_back(kFree);
  return all;
}

}  // namespace holdfast
