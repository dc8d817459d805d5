// Look-ups of chunks. Along a trail they read memory in sequence; off it they look into a random
// bucket for each chunk, many at once.
#include <algorithm>
#include <bitset>

#include "core/check.h"
#include "core/index/chunk_index_state.h"
#include "core/index/prefetch.h"

namespace holdfast {
namespace {

// As many buckets are prefetched where a trail may begin: about as many as come in the
// time of one.
constexpr size_t kAheadAtFirst = 6;
// Elsewhere they are prefetched by so many at once. Each waits for a walk through the page tables,
// and the processor has several of those under way only if no other work of a look-up is between.
constexpr size_t kGroup = 16;
// Chunks that have to be found in a row before it counts as a trail; after one that was shorter
// than kShortTrail more of them.
constexpr uint32_t kEvidence = 2;
constexpr uint32_t kEvidenceAfterShort = 16;
constexpr size_t kShortTrail = 32;
// Fewer chunks in a row are not worth a trail: the table is as fast.
constexpr size_t kTrailMin = 24;
// Where a trail takes the places of others, one of so many that are asked for again is made.
constexpr uint32_t kOneOfWhenFull = 4;

}  // namespace

// One look-up of up to kBatch keys.
class ChunkIndex::State::Search {
 public:
  // The first keys, as many as there are sets. Those behind them are looked up next: where they
  // are not on a trail, their buckets are prefetched already. `prefixOnly`: what is behind a key
  // that nobody holds does not matter.
  Search(State& state, const KeyMixer& mix, std::span<const ChunkHash> keys, std::span<SetId> sets,
         bool prefixOnly)
      : state_(state),
        mix_(mix),
        keys_(keys.first(sets.size())),
        next_(keys.subspan(sets.size(), std::min(kAhead, keys.size() - sets.size()))),
        sets_(sets.data()),
        prefixOnly_(prefixOnly) {}

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

  // Gives keys that were found one by one a trail of their own: how many.
  size_t remember() {
    const size_t loose = loose_.count();
    if (loose < kTrailMin) return 0;
    size_t remembered = 0;
    for (size_t begin = 0, end; begin < keys_.size(); begin = end + 1) {
      // As a rule it is all or nothing.
      end = loose == keys_.size() ? loose : begin;
      while (end < keys_.size() && loose_[end]) ++end;
      if (end - begin < kTrailMin || !state_.isWorthATrail(mixed_[begin])) continue;
      state_.trails.forOldest(end - begin, [&](uint64_t saltedKey) {
        prefetchLine(state_.home(KeyMixer::mixed(saltedKey)));
      });
      for (size_t i = begin; i < end; ++i) {
        if (!state_.giveNextPlace(mix_.salted(keys_[i]), {bucket_[i], slot_[i]})) return remembered;
        ++remembered;
      }
    }
    return remembered;
  }

 private:
  // A key whose set is read at the end, when what it takes has come.
  struct Later {
    uint32_t i;
    SlotValue value;      // 0: it has to be located
    Trails::Place place;  // that it left; kNone: none
  };

  void prepare(size_t i) {
    if (i >= keys_.size()) {
      prefetchLine(state_.home(mix_(next_[i - keys_.size()])));
      return;
    }
    mixed_[i] = mix_(keys_[i]);
    bucket_[i] = state_.home(mixed_[i]);
    prefetchLine(bucket_[i]);
  }
  // The keys from i on, so many ahead or up to a group less.
  void prepareUpTo(size_t i, size_t ahead) {
    if (prepared_ > i && prepared_ + kGroup > i + ahead) return;
    const size_t end = std::min(i + ahead, keys_.size() + next_.size());
    for (size_t at = prepared_; at < end; ++at) prepare(at);
    prepared_ = std::max(prepared_, end);
  }
  void later(size_t i, SlotValue value, Trails::Place left = Trails::kNone) {
    later_[laters_++] = {static_cast<uint32_t>(i), value, left};
  }

  // How many keys are found along the trail.
  size_t follow(size_t i, Trails::Place& trail) {
    bool left = false;
    const Trails::Place first = trail;
    const size_t followed =
        state_.trails.follow(trail, mix_.salt(), keys_.subspan(i), sets_ + i, left);
    for (size_t at = i; left && at < i + followed; ++at) {
      if (sets_[at] != kEmptySet) continue;
      prefetchLine(state_.home(mix_(keys_[at])));
      later(at, 0, state_.trails.behind(first, at - i));
    }
    return followed;
  }

