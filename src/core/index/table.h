// One of the small tables of the chunk index: open addressing over buckets of one cache line.
//
// A table of n buckets is a list of blocks. A key's home bucket is its place in the order of keys,
// scaled to n, so growing reads the old buckets and writes the new ones both in order, block by
// block: a block just read is the next one written, and no second copy is ever in memory. What
// finds its home full goes to the next bucket with room.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/index/block_arena.h"
#include "core/index/bucket.h"
#include "core/index/prefetch.h"

namespace holdfast {

class Table {
 public:
  static constexpr uint32_t kBlockBuckets = BlockArena::kBlockBytes / sizeof(Bucket);

  uint32_t buckets() const { return buckets_; }
  uint32_t slots() const { return buckets_ * Bucket::kSlots; }
  uint32_t keys() const { return keys_; }
  uint64_t memoryBytes() const { return blocksFor(buckets_) * sizeof(uint32_t); }

  // Growth is due from here on. Measured: above four fifths too many keys find their home full, and
  // each costs one more access to memory; below, memory is spent for nothing.
  bool wantsGrowth() const { return keys_ >= growAt_; }
  static constexpr uint32_t growAt(uint32_t buckets) { return buckets * Bucket::kSlots * 4 / 5; }
  // Growth cannot wait: a search could meet no end. Also true of a table without buckets.
  bool needsGrowth() const { return keys_ >= slots() - slots() / 25; }

  // The home of a key; `order` are the 32 bits of the mixed key below those that chose the table.
  // The table must have buckets.
  uint32_t homeIndex(uint32_t order) const {
    return static_cast<uint32_t>((uint64_t{order} * buckets_) >> 32);
  }
  Bucket* bucket(const BlockArena& arena, uint32_t index) const {
    return reinterpret_cast<Bucket*>(arena.at(blocks_[index / kBlockBuckets])) +
           index % kBlockBuckets;
  }

  struct Place {
    Bucket* bucket = nullptr;  // null: not found
    uint32_t slot = 0;
  };
  // What bucket() will read.
  void prefetchBlock(uint32_t index) const { prefetchLine(&blocks_[index / kBlockBuckets]); }
  // Where a key goes that finds its home full.
  uint32_t secondIndex(StoredKey key) const {
    return static_cast<uint32_t>((uint64_t{key.low} * buckets_) >> 32);
  }
  // A search beyond the home bucket, which overflowed.
  Place findBeyond(const BlockArena& arena, StoredKey key) const;
  // Wherever there is room. The key must be absent.
  void insert(const BlockArena& arena, uint32_t home, StoredKey key, SlotValue value);
  // Takes out a slot that is not in its home bucket.
  void eraseBeyond(const BlockArena& arena, uint32_t home, const Place& place);
  // After a change that callers make in a home bucket themselves; those above count.
  void countInsert() { ++keys_; }
  void countErase() { --keys_; }

  struct Displaced {
    uint64_t bits;
    SlotValue value;
  };
  // Rebuilds the table with `newBuckets`, enough for what it holds. visit(value) gives the value
  // to keep for a slot, 0 to leave it out; orderOf(bits) the order of a key's stored bits.
  // `displaced` is scratch.
  template <typename Visit, typename OrderOf>
  void rebuild(BlockArena& arena, uint32_t newBuckets, const Visit& visit, const OrderOf& orderOf,
               std::vector<Displaced>& displaced);

 private:
  uint32_t nextIndex(uint32_t index) const { return index + 1 == buckets_ ? 0 : index + 1; }
  static constexpr uint32_t kNoBlock = ~0u;
  static uint32_t blocksFor(uint32_t buckets) {
    return (buckets + kBlockBuckets - 1) / kBlockBuckets;
  }

  std::unique_ptr<uint32_t[]> blocks_;
  uint32_t buckets_ = 0;
  uint32_t keys_ = 0;
  uint32_t growAt_ = 0;
};

template <typename Visit, typename OrderOf>
void Table::rebuild(BlockArena& arena, uint32_t newBuckets, const Visit& visit,
                    const OrderOf& orderOf, std::vector<Displaced>& displaced) {
  Table grown;
  grown.buckets_ = newBuckets;
  grown.growAt_ = growAt(newBuckets);
  const uint32_t newBlocks = blocksFor(newBuckets);
  grown.blocks_ = std::make_unique<uint32_t[]>(newBlocks);
  std::fill_n(grown.blocks_.get(), newBlocks, kNoBlock);
  // First what is in its home, in the order of both tables, into the new homes. What is not, or
  // finds its new home full, waits until every block is there.
  displaced.clear();
  uint32_t keys = 0;
  uint32_t lastBlock = kNoBlock;
  Bucket* lastBuckets = nullptr;
  const auto bucketAt = [&](uint32_t index) {
    if (index / kBlockBuckets != lastBlock) {
      lastBlock = index / kBlockBuckets;
      uint32_t& block = grown.blocks_[lastBlock];
      if (block == kNoBlock) block = arena.allocate();
      lastBuckets = grown.bucket(arena, lastBlock * kBlockBuckets);
    }
    return lastBuckets + index % kBlockBuckets;
  };
  const uint32_t oldBlocks = blocksFor(buckets_);
  for (uint32_t b = 0; b < oldBlocks; ++b) {
    const Bucket* const old = bucket(arena, b * kBlockBuckets);
    const Bucket* const following =
        b + 1 < oldBlocks ? bucket(arena, (b + 1) * kBlockBuckets) : old;
    const uint32_t used = std::min(kBlockBuckets, buckets_ - b * kBlockBuckets);
    for (uint32_t i = 0; i < used; ++i) {
      prefetchLine(following + i);
      const uint32_t count = old[i].count();
      for (uint32_t slot = 0; slot < count; ++slot) {
        const SlotValue value = visit(old[i].value(slot));
        if (value == 0) continue;
        const uint64_t bits = old[i].storedBits(slot);
        const uint32_t order = orderOf(bits);
        ++keys;
        if (homeIndex(order) == b * kBlockBuckets + i) {
          Bucket* const home = bucketAt(grown.homeIndex(order));
          if (!home->full()) {
            home->append(StoredKey::of(bits), value);
            continue;
          }
        }
        displaced.push_back({bits, value});
      }
    }
    arena.free(blocks_[b]);
  }
  for (uint32_t b = 0; b < newBlocks; ++b) bucketAt(b * kBlockBuckets);
  grown.keys_ = keys - static_cast<uint32_t>(displaced.size());
  for (const Displaced& key : displaced) {
    grown.insert(arena, grown.homeIndex(orderOf(key.bits)), StoredKey::of(key.bits), key.value);
  }
  *this = std::move(grown);
}

}  // namespace holdfast
