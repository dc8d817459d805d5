// Long for one idea: runs of operations, the tables' growth and the sweep share one state, and the
// compiler inlines all of it into the loop over the keys, which is what reports cost.
#include "core/index/chunk_index.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "core/check.h"
#include "core/index/block_arena.h"
#include "core/index/key_mixer.h"
#include "core/index/key_walk.h"
#include "core/index/prefetch.h"
#include "core/index/table.h"

namespace holdfast {
namespace {

// A bucket is prefetched this many keys ahead of its use: enough to keep every line-fill buffer
// busy, few enough to stay in the first-level cache.
constexpr size_t kAhead = 32;
// So many keys before that, the place in the table's list of blocks.
constexpr size_t kAheadOfAhead = 8;
// So many keys ahead, when the bucket has come, the second one is prefetched where it is full.
constexpr size_t kPeek = 12;
// Keys between two looks at the tables that want to grow.
constexpr size_t kBatch = 256;
// Slots rebuilt a batch by growth that can wait; one table is rebuilt in any case.
constexpr uint32_t kGrowthSlotsPerBatch = 2048;
// Idle sets looked at for each operation: more than one can make.
constexpr size_t kReclaimPerKey = 4;

// Measured: steps of 1.5 cost 10 % more time for 7 % less memory.
constexpr double kGrowthStep = 1.7;
constexpr double kFirstBuckets = 8;

constexpr uint32_t kTableBitsMin = 64 - StoredKey::kBits;
constexpr uint32_t kTableBitsMax = 16;

}  // namespace

struct ChunkIndex::State {
  explicit State(const Options& options)
      : tableBits(std::clamp(options.tableBits, kTableBitsMin, kTableBitsMax)),
        tables(size_t{1} << tableBits),
        arena(options.faulter) {
    // Every table takes its first block within some thousand chunks, and most take the second
    // within the next two million: faster than memory can be brought.
    arena.announce(2 * tables.size());
  }

  uint32_t tableBits;
  std::vector<Table> tables;
  BlockArena arena;
  HolderSets sets;
  uint64_t chunks = 0;
  uint64_t slots = 0;
  uint64_t tableBytes = 0;

  std::vector<uint32_t> wantGrowth;  // tables; may repeat
  uint64_t growths = 0;
  std::vector<Table::Displaced> displaced;  // scratch of growth

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
  Table::Place findBeyond(uint64_t mixed) const {
    return table(mixed).findBeyond(arena, StoredKey::of(mixed));
  }

  uint32_t bucketsFor(uint32_t table, double buckets) const;
  void resize(uint32_t table, uint32_t buckets);
  void grow(uint32_t table) { resize(table, bucketsFor(table, tables[table].buckets() + 1.0)); }
  void growWhatWants();
  // Of a table at or above its threshold.
  void askForGrowth(uint32_t table);
  // What is found under this mixed key.
  void erase(const Table::Place& place, uint64_t mixed);

