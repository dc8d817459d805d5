// The state of a chunk index, and what its parts share: applying operations, growth and sweeps are
// in chunk_index.cc, look-ups in chunk_search.cc. Nobody else includes this.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/index/block_arena.h"
#include "core/index/chunk_index.h"
#include "core/index/key_mixer.h"
#include "core/index/key_walk.h"
#include "core/index/prefetch.h"
#include "core/index/table.h"
#include "core/index/trails.h"

namespace holdfast {

struct ChunkIndex::State {
  // A bucket is prefetched this many keys ahead of its use: enough to keep every line-fill buffer
  // busy, few enough to stay in the first-level cache.
  static constexpr size_t kAhead = 32;
  // Keys between two looks at the tables that want to grow, and of one search.
  static constexpr size_t kBatch = 256;
  // A set that is read at its place takes a sweep as long as so many slots.
  static constexpr size_t kSlotsOfPlace = 2;
  // A row of chunks gets a trail when it is asked for again, unless about as many others were asked
  // for since: 1 MiB of marks. So a first look-up does nothing in vain.
  static constexpr int kMarkBits = 19;
  static constexpr uint32_t kTableBitsMin = 64 - StoredKey::kBits;
  static constexpr uint32_t kTableBitsMax = 16;

  explicit State(const Options& options)
      : tableBits(std::clamp(options.tableBits, kTableBitsMin, kTableBitsMax)),
        tables(size_t{1} << tableBits),
        arena(options.faulter),
        trails(options.placesMax, options.faulter) {
    // Every table takes its first block within some thousand chunks, and most take the second
    // within the next two million: faster than memory can be brought.
    arena.announce(2 * tables.size());
  }

  uint32_t tableBits;
  std::vector<Table> tables;
  BlockArena arena;
  HolderSets sets;
  Trails trails;
  uint64_t chunks = 0;
  uint64_t slots = 0;
  uint64_t tableBytes = 0;

  std::vector<uint32_t> wantGrowth;  // tables; may repeat
  uint64_t growths = 0;
  std::vector<Table::Displaced> displaced;  // scratch of growth

  std::vector<uint16_t> asked;  // marks of rows of chunks that look-ups found on no trail
  uint32_t rowsWhenFull = 0;    // of those that were asked for again when the trails were full

  // Where the sweep under way goes on.
  uint32_t sweepTable = 0;
  uint32_t sweepBucket = 0;

  uint32_t orderOf(uint64_t mixed) const {
    return static_cast<uint32_t>((mixed << tableBits) >> 32);
  }
  uint32_t tableOf(uint64_t mixed) const {
    return static_cast<uint32_t>(mixed >> (64 - tableBits));
  }
  const Table& table(uint64_t mixed) const { return tables[tableOf(mixed)]; }
  Table& table(uint64_t mixed) { return tables[tableOf(mixed)]; }
  // Null where the table has no buckets yet.
  Bucket* home(uint64_t mixed) const {
    const Table& t = table(mixed);
    return t.buckets() == 0 ? nullptr : t.bucket(arena, t.homeIndex(orderOf(mixed)));
  }
  // The bucket of a key that finds its home full; the table has buckets.
  Bucket* second(uint64_t mixed) const {
    const Table& t = table(mixed);
    return t.bucket(arena, t.secondIndex(StoredKey::of(mixed)));
  }
  // `home` is the key's; null is returned as such.
  Table::Place locate(uint64_t mixed, Bucket* home) const {
    if (home == nullptr) return {};
    const uint32_t slot = home->find(StoredKey::of(mixed));
    if (slot != Bucket::kNone) return {home, slot};
    if (!home->overflowed()) return {};
    return table(mixed).findBeyond(arena, StoredKey::of(mixed));
  }
  Table::Place locate(uint64_t mixed) const { return locate(mixed, home(mixed)); }

  // The value of a slot is a set, or the place where it is kept: what lies between holders and
  // interned sets.
  static bool isPlace(SlotValue value) { return value >> 30 == 1; }
  static Trails::Place placeOf(SlotValue value) { return value - kHolderIdsEnd; }
  static SlotValue valueOf(Trails::Place place) { return place + kHolderIdsEnd; }
  static_assert(kHolderIdsEnd == Trails::kPlacesEnd && kInternedSet == 2 * kHolderIdsEnd);
  SetId setOf(SlotValue value) const { return isPlace(value) ? trails.set(placeOf(value)) : value; }
  void setSet(const Table::Place& at, SetId set) {
    const SlotValue value = at.bucket->value(at.slot);
    if (isPlace(value)) {
      trails.setSet(placeOf(value), set);
    } else {
      at.bucket->setValue(at.slot, set);
    }
  }

  uint32_t bucketsFor(uint32_t table, double buckets) const;
  void resize(uint32_t table, uint32_t buckets);
  void grow(uint32_t table) { resize(table, bucketsFor(table, tables[table].buckets() + 1.0)); }
  void growWhatWants();
  // Of a table at or above its threshold.
  void askForGrowth(uint32_t table);
  // What is found under this mixed key. Its set is released already.
  void erase(const Table::Place& place, uint64_t mixed);

  static size_t markOf(uint64_t mixed) { return mixed >> (64 - kMarkBits); }
  void prefetchMark(uint64_t mixed) const {
    if (!asked.empty()) prefetchLine(&asked[markOf(mixed)]);
  }
  // Whether a row of chunks that begins with this mixed key, asked for now, is worth a trail.
  bool isWorthATrail(uint64_t mixed);
  // Gives the chunk in this slot the next place on the trails; false where there is none yet.
  bool giveNextPlace(uint64_t saltedKey, const Table::Place& slot);
  // Those of the chunks in a bucket. What reading their sets takes, in slots.
  size_t prefetchPlaces(const Bucket& bucket) const {
    size_t places = 0;
    for (uint32_t slot = 0; slot < bucket.count(); ++slot) {
      if (!isPlace(bucket.value(slot))) continue;
      trails.prefetchSet(placeOf(bucket.value(slot)));
      ++places;
    }
    return places * kSlotsOfPlace;
  }

  class Run;
  class Search;

  // key_walk.h: friends, so that only this file knows how keys are kept; "used", because they are
  // inline here and called elsewhere.
  static const State& of(const ChunkIndex& index) { return *index.state_; }
  [[gnu::used]] friend size_t partsOf(const ChunkIndex& index) { return of(index).tables.size(); }
  [[gnu::used]] friend void appendKeysOf(const ChunkIndex& index, size_t part, uint64_t salt,
                                         std::vector<ChunkHash>& keys) {
    const State& s = of(index);
    const Table& table = s.tables[part];
    const KeyMixer mix(salt);
    // More table bits than 12 are stored with the key as well.
    const uint64_t partBits = uint64_t{part} << (64 - s.tableBits);
    keys.reserve(keys.size() + table.keys());
    for (uint32_t i = 0; i < table.buckets(); ++i) {
      const Bucket& bucket = *table.bucket(s.arena, i);
      for (uint32_t slot = 0; slot < bucket.count(); ++slot) {
        keys.push_back(mix.inverse(partBits | bucket.storedBits(slot)));
      }
    }
  }
};

}  // namespace holdfast
