#include "core/index/prefix_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "tests/core/random_sequences.h"

namespace holdfast {

bool operator==(const LocationHits& a, const LocationHits& b) {
  return a.location == b.location && a.chunks == b.chunks;
}
bool operator==(const InstanceMatch& a, const InstanceMatch& b) {
  return a.instance == b.instance && a.rank == b.rank && a.chunks == b.chunks &&
         a.allRanks == b.allRanks && a.location == b.location && a.unconfirmed == b.unconfirmed &&
         a.hits == b.hits;
}
void PrintTo(const InstanceMatch& m, std::ostream* out) {
  *out << "instance " << m.instance << " rank " << m.rank << " chunks " << m.chunks << " allRanks "
       << m.allRanks << " location " << m.location << " unconfirmed " << m.unconfirmed << " hits";
  for (const LocationHits& hit : m.hits) *out << ' ' << hit.location << ':' << hit.chunks;
}

namespace {

using test::below;
using test::chance;
using test::Random;

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
  std::vector<InstanceMatch> matchPeers(std::vector<ChunkHash> keys, uint32_t asker,
                                        uint32_t rank) {
    std::vector<InstanceMatch> out;
    matcher_.matchPeers(0, keys, asker, rank, out);
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

// --- Against a brute-force model ---

struct Model {
  struct Holder {
    HolderInfo info;
    std::set<ChunkHash> keys;
  };
  std::map<HolderId, Holder> holders;
  std::map<uint32_t, uint32_t> worldSizes;

  // As the header says it, one rank at a time.
  std::vector<InstanceMatch> match(const std::vector<ChunkHash>& keys, bool peers, uint32_t asker,
                                   uint32_t rank) const {
    std::map<uint32_t, std::map<uint32_t, std::vector<const std::pair<const HolderId, Holder>*>>>
        instances;
    for (const auto& entry : holders) {
      const HolderInfo& info = entry.second.info;
      if (!info.visible || (peers && (info.instance == asker || info.rank != rank))) continue;
      instances[info.instance][info.rank].push_back(&entry);
    }
    std::vector<InstanceMatch> out;
    for (const auto& [instance, ranks] : instances) {
      InstanceMatch best;
      best.instance = instance;
      std::map<uint32_t, uint32_t> lengths;
      for (const auto& [rankId, members] : ranks) {
        uint32_t length = 0;
        struct Reached {
          uint32_t first;
          HolderId holder;
          LocationHits hits;
        };
        std::map<HolderId, Reached> reached;
        bool unconfirmed = false;
        for (const ChunkHash key : keys) {
          bool any = false;
          for (const auto* member : members) {
            if (!member->second.keys.contains(key)) continue;
            any = true;
            auto& r =
                reached
                    .try_emplace(member->first,
                                 Reached{length, member->first, {member->second.info.location, 0}})
                    .first->second;
            ++r.hits.chunks;
            unconfirmed |= member->second.info.unconfirmed;
          }
          if (!any) break;
          ++length;
        }
        lengths[rankId] = length;
        const bool confirms = length == best.chunks && best.unconfirmed && !unconfirmed;
        if (length < best.chunks || length == 0 || (length == best.chunks && !confirms)) continue;
        best.rank = rankId;
        best.chunks = length;
        best.unconfirmed = unconfirmed;
        std::vector<Reached> order;
        for (const auto& [id, r] : reached) order.push_back(r);
        std::sort(order.begin(), order.end(), [](const Reached& a, const Reached& b) {
          return std::tuple(b.hits.chunks, a.first, a.holder) <
                 std::tuple(a.hits.chunks, b.first, b.holder);
        });
        best.hits.clear();
        for (const Reached& r : order) best.hits.push_back(r.hits);
        best.location = best.hits[0].location;
      }
      if (best.chunks == 0) continue;
      const auto world = worldSizes.find(instance);
      if (!peers && world != worldSizes.end() && world->second > 0) {
        best.allRanks = best.chunks;
        for (uint32_t r = 0; r < world->second; ++r) {
          best.allRanks = std::min(best.allRanks, lengths[r]);
        }
      }
      out.push_back(best);
    }
    std::sort(out.begin(), out.end(), [](const InstanceMatch& a, const InstanceMatch& b) {
      return std::tuple(b.chunks, b.allRanks, a.unconfirmed, a.instance) <
             std::tuple(a.chunks, a.allRanks, b.unconfirmed, b.instance);
    });
    return out;
  }
};

TEST(PrefixMatchProperty, AgreesWithABruteForceModel) {
  test::forRandomSequences(2000, [](Random& random) {
    ChunkIndex index;
    HolderDirectory directory;
    PrefixMatcher matcher(index, directory);
    Model model;
    // A tree of prefixes: hash = path.
    std::vector<std::vector<ChunkHash>> paths;
    const size_t pathCount = 1 + below(random, 6);
    for (size_t i = 0; i < pathCount; ++i) {
      std::vector<ChunkHash> path;
      if (!paths.empty() && chance(random, 70)) {
        const auto& from = paths[below(random, paths.size())];
        path.assign(from.begin(),
                    from.begin() + static_cast<ptrdiff_t>(below(random, from.size() + 1)));
      }
      const size_t length = path.size() + 1 + below(random, chance(random, 10) ? 200 : 12);
      while (path.size() < length) path.push_back(random());
      paths.push_back(path);
    }
    std::vector<InstanceMatch> out;
    const size_t steps = 10 + below(random, 40);
    for (size_t step = 0; step < steps; ++step) {
      const uint64_t what = below(random, 100);
      if (model.holders.empty() || what < 20) {
        const HolderInfo info{
            static_cast<uint32_t>(below(random, 4)), static_cast<uint32_t>(below(random, 3)),
            static_cast<uint16_t>(below(random, 3)), chance(random, 85), chance(random, 20)};
        // One holder for each (instance, rank, location).
        bool taken = false;
        for (const auto& [id, holder] : model.holders) {
          taken |= holder.info.instance == info.instance && holder.info.rank == info.rank &&
                   holder.info.location == info.location;
        }
        if (taken) continue;
        const HolderId id = index.addHolder();
        directory.set(id, info);
        model.holders[id] = {info, {}};
      } else if (what < 25) {
        const auto instance = static_cast<uint32_t>(below(random, 4));
        model.worldSizes[instance] = static_cast<uint32_t>(below(random, 4));
        directory.setWorldSize(instance, model.worldSizes[instance]);
      } else if (what < 70) {
        auto at = model.holders.begin();
        std::advance(at, static_cast<ptrdiff_t>(below(random, model.holders.size())));
        auto& [id, holder] = *at;
        if (what < 28) {
          index.retire(id);
          directory.set(id, HolderInfo{});
          model.holders.erase(at);
          index.sweep(100000);
        } else if (what < 33) {
          holder.info.visible = !holder.info.visible;
          directory.set(id, holder.info);
        } else {
          const auto& path = paths[below(random, paths.size())];
          const size_t length = chance(random, 50) ? path.size() : below(random, path.size() + 1);
          const std::vector<ChunkHash> keys(path.begin(),
                                            path.begin() + static_cast<ptrdiff_t>(length));
          const bool evict = chance(random, 25);
          const std::vector<uint8_t> bits(keys.size() / 8 + 1, evict ? 0x52 : 0x00);
          index.apply(id, 9, {keys, {bits.data(), 0}});
          for (size_t i = 0; i < keys.size(); ++i) {
            if ((bits[i / 8] >> (i % 8)) & 1) {
              holder.keys.erase(keys[i]);
            } else {
              holder.keys.insert(keys[i]);
            }
          }
        }
      } else {
        const auto& path = paths[below(random, paths.size())];
        const bool peers = chance(random, 30);
        const auto asker = static_cast<uint32_t>(below(random, 4));
        const auto rank = static_cast<uint32_t>(below(random, 3));
        if (peers) {
          matcher.matchPeers(9, path, asker, rank, out);
        } else {
          matcher.match(9, path, out);
        }
        const std::vector<InstanceMatch> expected = model.match(path, peers, asker, rank);
        ASSERT_THAT(out, testing::ElementsAreArray(expected));
        // In pieces of any size it is the same.
        if (peers) {
          matcher.beginPeers(9, path, asker, rank);
        } else {
          matcher.begin(9, path);
        }
        while (!matcher.advance(below(random, 20))) {
        }
        matcher.finish(out);
        ASSERT_THAT(out, testing::ElementsAreArray(expected));
      }
    }
  });
}

}  // namespace
}  // namespace holdfast
