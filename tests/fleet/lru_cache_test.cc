#include "fleet/lru_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <list>
#include <set>

#include "fleet/random.h"
#include "tests/support/repetitions.h"

namespace holdfast::fleet {
namespace {

using Chunks = std::vector<ChunkHash>;

TEST(LruCache, HoldsWhatWasUsedLast) {
  LruCache cache(3);
  CacheChanges changes;
  cache.use(Chunks{1, 2}, changes);
  EXPECT_EQ(changes.hits, 0u);
  EXPECT_EQ(changes.admitted, (Chunks{1, 2}));
  EXPECT_EQ(changes.evicted, Chunks{});
  EXPECT_EQ(cache.contents(), (Chunks{1, 2}));

  // 2 is further from its prompt's beginning than 1 and goes first.
  cache.use(Chunks{1, 3, 4}, changes);
  EXPECT_EQ(changes.hits, 1u);
  EXPECT_EQ(changes.admitted, (Chunks{3, 4}));
  EXPECT_EQ(changes.evicted, (Chunks{2}));
  EXPECT_EQ(cache.contents(), (Chunks{1, 3, 4}));
  EXPECT_TRUE(cache.holds(4));
  EXPECT_FALSE(cache.holds(2));
}

TEST(LruCache, WhatIsRemovedIsGoneAndTheRestKeepsItsOrder) {
  LruCache cache(5);
  CacheChanges changes;
  cache.use(Chunks{1, 2, 3, 4}, changes);
  EXPECT_TRUE(cache.remove(2));
  EXPECT_FALSE(cache.remove(2));
  EXPECT_EQ(cache.contents(), (Chunks{1, 3, 4}));
  EXPECT_TRUE(cache.remove(1));
  EXPECT_TRUE(cache.remove(4));
  EXPECT_EQ(cache.contents(), Chunks{3});
  EXPECT_TRUE(cache.remove(3));
  EXPECT_EQ(cache.size(), 0u);
  cache.use(Chunks{7, 8}, changes);
  EXPECT_EQ(cache.contents(), (Chunks{7, 8}));
}

TEST(LruCache, WhatIsPinnedStays) {
  LruCache cache(4);
  CacheChanges changes;
  cache.use(Chunks{1, 2}, changes);
  EXPECT_TRUE(cache.pin(Chunks{2, 1}, 0));
  EXPECT_FALSE(cache.pin(Chunks{3}, 0)) << "more than half";
  cache.use(Chunks{3, 4, 5, 6}, changes);
  EXPECT_EQ(changes.admitted, (Chunks{3, 4}));
  cache.use(Chunks{5, 6}, changes);
  EXPECT_TRUE(cache.holds(1) && cache.holds(2));
  EXPECT_EQ(cache.size(), 4u);
  EXPECT_TRUE(cache.remove(1));
  EXPECT_EQ(cache.pinned(), 1u);
}

TEST(LruCache, PinsEndInTime) {
  LruCache cache(6);
  CacheChanges changes;
  cache.use(Chunks{1, 2, 3}, changes);
  EXPECT_TRUE(cache.pin(Chunks{1, 2}, 100));
  EXPECT_TRUE(cache.pin(Chunks{2, 3}, 50)) << "the newest pin counts";
  cache.endPins(49);
  EXPECT_EQ(cache.pinned(), 3u);
  cache.endPins(50);
  EXPECT_EQ(cache.pinned(), 1u);
  cache.endPins(99);
  EXPECT_EQ(cache.pinned(), 1u);
  cache.endPins(100);
  EXPECT_EQ(cache.pinned(), 0u);
  EXPECT_TRUE(cache.pin(Chunks{1}, 0));
  cache.endPins(UINT64_MAX);
  EXPECT_EQ(cache.pinned(), 1u) << "for good";
}

TEST(LruCache, CompressionIsForgottenWithTheChunk) {
  LruCache cache(2);
  CacheChanges changes;
  cache.use(Chunks{1, 2}, changes);
  for (const ChunkHash chunk : {1, 2}) cache.setMethod(chunk, "zstd");
  EXPECT_EQ(cache.compressed(), 2u);
  cache.setMethod(1, "");
  EXPECT_EQ(cache.compressed(), 1u);
  cache.use(Chunks{1, 3}, changes);
  EXPECT_EQ(changes.evicted, Chunks{2});
  EXPECT_EQ(cache.compressed(), 0u);
}

TEST(LruCache, APromptLongerThanTheCacheLeavesItsBeginning) {
  LruCache cache(2);
  CacheChanges changes;
  cache.use(Chunks{1, 2, 3}, changes);
  EXPECT_EQ(changes.admitted, (Chunks{1, 2}));
  cache.use(Chunks{1, 2, 3}, changes);
  EXPECT_EQ(changes.hits, 2u);
  EXPECT_EQ(changes.admitted, Chunks{});
  EXPECT_EQ(changes.evicted, Chunks{});
}

TEST(LruCache, NothingOfThePromptMakesRoomForTheRestOfIt) {
  LruCache cache(3);
  CacheChanges changes;
  cache.use(Chunks{1}, changes);
  cache.use(Chunks{2}, changes);
  cache.use(Chunks{3}, changes);
  cache.use(Chunks{1, 4, 5}, changes);  // 1 is the oldest, and stays
  EXPECT_EQ(changes.hits, 1u);
  EXPECT_EQ(changes.evicted, (Chunks{2, 3}));
  EXPECT_EQ(cache.contents(), (Chunks{1, 4, 5}));
}

// The same in the plainest way: a list, newest first.
class Model {
 public:
  explicit Model(size_t capacity) : capacity_(capacity) {}

