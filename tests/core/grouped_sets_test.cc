#include "core/index/grouped_sets.h"

#include <gmock/gmock.h>

#include <vector>

#include "core/index/chunk_index.h"
#include "core/index/holder_directory.h"

namespace holdfast {
namespace {

class GroupedSetsTest : public testing::Test {
 protected:
  HolderId holder(uint32_t instance, uint32_t rank, uint16_t location = 0) {
    const HolderId id = index_.addHolder();
    directory_.set(id, {instance, rank, location, true, false});
    return id;
  }
  SetId setOf(ChunkHash key, const std::vector<HolderId>& holders) {
    for (const HolderId id : holders) index_.apply(id, 0, {{&key, 1}, {}});
    SetId set = kEmptySet;
    index_.find(0, {&key, 1}, {&set, 1});
    return set;
  }
  const GroupedSet& grouped(SetId set) { return directory_.grouped(set, index_.sets()); }

  ChunkIndex index_;
  HolderDirectory directory_;
};

TEST_F(GroupedSetsTest, RanksAreInOrderWhateverTheirHoldersAre) {
  const HolderId second = holder(7, 1);
  const HolderId other = holder(3, 5);
  const HolderId first = holder(7, 0);
  const HolderId again = holder(7, 1, 4);
  directory_.setWorldSize(7, 2);
  const GroupedSet& all = grouped(setOf(1, {second, other, first, again}));
  ASSERT_EQ(all.instances.size(), 2u);
  EXPECT_EQ(all.instances[0].instance, 3u);
  EXPECT_FALSE(all.instances[0].whole);
  EXPECT_TRUE(all.instances[1].whole);
  const auto ranks = all.ranksOf(all.instances[1]);
  ASSERT_EQ(ranks.size(), 2u);
  EXPECT_EQ(ranks[1].rank, 1u);
  std::vector<HolderId> members;
  for (const auto& member : all.membersOf(ranks[1])) members.push_back(member.holder);
  EXPECT_THAT(members, testing::ElementsAre(second, again));
  EXPECT_EQ(all.find(4), nullptr);
}

TEST_F(GroupedSetsTest, WhatIsRememberedEndsWithWhatItStoodFor) {
  const HolderId a = holder(0, 0);
  const HolderId b = holder(1, 0);
  const SetId set = setOf(1, {a, b});
  EXPECT_EQ(grouped(set).instances.size(), 2u);
  directory_.set(b, {1, 0, 0, false, false});
  EXPECT_EQ(grouped(set).instances.size(), 1u);
  directory_.set(b, {1, 0, 0, true, true});
  EXPECT_TRUE(grouped(set).ranks.at(1).unconfirmed);
  directory_.setWorldSize(1, 1);
  EXPECT_TRUE(grouped(set).instances.at(1).whole);
  index_.retire(b);
  EXPECT_EQ(grouped(set).instances.size(), 1u);
}

TEST(GroupedSets, ASetThatTakesTheIdOfAnotherIsNotTakenForIt) {
  HolderSets sets;
  HolderDirectory directory;
  std::vector<HolderId> holders;
  for (uint32_t i = 0; i < 100; ++i) {
    holders.push_back(sets.addHolder());
    directory.set(holders.back(), {i, 0, 0, true, false});
  }
  const SetId set = sets.with(holders[0], holders[1]);
  EXPECT_EQ(directory.grouped(set, sets).instances.back().instance, 1u);
  // Sets that nobody refers to are kept for a while: until so many others came after them.
  size_t others = 0;
  for (size_t i = 2; i < 100; ++i) {
    for (size_t j = 2; j < i && others < HolderSets::kIdleSetsMax; ++j, ++others) {
      sets.with(holders[i], holders[j]);
    }
  }
  sets.reclaim(1);
  ASSERT_EQ(sets.with(holders[1], holders[2]), set);
  EXPECT_EQ(directory.grouped(set, sets).instances.back().instance, 2u);
}

TEST_F(GroupedSetsTest, MemoryIsBounded) {
  std::vector<HolderId> all;
  for (uint32_t i = 0; i < 4'000; ++i) all.push_back(holder(i / 8, i % 8));
  GroupedSets groups;
  for (ChunkHash key = 0; key < 200; ++key) {
    const SetId set = setOf(key, {all.begin() + static_cast<ptrdiff_t>(key), all.end()});
    EXPECT_EQ(groups.of(set, index_.sets(), directory_, 1).ranks.size(), 4'000 - key);
    EXPECT_LE(groups.memoryBytes(), GroupedSets::kBytesMax + (uint64_t{1} << 20));
  }
  EXPECT_GT(groups.memoryBytes(), GroupedSets::kBytesMax / 2);
}

}  // namespace
}  // namespace holdfast
