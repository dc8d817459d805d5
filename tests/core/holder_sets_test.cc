#include "core/index/holder_sets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "tests/core/random_sequences.h"

namespace holdfast {
namespace {

using test::below;
using test::chance;
using test::Random;

std::vector<HolderId> membersOf(const HolderSets& sets, SetId set) {
  HolderId single = kNoHolder;
  const auto all = sets.members(set, single);
  return {all.begin(), all.end()};
}

TEST(HolderSets, ASetOfOneIsItsHolder) {
  HolderSets sets;
  const HolderId a = sets.addHolder();
  EXPECT_EQ(sets.with(kEmptySet, a), a);
  EXPECT_EQ(sets.without(a, a), kEmptySet);
  EXPECT_THAT(membersOf(sets, a), testing::ElementsAre(a));
  EXPECT_TRUE(membersOf(sets, kEmptySet).empty());
  EXPECT_EQ(sets.internedSets(), 0u);
}

TEST(HolderSets, EqualSetsAreOneSetInAnyOrderOfArrival) {
  HolderSets sets;
  const HolderId a = sets.addHolder();
  const HolderId b = sets.addHolder();
  const HolderId c = sets.addHolder();
  const SetId abc = sets.with(sets.with(a, b), c);
  EXPECT_EQ(sets.with(sets.with(c, b), a), abc);
  EXPECT_THAT(membersOf(sets, abc), testing::ElementsAre(a, b, c));
  EXPECT_EQ(sets.with(abc, b), abc);
  EXPECT_EQ(sets.without(sets.without(abc, a), c), b);
  EXPECT_EQ(sets.without(b, c), b);
}

TEST(HolderSets, StrippingDropsRetiredMembers) {
  HolderSets sets;
  const HolderId a = sets.addHolder();
  const HolderId b = sets.addHolder();
  const HolderId c = sets.addHolder();
  const SetId abc = sets.with(sets.with(a, b), c);
  sets.retire(b);
  EXPECT_THAT(membersOf(sets, sets.stripped(abc)), testing::ElementsAre(a, c));
  sets.retire(a);
  EXPECT_EQ(sets.stripped(abc), c);
  EXPECT_EQ(sets.stripped(a), kEmptySet);
  sets.beginSweep();
  sets.finishSweep();
  // The same ids for other holders: nothing remembered of the old ones may strip them.
  sets.addHolder();
  sets.addHolder();
  EXPECT_EQ(sets.stripped(abc), abc);
  EXPECT_EQ(sets.stripped(a), a);
}

TEST(HolderSets, FreesIdleSetsAboveItsLimitOldestFirst) {
  HolderSets sets;
  std::vector<HolderId> holders;
  for (int i = 0; i < 200; ++i) holders.push_back(sets.addHolder());
  const SetId kept = sets.with(holders[0], holders[1]);
  sets.acquire(kept);
  for (const HolderId a : holders) {
    for (const HolderId b : holders) sets.with(a, b);
  }
  EXPECT_EQ(sets.internedSets(), 199u * 200u / 2u);
  sets.reclaim(100000);
  EXPECT_EQ(sets.internedSets(), HolderSets::kIdleSetsMax + 1);
  EXPECT_THAT(membersOf(sets, kept), testing::ElementsAre(holders[0], holders[1]));
  // Ids of freed sets are used again; a memo that speaks of their past must not answer.
  for (const HolderId a : holders) {
    for (const HolderId b : holders) {
      const SetId set = sets.with(a, b);
      if (a == b) {
        ASSERT_EQ(set, a);
      } else {
        ASSERT_THAT(membersOf(sets, set), testing::ElementsAre(std::min(a, b), std::max(a, b)));
      }
    }
    sets.reclaim(1000);
  }
}

// Random transitions, references, retirements and reclaims beside plain sets.
TEST(HolderSetsProperty, AgreesWithPlainSets) {
  test::forRandomSequences(200, [](Random& random) {
    HolderSets sets;
    std::set<HolderId> live;
    struct Held {
      SetId set;
      std::set<HolderId> members;
    };
    std::vector<Held> slots(1 + below(random, 40), Held{kEmptySet, {}});
    const size_t holdersMax = 3 + below(random, 30);
    const auto replace = [&](Held& slot, SetId set, std::set<HolderId> members) {
      sets.acquire(set);
      sets.release(slot.set);
      slot = {set, std::move(members)};
      ASSERT_THAT(membersOf(sets, slot.set), testing::ElementsAreArray(slot.members));
    };
    const auto strip = [&](Held& slot) {
      std::set<HolderId> members;
      for (const HolderId holder : slot.members) {
        if (live.contains(holder)) members.insert(holder);
      }
      replace(slot, sets.stripped(slot.set), members);
    };
    for (int i = 0; i < 400 && !testing::Test::HasFailure(); ++i) {
      Held& slot = slots[below(random, slots.size())];
      const uint64_t what = below(random, 100);
      if (live.empty() || (what < 10 && live.size() < holdersMax)) {
        ASSERT_TRUE(live.insert(sets.addHolder()).second);
      } else if (what < 14) {
        auto at = live.begin();
        std::advance(at, static_cast<ptrdiff_t>(below(random, live.size())));
        sets.retire(*at);
        live.erase(at);
      } else if (what < 18) {
        sets.reclaim(below(random, 10000));
      } else if (what < 22) {
        if (sets.retiredHolders() == 0) continue;
        sets.beginSweep();
        for (Held& each : slots) strip(each);
        sets.finishSweep();
        ASSERT_EQ(sets.retiredHolders(), 0u);
      } else if (what < 35) {
        strip(slot);
      } else {
        auto at = live.begin();
        std::advance(at, static_cast<ptrdiff_t>(below(random, live.size())));
        ASSERT_EQ(sets.contains(slot.set, *at), slot.members.contains(*at));
        auto members = slot.members;
        if (chance(random, 65)) {
          members.insert(*at);
          replace(slot, sets.with(slot.set, *at), members);
        } else {
          members.erase(*at);
          replace(slot, sets.without(slot.set, *at), members);
        }
      }
    }
  });
}

}  // namespace
}  // namespace holdfast
