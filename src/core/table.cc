#include "core/table.h"

namespace holdfast {

Table::Place Table::findBeyond(const BlockArena& arena, uint32_t home, StoredKey key) const {
  uint32_t index = nextIndex(home);
  // Counters that stay at their maximum could otherwise send a search round and round.
  while (index != home) {
    Bucket* const here = bucket(arena, index);
    const uint32_t slot = here->find(key);
    if (slot != Bucket::kNone) return {here, slot};
    if (!here->overflowed()) break;
    index = nextIndex(index);
  }
  return {};
}

void Table::insertBeyond(const BlockArena& arena, uint32_t home, StoredKey key, SetId set) {
  uint32_t index = home;
  Bucket* here = bucket(arena, index);
  while (here->full()) {
    here->addOverflow();
    index = nextIndex(index);
    HOLDFAST_CHECK(index != home, "a table of %u buckets has no room at %u keys", buckets_, keys_);
    here = bucket(arena, index);
  }
  here->append(key, set);
  ++keys_;
}

void Table::eraseBeyond(const BlockArena& arena, uint32_t home, const Place& place) {
  place.bucket->erase(place.slot);
  uint32_t index = home;
  for (Bucket* here = bucket(arena, index); here != place.bucket;) {
    here->removeOverflow();
    index = nextIndex(index);
    here = bucket(arena, index);
  }
  --keys_;
}

}  // namespace holdfast
