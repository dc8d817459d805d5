#include "core/index/prefix_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/core/instance_match.h"

namespace holdfast {
namespace {

class PrefixMatch : public testing::Test {
 protected:
  HolderId holder(uint32_t instance, uint32_t rank, uint16_t location, bool visible = true,
                  bool unconfirmed = false) {
    const HolderId id = index_.addHolder();
    directory_.set(id, {instance, rank, location, visible, unconfirmed});
    return id;
  }
  void admit(HolderId id, std::vector<ChunkHash> keys) { index_.apply(id, 0, {keys, {}}); }
  std::vector<InstanceMatch> match(std::vector<ChunkHash> keys) {
    std::vector<InstanceMatch> out(3);
    matcher_.match(0, keys, out);
    return out;
  }
  std::vector<InstanceMatch> matchPeers(std::vector<ChunkHash> keys, uint32_t asker, uint32_t rank,
                                        std::optional<uint16_t> location = {}) {
    std::vector<InstanceMatch> out;
    matcher_.matchPeers(0, keys, asker, rank, out, location);
    return out;
  }

  ChunkIndex index_;
  HolderDirectory directory_;
  PrefixMatcher matcher_{index_, directory_};
};

TEST_F(PrefixMatch, NobodyHasAnything) {
  EXPECT_TRUE(match({}).empty());
  EXPECT_TRUE(match({1, 2, 3}).empty());
}

TEST_F(PrefixMatch, StopsWhereTheRankMissesOne) {
  admit(holder(0, 0, 5), {1, 2, 4});
  EXPECT_THAT(match({1, 2, 3, 4}),
              testing::ElementsAre(InstanceMatch{0, 0, 2, 0, 5, false, {{5, 2}}}));
  EXPECT_TRUE(match({3, 4}).empty());
}

TEST_F(PrefixMatch, ARankMixesItsLocations) {
  admit(holder(0, 0, 1), {1, 4});
  admit(holder(0, 0, 2), {2, 3, 4});
  EXPECT_THAT(match({1, 2, 3, 4, 5}),
              testing::ElementsAre(InstanceMatch{0, 0, 4, 0, 2, false, {{2, 3}, {1, 2}}}));
}

TEST_F(PrefixMatch, RanksAreNotMixed) {
  admit(holder(0, 0, 1), {1, 3});
  admit(holder(0, 1, 1), {1, 2});
  EXPECT_THAT(match({1, 2, 3}),
              testing::ElementsAre(InstanceMatch{0, 1, 2, 0, 1, false, {{1, 2}}}));
}

TEST_F(PrefixMatch, AllRanksNeedsEveryRankOfTheWorld) {
  directory_.setWorldSize(0, 3);
  admit(holder(0, 0, 1), {1, 2, 3});
  admit(holder(0, 1, 1), {1, 2});
  EXPECT_EQ(match({1, 2, 3})[0].allRanks, 0u);
  const HolderId third = holder(0, 2, 1);
  admit(third, {1, 2, 3});
  EXPECT_EQ(match({1, 2, 3})[0].allRanks, 2u);
  directory_.set(third, {0, 2, 1, false, false});
  EXPECT_EQ(match({1, 2, 3})[0].allRanks, 0u);
}

TEST_F(PrefixMatch, HiddenAndRetiredHoldersAreNotSeen) {
  const HolderId hidden = holder(0, 0, 1, false);
  const HolderId gone = holder(1, 0, 1);
  admit(hidden, {1, 2});
  admit(gone, {1, 2});
  admit(holder(2, 0, 1), {1});
  index_.retire(gone);
  EXPECT_THAT(match({1, 2}), testing::ElementsAre(InstanceMatch{2, 0, 1, 0, 1, false, {{1, 1}}}));
}

// --- what changes between the pieces of one look-up ---

class PrefixMatchInPieces : public PrefixMatch {
 protected:
  // Two pieces: the first finds keys[0] alone, then `change` happens.
  template <typename Change>
  std::vector<InstanceMatch> match(std::vector<ChunkHash> keys, const Change& change) {
    std::vector<InstanceMatch> out;
    matcher_.begin(0, keys);
    EXPECT_FALSE(matcher_.advance(1));
    change();
    while (!matcher_.advance(1)) {
    }
    matcher_.finish(out);
    return out;
  }
  void leave(HolderId id) {
    directory_.set(id, HolderInfo{});
    index_.retire(id);
    index_.sweep(100'000);
  }
};

TEST_F(PrefixMatchInPieces, AChunkIsAsOfItsPiece) {
  const HolderId one = holder(0, 0, 1);
  admit(one, {1, 2});
  EXPECT_THAT(match({1, 2, 3}, [&] { admit(one, {3}); }),
              testing::ElementsAre(InstanceMatch{0, 0, 3, 0, 1, false, {{1, 3}}}));
}

TEST_F(PrefixMatchInPieces, WhoLeftIsNotInTheAnswer) {
  const HolderId stays = holder(0, 0, 1);
  const HolderId leaves = holder(1, 0, 1);
  admit(leaves, {1, 2});
  admit(stays, {1});
  EXPECT_THAT(match({1, 2}, [&] { leave(leaves); }),
              testing::ElementsAre(InstanceMatch{0, 0, 1, 0, 1, false, {{1, 1}}}));
}

TEST_F(PrefixMatchInPieces, WhoTakesThePlaceOfOneThatLeftIsNotTakenForIt) {
  const HolderId leaves = holder(0, 0, 1);
  const HolderId stays = holder(1, 0, 1);
  admit(stays, {1});
  admit(leaves, {1, 2, 3});
  // The same slot, rank and holder id, but another instance.
  EXPECT_THAT(match({1, 2, 3},
                    [&] {
                      leave(leaves);
                      directory_.retireInstance(0);
                      EXPECT_EQ(holder(0, 0, 1), leaves);
                      admit(leaves, {2, 3});
                    }),
              testing::ElementsAre(InstanceMatch{1, 0, 1, 0, 1, false, {{1, 1}}}));
  // The same dense number of a rank.
  EXPECT_THAT(match({1, 2, 3},
                    [&] {
                      leave(stays);
                      admit(holder(2, 3, 1), {2, 3});
                    }),
              testing::IsEmpty());
}

TEST_F(PrefixMatchInPieces, ALocationWhoseContentWasReplacedCountsOnce) {
  const HolderId old = holder(0, 0, 7);
  admit(old, {1, 2});
  EXPECT_THAT(match({1, 2, 3},
                    [&] {
                      const HolderId synced = holder(0, 0, 7);
                      admit(synced, {1, 2, 3});
                      leave(old);
                    }),
              testing::ElementsAre(InstanceMatch{0, 0, 3, 0, 7, false, {{7, 3}}}));
}

TEST_F(PrefixMatch, OrdersByLengthThenWholenessThenConfirmationThenSlot) {
  for (const uint32_t instance : {4, 3, 2, 1, 0}) directory_.setWorldSize(instance, 1);
  directory_.setWorldSize(4, 2);
  admit(holder(4, 0, 1), {1, 2});
  admit(holder(3, 0, 1), {1, 2});
  admit(holder(2, 0, 1), {1, 2});
  admit(holder(1, 0, 1, true, true), {1, 2});
  admit(holder(0, 0, 1), {1});
  std::vector<uint32_t> order;
  for (const auto& m : match({1, 2})) order.push_back(m.instance);
  EXPECT_THAT(order, testing::ElementsAre(2, 3, 1, 4, 0));
}

TEST_F(PrefixMatch, OnlyTheBestRankMakesAnAnswerUnconfirmed) {
  admit(holder(0, 0, 1, true, true), {1, 2});
  admit(holder(0, 1, 1), {1});
  EXPECT_TRUE(match({1, 2})[0].unconfirmed);
  EXPECT_FALSE(match({1})[0].unconfirmed) << "of equal ranks the confirmed one is named";
  EXPECT_EQ(match({1})[0].rank, 1u);
}

TEST_F(PrefixMatch, PeersAreOtherInstancesAndTheSameRank) {
  admit(holder(0, 1, 1), {1, 2, 3});
  admit(holder(1, 0, 1), {1, 2, 3});
  admit(holder(1, 1, 1), {1, 2});
  directory_.setWorldSize(1, 2);
  EXPECT_THAT(matchPeers({1, 2, 3}, 0, 1),
              testing::ElementsAre(InstanceMatch{1, 1, 2, 0, 1, false, {{1, 2}}}));
  EXPECT_TRUE(matchPeers({1, 2, 3}, 1, 0).empty());
}

TEST_F(PrefixMatch, PeersMayBeAskedForWhatTheyHoldInOneLocation) {
  admit(holder(1, 0, 1), {1, 2, 5});
  admit(holder(1, 0, 2), {1, 2, 3, 4, 5});
  admit(holder(2, 0, 2), {1, 2, 3});
  EXPECT_THAT(matchPeers({1, 2, 3, 4, 5}, 0, 0, 1),
              testing::ElementsAre(InstanceMatch{1, 0, 2, 0, 1, false, {{1, 2}}}))
      << "5 lies behind what is missing there";
  EXPECT_EQ(matchPeers({1, 2, 3}, 0, 0, 2).size(), 2u);
  EXPECT_TRUE(matchPeers({1, 2, 3}, 0, 0, 3).empty());
}

TEST_F(PrefixMatch, LongPrefixesAreFollowedToTheirEnd) {
  std::vector<ChunkHash> keys;
  for (ChunkHash key = 0; key < 5000; ++key) keys.push_back(key * key + 7);
  const HolderId a = holder(0, 0, 1);
  const HolderId b = holder(1, 0, 1);
  admit(a, keys);
  admit(b, {keys.begin(), keys.begin() + 3333});
  const auto found = match(keys);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].chunks, 5000u);
  EXPECT_EQ(found[1].chunks, 3333u);
  EXPECT_THAT(found[1].hits, testing::ElementsAre(LocationHits{1, 3333}));
}

TEST(HolderDirectory, ReusesTheSlotsOfRanksThatWent) {
  HolderDirectory directory;
  for (uint32_t round = 0; round < 100; ++round) {
    for (HolderId holder = 1; holder <= 4; ++holder) {
      directory.set(holder, {round, holder / 2, 1, true, false});
    }
    EXPECT_EQ(directory.rankSlot(2), directory.rankSlot(3));
    EXPECT_NE(directory.rankSlot(1), directory.rankSlot(2));
    for (HolderId holder = 1; holder <= 4; ++holder) directory.set(holder, HolderInfo{});
    EXPECT_EQ(directory.rankSlot(2), HolderDirectory::kInvisible);
  }
  EXPECT_LE(directory.rankSlots(), 4u);
}

}  // namespace
}  // namespace holdfast
