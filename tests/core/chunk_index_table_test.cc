#include <gtest/gtest.h>

#include <vector>

#include "core/index/table.h"
#include "core/types.h"

namespace holdfast {
namespace {

constexpr uint32_t kTableBits = 12;
uint32_t orderOf(uint64_t stored) {
  return static_cast<uint32_t>((stored << kTableBits) >> 32);
}

class TableTest : public testing::Test {
 protected:
  void rebuild(uint32_t buckets) {
    table_.rebuild(
        arena_, buckets, [](SlotValue value) { return value; }, orderOf, scratch_);
  }
  void insert(uint64_t stored, SlotValue value) {
    table_.insert(arena_, table_.homeIndex(orderOf(stored)), StoredKey::of(stored), value);
  }
  Table::Place find(uint64_t stored) {
    const uint32_t home = table_.homeIndex(orderOf(stored));
    Bucket* const bucket = table_.bucket(arena_, home);
    const uint32_t slot = bucket->find(StoredKey::of(stored));
    if (slot != Bucket::kNone) return {bucket, slot};
    return table_.findBeyond(arena_, StoredKey::of(stored));
  }
  void erase(uint64_t stored) {
    const auto place = find(stored);
    ASSERT_NE(place.bucket, nullptr);
    table_.eraseBeyond(arena_, table_.homeIndex(orderOf(stored)), place);
  }

  BlockArena arena_{nullptr};
  Table table_;
  std::vector<Table::Displaced> scratch_;
};

// Keys whose home is bucket 2 of 4 and whose second bucket is the last, followed by the first.
uint64_t crowdedKey(uint64_t i) {
  return uint64_t{0x80000} << 32 | uint64_t{0xFFFFFF00} | i;
}

TEST_F(TableTest, OverflowsRoundTheEndAndLeavesNoTraceWhenErased) {
  rebuild(4);
  for (uint64_t i = 0; i < 15; ++i) insert(crowdedKey(i), static_cast<SlotValue>(i + 1));
  for (uint64_t i = 0; i < 15; ++i) {
    const auto place = find(crowdedKey(i));
    ASSERT_NE(place.bucket, nullptr) << i;
    EXPECT_EQ(place.bucket->value(place.slot), i + 1);
  }
  EXPECT_EQ(table_.bucket(arena_, 2)->count(), 6u);
  EXPECT_EQ(table_.bucket(arena_, 3)->count(), 6u);
  EXPECT_EQ(table_.bucket(arena_, 0)->count(), 3u);
  EXPECT_TRUE(table_.bucket(arena_, 2)->overflowed());
  EXPECT_TRUE(table_.bucket(arena_, 3)->overflowed());
  EXPECT_FALSE(table_.bucket(arena_, 0)->overflowed());
  for (uint64_t i = 0; i < 15; ++i) erase(crowdedKey(i));
  EXPECT_EQ(table_.keys(), 0u);
  for (uint32_t b = 0; b < 4; ++b) {
    EXPECT_EQ(table_.bucket(arena_, b)->count(), 0u);
    EXPECT_FALSE(table_.bucket(arena_, b)->overflowed()) << b;
  }
}

TEST_F(TableTest, ASearchEndsWhereEveryCounterIsStuck) {
  rebuild(8);
  // From each home in turn, more keys pass it than a counter counts.
  const auto key = [](uint64_t home, uint64_t i) { return home << 49 | uint64_t{1} << 20 | i; };
  for (uint64_t home = 0; home < 8; ++home) {
    for (uint64_t i = 0; i < 45; ++i) insert(key(home, i), 1);
    for (uint64_t i = 0; i < 45; ++i) erase(key(home, i));
  }
  for (uint32_t b = 0; b < 8; ++b) ASSERT_TRUE(table_.bucket(arena_, b)->overflowed()) << b;
  EXPECT_EQ(find(crowdedKey(99)).bucket, nullptr);
  EXPECT_EQ(table_.keys(), 0u);
}

TEST_F(TableTest, RebuildsIntoAnySizeAcrossBlocks) {
  rebuild(3 * Table::kBlockBuckets);
  std::vector<uint64_t> keys;
  for (uint64_t i = 0; i < 1500; ++i) {
    keys.push_back(splitmix64Finalise(i) & ((uint64_t{1} << 52) - 1));
    insert(keys.back(), static_cast<SlotValue>(i + 1));
  }
  for (const uint32_t buckets :
       {5u * Table::kBlockBuckets, 300u, 2u * Table::kBlockBuckets, 1000u}) {
    rebuild(buckets);
    EXPECT_EQ(table_.keys(), keys.size());
    EXPECT_EQ(table_.buckets(), buckets);
    for (uint64_t i = 0; i < keys.size(); ++i) {
      const auto place = find(keys[i]);
      ASSERT_NE(place.bucket, nullptr) << buckets << ' ' << i;
      ASSERT_EQ(place.bucket->value(place.slot), i + 1);
    }
  }
}

TEST(BlockArena, GivesFreedBlocksAgainAndCleared) {
  BlockArena arena(nullptr);
  const uint32_t a = arena.allocate();
  const uint32_t b = arena.allocate();
  EXPECT_NE(a, b);
  for (size_t i = 0; i < BlockArena::kBlockBytes; ++i) ASSERT_EQ(arena.at(a)[i], 0);
  arena.at(a)[100] = 1;
  arena.at(a)[0] = 1;
  const uint64_t bytes = arena.memoryBytes();
  arena.free(a);
  arena.free(b);
  EXPECT_EQ(arena.allocate(), b);
  EXPECT_EQ(arena.allocate(), a);
  for (size_t i = 0; i < BlockArena::kBlockBytes; ++i) ASSERT_EQ(arena.at(a)[i], 0);
  EXPECT_EQ(arena.memoryBytes(), bytes);
}

}  // namespace
}  // namespace holdfast