  class Run;

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

// Tables fill evenly, so equal sizes would make all of them grow at the same moment. The sizes of
// a table are kFirstBuckets * kGrowthStep^(k + f) with a fraction f of its own, the bits of its
// number reversed: neighbours are far apart, and at any moment the thresholds are spread evenly.
uint32_t ChunkIndex::State::bucketsFor(uint32_t table, double buckets) const {
  uint32_t reversed = 0;
  for (uint32_t i = 0; i < tableBits; ++i) reversed |= ((table >> i) & 1) << (tableBits - 1 - i);
  const double fraction = static_cast<double>(reversed) / static_cast<double>(tables.size());
  double size = kFirstBuckets * std::pow(kGrowthStep, fraction);
  while (size < buckets) size *= kGrowthStep;
  const uint32_t rounded = static_cast<uint32_t>(size);
  // Beyond one block only whole ones.
  if (rounded <= Table::kBlockBuckets) {
    return std::max(rounded, static_cast<uint32_t>(std::ceil(buckets)));
  }
  return (rounded + Table::kBlockBuckets - 1) / Table::kBlockBuckets * Table::kBlockBuckets;
}

void ChunkIndex::State::resize(uint32_t index, uint32_t buckets) {
  Table& table = tables[index];
  const uint32_t keysBefore = table.keys();
  slots -= table.slots();
  tableBytes -= table.memoryBytes();
  const auto orderOfBits = [bits = tableBits](uint64_t stored) {
    return static_cast<uint32_t>((stored << bits) >> 32);
  };
  if (sets.retiredHolders() == 0) {
    table.rebuild(
        arena, buckets, [](SetId set) { return set; }, orderOfBits, displaced);
  } else {
    const auto strip = [this](SetId set) {
      const SetId kept = sets.stripped(set);
      if (kept != set) {
        sets.acquire(kept);
        sets.release(set);
      }
      return kept;
    };
    table.rebuild(arena, buckets, strip, orderOfBits, displaced);
  }
  slots += table.slots();
  tableBytes += table.memoryBytes();
  chunks -= keysBefore - table.keys();
  ++growths;
  // All of it is clean now of what a sweep under way looks for.
  if (sweepTable == index && sets.sweepUnderWay()) sweepBucket = buckets;
}

void ChunkIndex::State::growWhatWants() {
  uint32_t rebuilt = 0;
  while (!wantGrowth.empty() && rebuilt < kGrowthSlotsPerBatch) {
    const uint32_t index = wantGrowth.back();
    wantGrowth.pop_back();
    if (!tables[index].wantsGrowth()) continue;
    rebuilt += tables[index].slots();
    grow(index);
  }
}

// A batch of one holder's operations. Remembers the last transition of each kind: consecutive
// chunks mostly make the same one. No set is freed while it lives.
class ChunkIndex::State::Run {
 public:
  Run(State& state, HolderId holder, const KeyMixer& mix, std::span<const ChunkHash> keys)
      : state_(state), holder_(holder), mix_(mix), keys_(keys), growths_(state.growths) {
    for (size_t i = 0; i < std::min(kAhead + kAheadOfAhead, keys.size()); ++i) begin(i);
    for (size_t i = 0; i < std::min(kAhead, keys.size()); ++i) prepare(i);
    for (size_t i = 0; i < std::min(kPeek, keys.size()); ++i) peek(i);
  }

  // To be called once for each key, in order, before it is admitted or evicted.
  void advance(size_t i) {
    if (state_.growths != growths_) [[unlikely]]
      locateAgain(i);
    if (i + kAhead + kAheadOfAhead < keys_.size()) begin(i + kAhead + kAheadOfAhead);
    if (i + kAhead < keys_.size()) prepare(i + kAhead);
    if (i + kPeek < keys_.size()) peek(i + kPeek);
  }

  // True if the holder did not hold it.
  bool admit(size_t i) {
    const Place place = find(i);
    if (place.bucket == nullptr) {
      insert(i);
      return true;
    }
    const SetId old = place.bucket->set(place.slot);
    if (old != admitted_.from) {
      const SetId clean = state_.sets.stripped(old);
      const SetId now = state_.sets.with(clean, holder_);
      admitted_ = {old, now, now != clean};
    }
    if (admitted_.to != old) replace(place, admitted_.to);
    return admitted_.changed;
  }

  // True if the holder held it.
  bool evict(size_t i) {
    const Place place = find(i);
    if (place.bucket == nullptr) return false;
    const SetId old = place.bucket->set(place.slot);
    if (old != evicted_.from) {
      const SetId clean = state_.sets.stripped(old);
      const SetId now = state_.sets.without(clean, holder_);
      evicted_ = {old, now, now != clean};
    }
    if (evicted_.to == kEmptySet) {
      state_.sets.release(old);
      state_.erase(place, mixed_[i]);
    } else if (evicted_.to != old) {
      replace(place, evicted_.to);
    }
    return evicted_.changed;
  }

 private:
  using Place = Table::Place;
  struct Transition {
    SetId from = kEmptySet;  // never that of a slot
    SetId to = kEmptySet;
    bool changed = false;  // not only stripped
  };

  void begin(size_t i) {
    mixed_[i] = mix_(keys_[i]);
    const Table& table = state_.table(mixed_[i]);
    if (table.buckets() > 0) table.prefetchBlock(table.homeIndex(state_.orderOf(mixed_[i])));
  }
  void prepare(size_t i) {
    home_[i] = state_.home(mixed_[i]);
    prefetchLine(home_[i]);
  }
  void peek(size_t i) {
    if (home_[i] != nullptr && home_[i]->full()) prefetchLine(state_.second(mixed_[i]));
  }
  // A table was rebuilt: buckets are elsewhere.
  void locateAgain(size_t from) {
    growths_ = state_.growths;
    for (size_t i = from; i < std::min(from + kAhead, keys_.size()); ++i) {
      home_[i] = state_.home(mixed_[i]);
    }
  }

