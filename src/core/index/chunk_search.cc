// Look-ups of chunks. Along a trail they read memory in sequence; off it they look into a random
// bucket for each chunk, many at once.
#include <algorithm>

#include "core/check.h"
#include "core/index/chunk_index_state.h"
#include "core/index/prefetch.h"

namespace holdfast {
namespace {

// As many buckets are prefetched where a trail may begin: as many as come in the time of one.
constexpr size_t kAheadAtFirst = 8;
// Chunks that have to be found in a row before it counts as a trail; after one that was shorter
// than kShortTrail more of them.
constexpr uint32_t kEvidence = 2;
constexpr uint32_t kEvidenceAfterShort = 8;
constexpr size_t kShortTrail = 16;
// Of so few chunks at the end the table is as fast as a trail.
constexpr size_t kFew = 20;
// Fewer chunks in a row are not worth a trail of their own.
constexpr size_t kTrailMin = 4;
// Chunks that left the trail between two that are on it.
constexpr uint32_t kGapMax = 8;
// Once the trails are full, one batch of so many is remembered: what is asked for often will be.
constexpr uint32_t kRememberedOf = 16;

}  // namespace

// One look-up of up to kBatch keys.
class ChunkIndex::State::Search {
 public:
  // `prefixOnly`: what is behind a key that nobody holds does not matter.
  Search(const State& state, const KeyMixer& mix, std::span<const ChunkHash> keys, SetId* sets,
         bool prefixOnly)
      : state_(state), mix_(mix), keys_(keys), sets_(sets), prefixOnly_(prefixOnly) {}

  void run(Trails::Place& trail) {
    for (size_t i = follow(0, trail); i < keys_.size();) {
      const size_t from = probe(i, trail);
      i = from + follow(from, trail);
      evidence_ = i - from < kShortTrail ? kEvidenceAfterShort : kEvidence;
    }
    settle();
  }
  // Nobody holds one of the keys, so that there may be more of them.
  bool over() const { return over_; }
  // Keys that may be remembered.
  size_t loose() const { return loose_; }

 private:
  // A key whose set is read at the end, when what it takes has come.
  struct Later {
    uint32_t i;
    SlotValue value;  // 0: it has to be located
  };

  void prepare(size_t i) {
    mixed_[i] = mix_(keys_[i]);
    home_[i] = state_.home(mixed_[i]);
    prefetchLine(home_[i]);
  }
  void later(size_t i, SlotValue value) { later_[laters_++] = {static_cast<uint32_t>(i), value}; }

  // How many keys are found along the trail.
  size_t follow(size_t i, Trails::Place& trail) {
    bool left = false;
    const size_t followed =
        state_.trails.follow(trail, mix_.salt(), keys_.subspan(i), sets_ + i, left);
    for (size_t at = i; left && at < i + followed; ++at) {
      if (sets_[at] != kEmptySet) continue;
      prefetchLine(state_.home(mix_(keys_[at])));
      later(at, 0);
    }
    return followed;
  }

  // Looks for one key after the other, up to where a trail begins.
  size_t probe(size_t i, Trails::Place& trail) {
    prepared_ = std::max(prepared_, i);
    trail = Trails::kNone;
    uint32_t row = 0;  // keys along `trail`
    const bool few = keys_.size() - i <= kFew;
    for (size_t ahead = few ? kAhead : kAheadAtFirst; i < keys_.size(); ++i) {
      for (const size_t end = std::min(i + ahead, keys_.size()); prepared_ < end; ++prepared_) {
        prepare(prepared_);
      }
      ahead = std::min(ahead + 2, kAhead);
      const Bucket* const home = home_[i];
      const uint32_t slot =
          home == nullptr ? Bucket::kNone : home->find(StoredKey::of(mixed_[i]));
      const SlotValue value = slot == Bucket::kNone ? 0 : home->value(slot);
      if (isPlace(value)) {
        const Trails::Place place = placeOf(value);
        row = place == trail ? row + 1 : 1;
        if (row == evidence_ && !few) {
          trail = place;
          break;
        }
        state_.trails.prefetch(place, row == 1 ? keys_.size() - i : 1);
        later(i, value);
        trail = place + 1;
        continue;
      }
      trail = Trails::kNone;
      sets_[i] = value;
      if (value != 0) {
        ++looseRow_;
        continue;
      }
      if (home != nullptr && home->overflowed()) {
        prefetchLine(state_.second(mixed_[i]));
        later(i, 0);
      } else if (prefixOnly_) {
        std::fill(sets_ + i, sets_ + keys_.size(), kEmptySet);
        over_ = true;
        i = keys_.size();
        break;
      }
    }
    endLooseRow();
    return i;
  }

