#include "core/index/table.h"

namespace holdfast {

Table::Place Table::findBeyond(const BlockArena& arena, StoredKey key) const {
  uint32_t index = secondIndex(key);
  // Counters that stay at their maximum could otherwise send a search round and round.
  for (uint32_t looked = 0; looked < buckets_; ++looked) {
    Bucket* const here = bucket(arena, index);
    const uint32_t slot = here->find(key);
    if (slot != Bucket::kNone) return {here, slot};
    if (!here->overflowed()) break;
    index = nextIndex(index);
  }
  return {};
}

void Table::insert(const BlockArena& arena, uint32_t home, StoredKey key, SlotValue value) {
  HOLDFAST_CHECK(keys_ < slots(), "a table of %u buckets has no room at %u keys", buckets_, keys_);
  Bucket* here = bucket(arena, home);
  for (uint32_t index = secondIndex(key); here->full(); index = nextIndex(index)) {
    here->addOverflow();
    here = bucket(arena, index);
  }
  here->append(key, value);
  ++keys_;
}

void Table::eraseBeyond(const BlockArena& arena, uint32_t home, const Place& place) {
  const StoredKey key = StoredKey::of(place.bucket->storedBits(place.slot));
  place.bucket->erase(place.slot);
  // Every bucket that the key passed, in the same order.
  Bucket* here = bucket(arena, home);
  for (uint32_t index = secondIndex(key); here != place.bucket; index = nextIndex(index)) {
    here->removeOverflow();
    here = bucket(arena, index);
  }
  --keys_;
}

}  // namespace holdfast
