// What this machine can do with random keys at best: a table of keys and numbers in one piece, made
// in its full size at once. It knows one holder a key and one model, does not grow, and a key that
// is taken out leaves its place behind. Rows of the index are held against it.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "bench/bench.h"
#include "core/index/prefetch.h"

namespace holdfast::bench {

class BareTable {
 public:
  // For so many keys, none of them 0, that are spread evenly over all 64 bits.
  explicit BareTable(uint64_t keysMax) : slots_(keysMax * 2 + 64) {
    constexpr size_t kHugePage = size_t{2} << 20;
    const size_t bytes = (slots_ * sizeof(Slot) + kHugePage - 1) / kHugePage * kHugePage;
    memory_.reset(static_cast<Slot*>(std::aligned_alloc(kHugePage, bytes)));
    madvise(memory_.get(), bytes, MADV_HUGEPAGE);
    std::memset(static_cast<void*>(memory_.get()), 0, bytes);
  }

  void insert(std::span<const uint64_t> keys, uint32_t value) {
    forEach(keys, [&](Slot& slot, uint64_t key) { slot = {key, value}; });
  }
  // How many are there.
  uint64_t find(std::span<const uint64_t> keys) {
    uint64_t found = 0;
    forEach(keys, [&](Slot& slot, uint64_t) { found += slot.value != 0; });
    return found;
  }
  void erase(std::span<const uint64_t> keys) {
    forEach(keys, [](Slot& slot, uint64_t) { slot.value = 0; });
  }

 private:
  struct Slot {
    uint64_t key;
    uint32_t value;
  };
  struct Free {
    void operator()(Slot* memory) const { std::free(memory); }
  };
  static constexpr size_t kAhead = 32;

  Slot* home(uint64_t key) const {
    return memory_.get() +
           static_cast<uint64_t>((static_cast<unsigned __int128>(key) * slots_) >> 64);
  }
  template <typename Visit>
  void forEach(std::span<const uint64_t> keys, const Visit& visit) {
    for (size_t i = 0; i < std::min(kAhead, keys.size()); ++i) prefetchLine(home(keys[i]));
    for (size_t i = 0; i < keys.size(); ++i) {
      if (i + kAhead < keys.size()) prefetchLine(home(keys[i + kAhead]));
      Slot* slot = home(keys[i]);
      while (slot->key != 0 && slot->key != keys[i]) {
        if (++slot == memory_.get() + slots_) slot = memory_.get();
      }
      visit(*slot, keys[i]);
    }
  }

  uint64_t slots_;
  std::unique_ptr<Slot[], Free> memory_;
};

}  // namespace holdfast::bench