  Place find(size_t i) const {
    if (home_[i] == nullptr) return {};
    const uint32_t slot = home_[i]->find(StoredKey::of(mixed_[i]));
    if (slot != Bucket::kNone) return {home_[i], slot};
    if (!home_[i]->overflowed()) return {};
    return state_.findBeyond(mixed_[i]);
  }

  void insert(size_t i) {
    const uint64_t mixed = mixed_[i];
    Table& table = state_.table(mixed);
    Bucket* const home = home_[i];
    if (home != nullptr && !home->full()) {
      home->append(StoredKey::of(mixed), holder_);
      table.countInsert();
    } else {
      if (home == nullptr) state_.grow(state_.tableOf(mixed));
      table.insert(state_.arena, table.homeIndex(state_.orderOf(mixed)), StoredKey::of(mixed),
                   holder_);
    }
    ++state_.chunks;
    if (table.wantsGrowth()) [[unlikely]]
      state_.askForGrowth(state_.tableOf(mixed));
  }

  void replace(const Place& place, SetId to) {
    const SetId old = place.bucket->set(place.slot);
    state_.sets.acquire(to);
    state_.sets.release(old);
    place.bucket->setSet(place.slot, to);
  }

  State& state_;
  const HolderId holder_;
  const KeyMixer mix_;
  const std::span<const ChunkHash> keys_;
  uint64_t growths_;
  Transition admitted_;
  Transition evicted_;
  uint64_t mixed_[kBatch];
  Bucket* home_[kBatch];
};

void ChunkIndex::State::askForGrowth(uint32_t index) {
  Table& table = tables[index];
  if (table.needsGrowth()) {
    grow(index);
  } else if (table.keys() == Table::growAt(table.buckets())) {
    wantGrowth.push_back(index);
  }
}

void ChunkIndex::State::erase(const Table::Place& place, uint64_t mixed) {
  Table& t = table(mixed);
  const uint32_t index = t.homeIndex(orderOf(mixed));
  if (t.bucket(arena, index) == place.bucket) {
    place.bucket->erase(place.slot);
    t.countErase();
  } else {
    t.eraseBeyond(arena, index, place);
  }
  --chunks;
}

ChunkIndex::ChunkIndex() : ChunkIndex(Options{}) {}

ChunkIndex::ChunkIndex(const Options& options) : state_(std::make_unique<State>(options)) {
  if (options.expectedChunks > 0) reserve(options.expectedChunks);
}

ChunkIndex::~ChunkIndex() = default;

void ChunkIndex::reserve(uint64_t chunks) {
  State& s = *state_;
  // Room for four standard deviations of an uneven share, at a load that does not want growth.
  const double share = static_cast<double>(chunks) / static_cast<double>(s.tables.size());
  const double buckets = (share + 4 * std::sqrt(share)) / (0.8 * Bucket::kSlots) + 1;
  uint64_t blocks = 0;
  for (uint32_t i = 0; i < s.tables.size(); ++i) {
    if (s.tables[i].buckets() >= buckets) continue;
    blocks += (s.bucketsFor(i, buckets) + Table::kBlockBuckets - 1) / Table::kBlockBuckets;
  }
  s.arena.announce(blocks);
  for (uint32_t i = 0; i < s.tables.size(); ++i) {
    if (s.tables[i].buckets() < buckets) s.resize(i, s.bucketsFor(i, buckets));
  }
}

HolderId ChunkIndex::addHolder() {
  return state_->sets.addHolder();
}

bool ChunkIndex::retire(HolderId holder) {
  if (state_->sets.retiredHolders() >= kRetiredHoldersMax) return false;
  state_->sets.retire(holder);
  return true;
}

size_t ChunkIndex::retiredHolders() const {
  return state_->sets.retiredHolders();
}

ChunkIndex::Change ChunkIndex::apply(HolderId holder, uint64_t salt, const Operations& operations) {
  State& s = *state_;
  HOLDFAST_CHECK(s.sets.isLive(holder), "operations of holder %u, which is not live", holder);
  const KeyMixer mix(salt);
  Change change;
  for (size_t begin = 0; begin < operations.size(); begin += kBatch) {
    const auto keys = operations.keys.subspan(begin, std::min(kBatch, operations.size() - begin));
    State::Run run(s, holder, mix, keys);
    for (size_t i = 0; i < keys.size(); ++i) {
      run.advance(i);
      if (operations.evicts.test(begin + i)) {
        if (run.evict(i)) {
          --change.count;
          change.digest.remove(keys[i]);
        }
      } else if (run.admit(i)) {
        ++change.count;
        change.digest.add(keys[i]);
      }
    }
    s.growWhatWants();
    s.sets.reclaim(kReclaimPerKey * keys.size());
  }
  return change;
}

void ChunkIndex::find(uint64_t salt, std::span<const ChunkHash> keys, std::span<SetId> sets) const {
  HOLDFAST_CHECK(sets.size() >= keys.size(), "room for %zu sets of %zu keys", sets.size(),
                 keys.size());
  const State& s = *state_;
  const KeyMixer mix(salt);
  uint64_t mixed[kAhead];
  const Bucket* home[kAhead];
  const auto prepare = [&](size_t i) {
    const size_t at = i % kAhead;
    mixed[at] = mix(keys[i]);
    home[at] = s.home(mixed[at]);
    prefetchLine(home[at]);
  };
  // Keys that were not in their home bucket and may be in the next: looked for at the end, when
  // that has come.
  struct Beyond {
    size_t i;
    uint64_t mixed;
  };
  Beyond beyond[kBatch];
  size_t beyondCount = 0;
  const auto findBeyond = [&] {
    for (size_t b = 0; b < beyondCount; ++b) {
      const auto place = s.findBeyond(beyond[b].mixed);
      if (place.bucket != nullptr) sets[beyond[b].i] = place.bucket->set(place.slot);
    }
    beyondCount = 0;
  };
  for (size_t i = 0; i < std::min(kAhead, keys.size()); ++i) prepare(i);
  for (size_t i = 0; i < keys.size(); ++i) {
    const size_t at = i % kAhead;
    sets[i] = kEmptySet;
    if (home[at] != nullptr) {
      const uint32_t slot = home[at]->find(StoredKey::of(mixed[at]));
      if (slot != Bucket::kNone) {
        sets[i] = home[at]->set(slot);
      } else if (home[at]->overflowed()) {
        prefetchLine(s.second(mixed[at]));
        beyond[beyondCount++] = {i, mixed[at]};
        if (beyondCount == kBatch) findBeyond();
      }
    }
    if (i + kAhead < keys.size()) prepare(i + kAhead);
  }
  findBeyond();
}

bool ChunkIndex::sweep(size_t slotsMax) {
  State& s = *state_;
  if (s.sets.retiredHolders() == 0) return true;
  if (!s.sets.sweepUnderWay()) {
    s.sets.beginSweep();
    s.sweepTable = 0;
    s.sweepBucket = 0;
  }
  size_t looked = 0;
  size_t changed = 0;
  while (s.sweepTable < s.tables.size()) {
    Table& table = s.tables[s.sweepTable];
    for (; s.sweepBucket < table.buckets(); ++s.sweepBucket) {
      if (looked >= slotsMax) {
        s.sets.reclaim(kReclaimPerKey * (changed + 1));
        return false;
      }
      Bucket& bucket = *table.bucket(s.arena, s.sweepBucket);
      looked += Bucket::kSlots;
      for (uint32_t slot = 0; slot < bucket.count();) {
        const SetId old = bucket.set(slot);
        const SetId kept = s.sets.stripped(old);
        if (kept == old) {
          ++slot;
          continue;
        }
        ++changed;
        s.sets.acquire(kept);
        s.sets.release(old);
        if (kept != kEmptySet) {
          bucket.setSet(slot++, kept);
          continue;
        }
        // The last slot takes this place: look at it again.
        const uint64_t tableBitsOfKey = uint64_t{s.sweepTable} << (64 - s.tableBits);
        s.erase({&bucket, slot}, tableBitsOfKey | bucket.storedBits(slot));
      }
    }
    ++s.sweepTable;
    s.sweepBucket = 0;
    ++looked;
  }
  s.sets.reclaim(kReclaimPerKey * (changed + 1));
  s.sets.finishSweep();
  return s.sets.retiredHolders() == 0;
}

const HolderSets& ChunkIndex::sets() const {
  return state_->sets;
}

uint64_t ChunkIndex::chunks() const {
  return state_->chunks;
}

uint64_t ChunkIndex::memoryBytes() const {
  const State& s = *state_;
  return s.arena.memoryBytes() + s.tables.capacity() * sizeof(Table) + s.tableBytes +
         s.sets.memoryBytes();
}

uint64_t ChunkIndex::slots() const {
  return state_->slots;
}

}  // namespace holdfast