  void settle() {
    for (size_t at = 0; at < laters_; ++at) {
      const uint32_t i = later_[at].i;
      SlotValue value = later_[at].value;
      if (value == 0) {
        const Table::Place found = state_.locate(mix_(keys_[i]));
        if (found.bucket != nullptr) value = found.bucket->value(found.slot);
      }
      sets_[i] = state_.setOf(value);
    }
  }

  void endLooseRow() {
    if (looseRow_ >= kTrailMin) loose_ += looseRow_;
    looseRow_ = 0;
  }

  const State& state_;
  const KeyMixer& mix_;
  const std::span<const ChunkHash> keys_;
  SetId* const sets_;
  const bool prefixOnly_;
  bool over_ = false;
  uint32_t evidence_ = kEvidence;
  size_t prepared_ = 0;  // keys below, from where the table is looked into
  size_t looseRow_ = 0;  // keys just found off every trail
  size_t loose_ = 0;
  size_t laters_ = 0;
  Later later_[kBatch];
  uint64_t mixed_[kBatch];
  Bucket* home_[kBatch];
};

// Gives the keys that are on no trail, or alone on theirs, a trail of their own.
size_t ChunkIndex::State::remember(const KeyMixer& mix, std::span<const ChunkHash> keys) {
  if (trails.full() && ++searchesWhenFull % kRememberedOf != 0) return 0;
  Table::Place slots[kBatch];
  Trails::Place places[kBatch];
  size_t count = 0;
  for (; count < keys.size(); ++count) {
    slots[count] = locate(mix(keys[count]));
    if (slots[count].bucket == nullptr) break;
    const SlotValue value = slots[count].bucket->value(slots[count].slot);
    places[count] = isPlace(value) ? placeOf(value) : Trails::kNone;
  }
  for (uint32_t ahead = 0; ahead < std::min<size_t>(count, trails.places()); ++ahead) {
    const Trails::Place oldest = trails.next(ahead);
    if (trails.isTaken(oldest)) prefetchLine(home(KeyMixer::mixed(trails.saltedKey(oldest))));
  }
  const auto follows = [&](size_t i) {
    return i > 0 && i < count && places[i - 1] != Trails::kNone && places[i] != Trails::kNone &&
           places[i] - places[i - 1] - 1 < kGapMax;
  };
  size_t remembered = 0;
  for (size_t begin = 0, end; begin < count; begin = end + 1) {
    for (end = begin; end < count && !follows(end) && !follows(end + 1);) ++end;
    if (end - begin < kTrailMin) continue;
    for (size_t i = begin; i < end; ++i) append(mix.salted(keys[i]), slots[i]);
    remembered += end - begin;
  }
  return remembered;
}

void ChunkIndex::State::append(uint64_t saltedKey, const Table::Place& slot) {
  const Trails::Place place = trails.next();
  if (trails.isTaken(place)) {
    const Table::Place former = locate(KeyMixer::mixed(trails.saltedKey(place)));
    HOLDFAST_CHECK(former.bucket != nullptr, "the chunk of place %u is not in the index", place);
    former.bucket->setValue(former.slot, trails.set(place));
    trails.leave(place);
  }
  const SlotValue value = slot.bucket->value(slot.slot);
  trails.append(saltedKey, setOf(value));
  if (isPlace(value)) trails.leave(placeOf(value));
  slot.bucket->setValue(slot.slot, valueOf(place));
}

void ChunkIndex::find(uint64_t salt, std::span<const ChunkHash> keys, std::span<SetId> sets) const {
  HOLDFAST_CHECK(sets.size() >= keys.size(), "room for %zu sets of %zu keys", sets.size(),
                 keys.size());
  const KeyMixer mix(salt);
  Trails::Place trail = Trails::kNone;
  for (size_t begin = 0; begin < keys.size(); begin += State::kBatch) {
    const auto some = keys.subspan(begin, std::min(State::kBatch, keys.size() - begin));
    State::Search(*state_, mix, some, &sets[begin], false).run(trail);
  }
}

void ChunkIndex::findPrompt(uint64_t salt, std::span<const ChunkHash> keys, std::span<SetId> sets,
                            Trail& trail) const {
  HOLDFAST_CHECK(sets.size() >= keys.size(), "room for %zu sets of %zu keys", sets.size(),
                 keys.size());
  const KeyMixer mix(salt);
  trail.remembered = 0;
  for (size_t begin = 0; begin < keys.size(); begin += State::kBatch) {
    const auto some = keys.subspan(begin, std::min(State::kBatch, keys.size() - begin));
    State::Search search(*state_, mix, some, &sets[begin], true);
    search.run(trail.next);
    if (search.loose() > 0) trail.remembered += state_->remember(mix, some);
    if (!search.over()) continue;
    std::fill(sets.begin() + static_cast<ptrdiff_t>(begin + some.size()),
              sets.begin() + static_cast<ptrdiff_t>(keys.size()), kEmptySet);
    return;
  }
}

}  // namespace holdfast
