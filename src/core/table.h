// One of the small tables of the chunk index: open addressing over buckets of one cache line.
//
// A table of n buckets is a list of blocks of 64. A key's home bucket is its place in the order of
// keys, scaled to n, so growing reads the old buckets and writes the new ones both in order, block
// by block: a block just read is the next one written, and no second copy is ever in memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/block_arena.h"
#include "core/bucket.h"
#include "core/check.h"

namespace holdfast {

class Table {
 public:
  static constexpr uint32_t kBlockBuckets = BlockArena::kBlockBytes / sizeof(Bucket);

  uint32_t buckets() const { return buckets_; }
  uint32_t slots() const { return buckets_ * Bucket::kSlots; }
  uint32_t keys() const { return keys_; }
  // Growing is due at 87.5 % and cannot wait above 96 %.
  bool wantsGrowth() const { return keys_ >= slots() - slots() / 8; }
  bool needsGrowth() const { return keys_ >= slots() - slots() / 25 - 1 || buckets_ == 0; }
  uint64_t memoryBytes() const { return blocks() * sizeof(uint32_t); }

  // `order` are 32 bits of the mixed key below those that chose the table. Not when empty.
  uint32_t home(uint32_t order) const {
    return static_cast<uint32_t>((uint64_t{order} * buckets_) >> 32);
  }
  Bucket& bucket(const BlockArena& arena, uint32_t index) const {
    return *(reinterpret_cast<Bucket*>(arena.at(blocks_[index / kBlockBuckets])) +
             index % kBlockBuckets);
  }
  uint32_t next(uint32_t index) const { return index + 1 == buckets_ ? 0 : index + 1; }

  struct Place {
    Bucket* bucket;  // null: not found
    uint32_t slot;
    uint32_t index;  // of the bucket
  };
  Place find(const BlockArena& arena, uint32_t homeIndex, StoredKey key) const;

  // The key must be absent and the table not full.
  void insert(BlockArena& arena, uint32_t homeIndex, StoredKey key, SetId set) {
    insertIn(arena, homeIndex, key, set);
    ++keys_;
  }
  // What find() gave for this home.
  void erase(const BlockArena& arena, uint32_t homeIndex, const Place& place);

  // Rebuilds the table with `newBuckets`, enough for what it holds. visit(set) gives the set to
  // keep for a slot, kEmptySet to leave it out; orderOf(bits) the order of a key's stored bits.
  template <typename Visit, typename OrderOf>
  void grow(BlockArena& arena, uint32_t newBuckets, const Visit& visit, const OrderOf& orderOf);

 private:
  static constexpr uint32_t kNoBlock = ~0u;
  static uint32_t blocksFor(uint32_t buckets) {
    return (buckets + kBlockBuckets - 1) / kBlockBuckets;
  }
  uint32_t blocks() const { return blocksFor(buckets_); }
  void insertIn(BlockArena& arena, uint32_t homeIndex, StoredKey key, SetId set);

  std::unique_ptr<uint32_t[]> blocks_;
  uint32_t buckets_ = 0;
  uint32_t keys_ = 0;
};

inline Table::Place Table::find(const BlockArena& arena, uint32_t homeIndex, StoredKey key) const {
  uint32_t index = homeIndex;
  for (uint32_t looked = 0; looked < buckets_; ++looked) {
    Bucket& here = bucket(arena, index);
    const uint32_t slot = here.find(key);
    if (slot != Bucket::kNone) return {&here, slot, index};
    if (!here.overflowed()) break;
    index = next(index);
  }
  return {nullptr, 0, 0};
}

inline void Table::insertIn(BlockArena& arena, uint32_t homeIndex, StoredKey key, SetId set) {
  uint32_t index = homeIndex;
  for (uint32_t looked = 0;; ++looked) {
    Bucket& here = bucket(arena, index);
    if (!here.full()) return here.append(key, set);
    HOLDFAST_CHECK(looked < buckets_, "a table of %u buckets and %u keys has no room", buckets_,
                   keys_);
    here.addOverflow();
    index = next(index);
  }
}

inline void Table::erase(const BlockArena& arena, uint32_t homeIndex, const Place& place) {
  place.bucket->erase(place.slot);
  for (uint32_t index = homeIndex; index != place.index; index = next(index)) {
    bucket(arena, index).removeOverflow();
  }
  --keys_;
}

template <typename Visit, typename OrderOf>
void Table::grow(BlockArena& arena, uint32_t newBuckets, const Visit& visit,
                 const OrderOf& orderOf) {
  Table grown;
  grown.buckets_ = newBuckets;
  grown.blocks_ = std::make_unique<uint32_t[]>(blocksFor(newBuckets));
  for (uint32_t b = 0; b < grown.blocks(); ++b) grown.blocks_[b] = kNoBlock;
  const auto ensure = [&](uint32_t index) {
    uint32_t& block = grown.blocks_[index / kBlockBuckets];
    if (block == kNoBlock) block = arena.allocate();
  };
  for (uint32_t b = 0; b < blocks(); ++b) {
    const Bucket* const old = reinterpret_cast<const Bucket*>(arena.at(blocks_[b]));
    const uint32_t used = std::min(kBlockBuckets, buckets_ - b * kBlockBuckets);
    for (uint32_t i = 0; i < used; ++i) {
      for (uint32_t slot = 0; slot < old[i].count(); ++slot) {
        const SetId set = visit(old[i].set(slot));
        if (set == kEmptySet) continue;
        const uint64_t bits = old[i].storedBits(slot);
        const StoredKey key{static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32)};
        uint32_t index = grown.home(orderOf(bits));
        for (;; index = grown.next(index)) {
          ensure(index);
          Bucket& here = grown.bucket(arena, index);
          if (!here.full()) {
            here.append(key, set);
            break;
          }
          here.addOverflow();
        }
        ++grown.keys_;
      }
    }
    arena.free(blocks_[b]);
  }
  for (uint32_t b = 0; b < grown.blocks(); ++b) ensure(b * kBlockBuckets);
  *this = std::move(grown);
}

}  // namespace holdfast
