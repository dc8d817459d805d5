#include "core/index/chunk_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "core/index/key_mixer.h"
#include "tests/core/index_holders.h"

namespace holdfast {
namespace {

std::vector<HolderId> holdersOf(const ChunkIndex& index, uint64_t salt, ChunkHash key) {
  SetId set = kEmptySet;
  index.find(salt, {&key, 1}, {&set, 1});
  return holdersOf(index, set);
}

ChunkIndex::Change admit(ChunkIndex& index, HolderId holder, std::vector<ChunkHash> keys) {
  return index.apply(holder, 0, {keys, {}});
}

ChunkIndex::Change evict(ChunkIndex& index, HolderId holder, std::vector<ChunkHash> keys) {
  const std::vector<uint8_t> all(keys.size() / 8 + 1, 0xFF);
  return index.apply(holder, 0, {keys, {all.data(), 0}});
}

KeyDigest digestOf(const std::vector<ChunkHash>& keys) {
  KeyDigest digest;
  for (const ChunkHash key : keys) digest.add(key);
  return digest;
}

TEST(ChunkIndex, KnowsNobodyAtFirst) {
  ChunkIndex index;
  EXPECT_EQ(index.chunks(), 0u);
  EXPECT_TRUE(holdersOf(index, 0, 1).empty());
  EXPECT_TRUE(index.sweep(1));
}

TEST(ChunkIndex, CountsOnlyWhatChanges) {
  ChunkIndex index;
  const HolderId a = index.addHolder();
  auto change = admit(index, a, {5, 6, 5});
  EXPECT_EQ(change.count, 2);
  EXPECT_EQ(change.digest, digestOf({5, 6}));
  change = admit(index, a, {6});
  EXPECT_EQ(change.count, 0);
  EXPECT_EQ(change.digest, KeyDigest{});
  change = evict(index, a, {7, 6, 6});
  EXPECT_EQ(change.count, -1);
  EXPECT_EQ(index.chunks(), 1u);
  EXPECT_THAT(holdersOf(index, 0, 5), testing::ElementsAre(a));
  EXPECT_TRUE(holdersOf(index, 0, 6).empty());
}

TEST(ChunkIndex, AppliesOneKeySeveralTimesInOrder) {
  ChunkIndex index;
  const HolderId a = index.addHolder();
  // admit, evict, admit, evict, evict, admit, evict of one key: gone at the end.
  const std::vector<ChunkHash> keys(7, 42);
  const uint8_t evicts[] = {0b1011010};
  const auto change = index.apply(a, 0, {keys, {evicts, 0}});
  EXPECT_EQ(change.count, 0);
  EXPECT_EQ(change.digest, KeyDigest{});
  EXPECT_TRUE(holdersOf(index, 0, 42).empty());
  EXPECT_EQ(index.chunks(), 0u);
}

TEST(ChunkIndex, HonoursTheOffsetOfTheBitmapAcrossBatches) {
  ChunkIndex index;
  const HolderId a = index.addHolder();
  std::vector<ChunkHash> keys;
  for (ChunkHash key = 0; key < 1000; ++key) keys.push_back(key);
  admit(index, a, keys);
  std::vector<uint8_t> evicts(1003 / 8 + 1, 0);
  for (size_t i : {0, 299, 511, 512, 999}) {
    uint8_t& byte = evicts[(i + 3) / 8];
    byte = static_cast<uint8_t>(byte | (1u << ((i + 3) % 8)));
  }
  EXPECT_EQ(index.apply(a, 0, {keys, {evicts.data(), 3}}).count, -5);
  for (size_t i : {0, 299, 511, 512, 999}) EXPECT_TRUE(holdersOf(index, 0, i).empty()) << i;
  EXPECT_EQ(index.chunks(), 995u);
}

TEST(ChunkIndex, EveryHashIsAKey) {
  ChunkIndex index;
  const HolderId a = index.addHolder();
  const KeyMixer mix(0);
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  // Both the hashes and the mixed keys at the ends of their ranges.
  const std::vector<ChunkHash> keys = {0, most, mix.inverse(0), mix.inverse(most), mix.inverse(1)};
  for (const ChunkHash key : keys) EXPECT_TRUE(holdersOf(index, 0, key).empty());
  EXPECT_EQ(admit(index, a, keys).count, 5);
  for (const ChunkHash key : keys) EXPECT_THAT(holdersOf(index, 0, key), testing::ElementsAre(a));
  EXPECT_EQ(evict(index, a, keys).count, -5);
  EXPECT_EQ(index.chunks(), 0u);
}

TEST(ChunkIndex, SaltsKeepModelsApart) {
  ChunkIndex index;
  const HolderId a = index.addHolder();
  const std::vector<ChunkHash> keys = {1, 2, 3};
  index.apply(a, 7, {keys, {}});
  EXPECT_TRUE(holdersOf(index, 8, 2).empty());
  EXPECT_THAT(holdersOf(index, 7, 2), testing::ElementsAre(a));
}

TEST(ChunkIndex, ChunksOfEqualHoldersShareTheSet) {
  ChunkIndex index;
  const HolderId a = index.addHolder();
  const HolderId b = index.addHolder();
  admit(index, a, {1, 2});
  admit(index, b, {2, 1});
  const std::vector<ChunkHash> keys = {1, 2};
  SetId sets[2];
  index.find(0, keys, sets);
  EXPECT_EQ(sets[0], sets[1]);
  EXPECT_THAT(holdersOf(index, sets[0]), testing::ElementsAre(a, b));
}

TEST(ChunkIndex, RetiresAtMostItsLimit) {
  ChunkIndex index;
  for (size_t i = 0; i < ChunkIndex::kRetiredHoldersMax; ++i) {
    ASSERT_TRUE(index.retire(index.addHolder()));
  }
  const HolderId last = index.addHolder();
  EXPECT_FALSE(index.retire(last));
  EXPECT_TRUE(index.sets().isLive(last));
  EXPECT_EQ(index.retiredHolders(), ChunkIndex::kRetiredHoldersMax);
  while (!index.sweep(1 << 20)) {
  }
  EXPECT_TRUE(index.retire(last));
}

TEST(ChunkIndex, ASweepFreesOnlyWhatWasRetiredBeforeItBegan) {
  ChunkIndex index;
  const HolderId a = index.addHolder();
  const HolderId b = index.addHolder();
  std::vector<ChunkHash> keys;
  for (ChunkHash key = 0; key < 10000; ++key) keys.push_back(key);
  admit(index, a, keys);
  admit(index, b, keys);
  ASSERT_TRUE(index.retire(a));
  EXPECT_FALSE(index.sweep(5000));
  ASSERT_TRUE(index.retire(b));  // the sweep is half way: what it has passed still names b
  while (index.retiredHolders() == 2) index.sweep(1000);
  EXPECT_EQ(index.addHolder(), a);
  EXPECT_NE(index.addHolder(), b);
  while (!index.sweep(1000)) {
  }
  EXPECT_EQ(index.chunks(), 0u);
  EXPECT_EQ(index.addHolder(), b);
}

TEST(ChunkIndex, SweepsABoundedNumberOfSlotsACall) {
  ChunkIndex index;
  const HolderId a = index.addHolder();
  std::vector<ChunkHash> keys;
  for (ChunkHash key = 0; key < 100000; ++key) keys.push_back(key);
  admit(index, a, keys);
  index.retire(a);
  uint64_t before = index.chunks();
  while (!index.sweep(100)) {
    ASSERT_LE(before - index.chunks(), 106u);
    before = index.chunks();
  }
  EXPECT_EQ(index.chunks(), 0u);
}

TEST(ChunkIndex, ReserveAvoidsGrowth) {
  ChunkIndex index;
  index.reserve(500000);
  const uint64_t slots = index.slots();
  const HolderId a = index.addHolder();
  std::vector<ChunkHash> keys;
  for (ChunkHash key = 0; key < 500000; ++key) keys.push_back(key);
  EXPECT_EQ(admit(index, a, keys).count, 500000);
  EXPECT_EQ(index.slots(), slots);
  index.reserve(10);
  EXPECT_EQ(index.slots(), slots);
}

TEST(ChunkIndex, ReserveKeepsWhatIsThere) {
  ChunkIndex index;
  const HolderId a = index.addHolder();
  admit(index, a, {1, 2, 3});
  index.reserve(1000000);
  EXPECT_EQ(index.chunks(), 3u);
  EXPECT_THAT(holdersOf(index, 0, 3), testing::ElementsAre(a));
}

TEST(ChunkIndexDeathTest, RefusesOperationsOfAHolderThatIsNotLive) {
  ChunkIndex index;
  const HolderId a = index.addHolder();
  index.retire(a);
  EXPECT_DEATH(admit(index, a, {1}), "holder 1, which is not live");
  EXPECT_DEATH(index.retire(a), "holder 1");
}

}  // namespace
}  // namespace holdfast