  CacheChanges use(Chunks prompt) {
    prompt.resize(std::min(prompt.size(), capacity_));
    CacheChanges changes;
    const std::set<ChunkHash> before(order_.begin(), order_.end());
    while (changes.hits < prompt.size() && before.contains(prompt[changes.hits])) ++changes.hits;
    for (auto chunk = prompt.rbegin(); chunk != prompt.rend(); ++chunk) {
      order_.remove(*chunk);
      order_.push_front(*chunk);
    }
    while (order_.size() > capacity_) order_.pop_back();
    const std::set<ChunkHash> after(order_.begin(), order_.end());
    std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                        std::back_inserter(changes.evicted));
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                        std::back_inserter(changes.admitted));
    return changes;
  }
  Chunks contents() const { return {order_.begin(), order_.end()}; }

 private:
  size_t capacity_;
  std::list<ChunkHash> order_;
};

Chunks sorted(Chunks chunks) {
  std::sort(chunks.begin(), chunks.end());
  return chunks;
}

TEST(LruCache, BehavesAsThePlainModel) {
  const uint64_t sequences = test::repetitions("HOLDFAST_SEQUENCES", 300);
  const bool replay = std::getenv("HOLDFAST_SEED") != nullptr;
  const uint64_t firstSeed = test::fromEnvironment("HOLDFAST_SEED", 1);
  for (uint64_t seed = firstSeed; seed < firstSeed + (replay ? 1 : sequences); ++seed) {
    SCOPED_TRACE("HOLDFAST_SEED=" + std::to_string(seed));
    Random random(seed);
    const size_t capacity = 1 + random.below(12);
    const uint64_t keys = 1 + random.below(30);
    LruCache cache(capacity);
    Model model(capacity);
    CacheChanges changes;
    for (int step = 0; step < 60; ++step) {
      Chunks prompt(random.below(16));  // any chunks, also repeated ones, also none
      for (ChunkHash& chunk : prompt) chunk = random.below(keys);
      const CacheChanges expected = model.use(prompt);
      cache.use(prompt, changes);
      ASSERT_EQ(changes.hits, expected.hits) << "step " << step;
      ASSERT_EQ(sorted(changes.evicted), expected.evicted) << "step " << step;
      ASSERT_EQ(sorted(changes.admitted), expected.admitted) << "step " << step;
      ASSERT_EQ(cache.contents(), model.contents()) << "step " << step;
      ASSERT_EQ(cache.size(), model.contents().size());
    }
  }
}

}  // namespace
}  // namespace holdfast::fleet
