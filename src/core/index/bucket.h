// A cache line of six slots: what one operation of the index touches in memory.
//
// The top 12 bits of a mixed key are those of its table, so 52 bits are stored: 32 + 16 + 4. A
// slot is 10.5 bytes of the line, 4 of them its value. Slots 0 .. count-1 are in use, so no key
// is needed as the mark of an empty slot. `overflow` counts the keys that found this bucket full
// and live in another one: a search ends at the first bucket where it is 0, and an erase moves
// nothing. A counter that reached its maximum stays there until the table grows, which costs
// searches time, never correctness.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace holdfast {

// What is kept of a key: where its holders are. 0 is nothing.
using SlotValue = uint32_t;

// The 52 stored bits of a mixed key.
struct StoredKey {
  uint32_t low;   // bits 0 to 31
  uint32_t rest;  // bits 32 to 51
  static constexpr uint32_t kBits = 52;

  static StoredKey of(uint64_t mixed) {
    return {static_cast<uint32_t>(mixed), static_cast<uint32_t>(mixed >> 32) & 0xFFFFFu};
  }
};

class alignas(64) Bucket {
 public:
  static constexpr uint32_t kSlots = 6;
  static constexpr uint32_t kNone = ~0u;

  uint32_t count() const { return (tail_ >> kCountShift) & 7; }
  bool full() const { return count() == kSlots; }
  SlotValue value(uint32_t slot) const { return values_[slot]; }
  void setValue(uint32_t slot, SlotValue value) { values_[slot] = value; }
  // Bits 0 to 51 of the mixed key.
  uint64_t storedBits(uint32_t slot) const {
    return uint64_t{nibble(slot)} << 48 | uint64_t{middle_[slot]} << 32 | low_[slot];
  }

  // The slot of this key, or kNone.
  uint32_t find(StoredKey key) const {
    for (uint32_t hits = matches(key.low) & ((1u << count()) - 1); hits != 0; hits &= hits - 1) {
      const uint32_t slot = static_cast<uint32_t>(std::countr_zero(hits));
      if ((nibble(slot) << 16 | middle_[slot]) == key.rest) return slot;
    }
    return kNone;
  }

  // Not when full.
  void append(StoredKey key, SlotValue value) {
    const uint32_t slot = count();
    low_[slot] = key.low;
    middle_[slot] = static_cast<uint16_t>(key.rest);
    values_[slot] = value;
    // The nibble of an unused slot is 0.
    tail_ += (1u << kCountShift) | (key.rest >> 16) << (4 * slot);
  }
  // The last slot takes the place of the erased one.
  void erase(uint32_t slot) {
    const uint32_t last = count() - 1;
    const uint32_t moved = nibble(last);
    tail_ &= ~(15u << (4 * last));
    if (slot != last) {
      low_[slot] = low_[last];
      middle_[slot] = middle_[last];
      values_[slot] = values_[last];
      tail_ = (tail_ & ~(15u << (4 * slot))) | moved << (4 * slot);
    }
    tail_ -= 1u << kCountShift;
  }

  bool overflowed() const { return (tail_ >> kOverflowShift) != 0; }
  void addOverflow() {
    if ((tail_ >> kOverflowShift) != kOverflowMax) tail_ += 1u << kOverflowShift;
  }
  void removeOverflow() {
    if ((tail_ >> kOverflowShift) != kOverflowMax) tail_ -= 1u << kOverflowShift;
  }

 private:
  static constexpr uint32_t kCountShift = 24;
  static constexpr uint32_t kOverflowShift = 27;
  static constexpr uint32_t kOverflowMax = 31;

  uint32_t nibble(uint32_t slot) const { return (tail_ >> (4 * slot)) & 15; }

  // Bit i: slot i has these low bits; slots not in use may match too.
  uint32_t matches(uint32_t low) const {
#if defined(__SSE2__)
    const __m128i wanted = _mm_set1_epi32(static_cast<int>(low));
    const auto lanes = [&](const uint32_t* from) {
      const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      return static_cast<uint32_t>(
          _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(four, wanted))));
    };
    return lanes(low_) | lanes(low_ + 2) << 2;
#else
    uint32_t hits = 0;
    for (uint32_t i = 0; i < kSlots; ++i) hits |= static_cast<uint32_t>(low_[i] == low) << i;
    return hits;
#endif
  }

  uint32_t low_[kSlots];
  SlotValue values_[kSlots];
  uint16_t middle_[kSlots];
  uint32_t tail_;  // six nibbles, count: 3 bits, overflow: 5 bits
};
static_assert(sizeof(Bucket) == 64);

}  // namespace holdfast
