// Long for one idea: runs of operations, the tables' growth and the sweep share one state, and the
// compiler inlines all of it into the loop over the keys, which is what reports cost.
#include "core/index/chunk_index.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/index/chunk_index_state.h"
#include "core/index/prefetch.h"

namespace holdfast {
namespace {

// So many keys before a bucket is prefetched, the place in the table's list of blocks.
constexpr size_t kAheadOfAhead = 8;
// So many keys ahead, when the bucket has come, the second one is prefetched where it is full.
constexpr size_t kPeek = 12;
// Slots rebuilt a batch by growth that can wait; one table is rebuilt in any case.
constexpr uint32_t kGrowthSlotsPerBatch = 2048;
// A sweep asks for the places of chunks so many buckets before it reads their sets there.
constexpr uint32_t kSweepAhead = 4;
// Sets at places that are as near as this to each other come by themselves.
constexpr Trails::Place kNearPlaces = 64;
// Idle sets looked at for each operation: more than one can make.
constexpr size_t kReclaimPerKey = 4;

// Measured: steps of 1.5 cost 10 % more time for 7 % less memory.
constexpr double kGrowthStep = 1.7;
constexpr double kFirstBuckets = 8;

}  // namespace

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
        arena, buckets, [](SlotValue value) { return value; }, orderOfBits, displaced);
  } else {
    const auto strip = [this](SlotValue value) {
      // A look at its place would take too long.
      if (isPlace(value)) return value;
      const SetId kept = sets.stripped(value);
      if (kept != value) {
        sets.acquire(kept);
        sets.release(value);
      }
      return kept;
    };
    table.rebuild(arena, buckets, strip, orderOfBits, displaced);
  }
  slots += table.slots();
  tableBytes += table.memoryBytes();
  chunks -= keysBefore - table.keys();
  ++growths;
  // Keys that a sweep under way has seen may be behind those that it has not.
  if (sweepTable == index) sweepBucket = 0;
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
    const Place place = state_.locate(mixed_[i], home_[i]);
    if (place.bucket == nullptr) {
      insert(i);
      return true;
    }
    const SetId old = setAt(place);
    if (old != admitted_.from) {
      const SetId clean = state_.sets.stripped(old);
      const SetId now = state_.sets.with(clean, holder_);
      admitted_ = {old, now, now != clean};
    }
    if (admitted_.to != old) replace(place, old, admitted_.to);
    return admitted_.changed;
  }

  // True if the holder held it.
  bool evict(size_t i) {
    const Place place = state_.locate(mixed_[i], home_[i]);
    if (place.bucket == nullptr) return false;
    const SetId old = setAt(place);
    if (old != evicted_.from) {
      const SetId clean = state_.sets.stripped(old);
      const SetId now = state_.sets.without(clean, holder_);
      evicted_ = {old, now, now != clean};
    }
    if (evicted_.to == kEmptySet) {
      state_.sets.release(old);
      state_.erase(place, mixed_[i]);
    } else if (evicted_.to != old) {
      replace(place, old, evicted_.to);
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
    if (home_[i] == nullptr) return;
    if (home_[i]->full()) prefetchLine(state_.second(mixed_[i]));
    if (scattered_) [[unlikely]]
      peekAtPlace(i);
  }
  // Where a key's set is kept, if it has a place.
  [[gnu::noinline]] void peekAtPlace(size_t i) const {
    const uint32_t slot = home_[i]->find(StoredKey::of(mixed_[i]));
    if (slot == Bucket::kNone || !isPlace(home_[i]->value(slot))) return;
    state_.trails.prefetchSet(placeOf(home_[i]->value(slot)));
  }
  // A table was rebuilt: buckets are elsewhere.
  void locateAgain(size_t from) {
    growths_ = state_.growths;
    for (size_t i = from; i < std::min(from + kAhead, keys_.size()); ++i) {
      home_[i] = state_.home(mixed_[i]);
    }
  }

  SetId setAt(const Place& place) {
    const SlotValue value = place.bucket->value(place.slot);
    if (!isPlace(value)) return value;
    const Trails::Place at = placeOf(value);
    scattered_ = at - lastPlace_ + kNearPlaces > 2 * kNearPlaces;
    lastPlace_ = at;
    return state_.trails.set(at);
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

  void replace(const Place& place, SetId old, SetId to) {
    state_.sets.acquire(to);
    state_.sets.release(old);
    state_.setSet(place, to);
  }

  State& state_;
  const HolderId holder_;
  const KeyMixer mix_;
  const std::span<const ChunkHash> keys_;
  uint64_t growths_;
  Transition admitted_;
  Transition evicted_;
  Trails::Place lastPlace_ = 0;
  bool scattered_ = false;  // places are far from each other: they are prefetched one by one
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
  const SlotValue value = place.bucket->value(place.slot);
  if (isPlace(value)) trails.leave(placeOf(value));
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
  for (size_t begin = 0; begin < operations.size(); begin += State::kBatch) {
    const auto keys =
        operations.keys.subspan(begin, std::min(State::kBatch, operations.size() - begin));
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
      if (!s.trails.empty()) {
        const uint32_t ahead = s.sweepBucket + kSweepAhead;
        if (ahead < table.buckets()) looked += s.prefetchPlaces(*table.bucket(s.arena, ahead));
      }
      for (uint32_t slot = 0; slot < bucket.count();) {
        const SetId old = s.setOf(bucket.value(slot));
        const SetId kept = s.sets.stripped(old);
        if (kept == old) {
          ++slot;
          continue;
        }
        ++changed;
        s.sets.acquire(kept);
        s.sets.release(old);
        if (kept != kEmptySet) {
          s.setSet({&bucket, slot++}, kept);
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
         s.sets.memoryBytes() + s.trails.memoryBytes() + s.asked.capacity() * sizeof(s.asked[0]);
}

uint64_t ChunkIndex::slots() const {
  return state_->slots;
}

}  // namespace holdfast