  // Looks for one key after the other, up to where a trail begins. Not inline, so that a test can
  // see whether the prefetches are still there.
  [[gnu::noinline]] size_t probe(size_t i, Trails::Place& trail) {
    prepared_ = std::max(prepared_, i);
    trail = Trails::kNone;
    uint32_t row = 0;  // keys along `trail`
    const bool few = keys_.size() - i < kTrailMin;
    if (!few) state_.prefetchMark(mix_(keys_[i]));
    for (size_t ahead = few ? kAhead : kAheadAtFirst; i < keys_.size();
         ++i, ahead = trail == Trails::kNone ? kAhead : std::min(ahead + 2, kAhead)) {
      prepareUpTo(i, ahead);
      Bucket* const home = bucket_[i];
      const uint32_t slot = home == nullptr ? Bucket::kNone : home->find(StoredKey::of(mixed_[i]));
      if (slot == Bucket::kNone) {
        sets_[i] = kEmptySet;
        if (home != nullptr && home->overflowed()) {
          prefetchLine(state_.second(mixed_[i]));
          later(i, 0);
        } else if (prefixOnly_) {
          std::fill(sets_ + i, sets_ + keys_.size(), kEmptySet);
          over_ = true;
          trail = Trails::kNone;
          return keys_.size();
        }
        continue;
      }
      slot_[i] = slot;
      loose_[i] = true;
      const SlotValue value = home->value(slot);
      if (!isPlace(value)) {
        sets_[i] = value;
        trail = Trails::kNone;
        continue;
      }
      row = placeOf(value) == trail ? row + 1 : 1;
      trail = placeOf(value);
      if (row == evidence_ && !few) {
        state_.trails.prefetch(trail, keys_.size() - i);
        for (uint32_t back = 0; back < row; ++back) loose_[i - back] = false;
        return i;
      }
      state_.trails.prefetchSet(trail++);
      later(i, value);
    }
    return i;
  }

  void settle() {
    for (size_t at = 0; at < laters_; ++at) {
      const uint32_t i = later_[at].i;
      SlotValue value = later_[at].value;
      if (value == 0) {
        const Table::Place found = state_.locate(mix_(keys_[i]));
        if (found.bucket == nullptr) continue;
        bucket_[i] = found.bucket;
        slot_[i] = found.slot;
        value = found.bucket->value(found.slot);
        const Trails::Place left = later_[at].place;
        loose_[i] = left == Trails::kNone;
        // It came back: to where it was.
        if (left != Trails::kNone && !isPlace(value)) {
          state_.trails.setSet(left, value);
          found.bucket->setValue(found.slot, valueOf(left));
        }
      }
      sets_[i] = state_.setOf(value);
    }
  }

  State& state_;
  const KeyMixer& mix_;
  const std::span<const ChunkHash> keys_;
  const std::span<const ChunkHash> next_;
  SetId* const sets_;
  const bool prefixOnly_;
  bool over_ = false;
  uint32_t evidence_ = kEvidence;
  size_t prepared_ = 0;        // keys below, from where the table is looked into
  std::bitset<kBatch> loose_;  // keys found, and not along a trail
  size_t laters_ = 0;
  Later later_[kBatch];
  uint64_t mixed_[kBatch];
  Bucket* bucket_[kBatch];  // of a key that is prepared its home, of a loose one where it is
  uint32_t slot_[kBatch];   // of a loose one
};

bool ChunkIndex::State::isWorthATrail(uint64_t mixed) {
  if (asked.empty()) asked.resize(size_t{1} << kMarkBits);
  uint16_t& known = asked[markOf(mixed)];
  const auto mark = static_cast<uint16_t>(mixed);
  const bool again = known == mark;
  known = mark;
  return again && (!trails.full() || ++rowsWhenFull % kOneOfWhenFull == 0);
}

bool ChunkIndex::State::giveNextPlace(uint64_t saltedKey, const Table::Place& slot) {
  const Trails::Place place = trails.next(chunks);
  if (place == Trails::kNone) return false;
  if (trails.isTaken(place)) {
    const Table::Place former = locate(KeyMixer::mixed(trails.saltedKey(place)));
    HOLDFAST_CHECK(former.bucket != nullptr && former.bucket->value(former.slot) == valueOf(place),
                   "no chunk has place %u", place);
    former.bucket->setValue(former.slot, trails.set(place));
    trails.leave(place);
  }
  const SlotValue value = slot.bucket->value(slot.slot);
  trails.fillNext(saltedKey, setOf(value));
  if (isPlace(value)) trails.leave(placeOf(value));
  slot.bucket->setValue(slot.slot, valueOf(place));
  return true;
}

void ChunkIndex::find(uint64_t salt, std::span<const ChunkHash> keys, std::span<SetId> sets) const {
  HOLDFAST_CHECK(sets.size() >= keys.size(), "room for %zu sets of %zu keys", sets.size(),
                 keys.size());
  const KeyMixer mix(salt);
  Trails::Place trail = Trails::kNone;
  for (size_t begin = 0; begin < keys.size(); begin += State::kBatch) {
    const auto some = sets.subspan(begin, std::min(State::kBatch, keys.size() - begin));
    State::Search(*state_, mix, keys.subspan(begin), some, false).run(trail);
  }
}

void ChunkIndex::findPrompt(uint64_t salt, std::span<const ChunkHash> keys, std::span<SetId> sets,
                            Trail& trail) const {
  HOLDFAST_CHECK(sets.size() <= keys.size(), "%zu sets of %zu keys", sets.size(), keys.size());
  const KeyMixer mix(salt);
  trail.remembered = 0;
  for (size_t begin = 0; begin < sets.size(); begin += State::kBatch) {
    const auto some = sets.subspan(begin, std::min(State::kBatch, sets.size() - begin));
    State::Search search(*state_, mix, keys.subspan(begin), some, true);
    search.run(trail.next);
    trail.remembered += search.remember();
    if (!search.over()) continue;
    std::fill(sets.begin() + static_cast<ptrdiff_t>(begin + some.size()), sets.end(), kEmptySet);
    return;
  }
}

}  // namespace holdfast
