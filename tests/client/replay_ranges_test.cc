#include "client/replay_ranges.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "seeds.h"

namespace holdfast {
namespace {

using Range = ReplayRanges::Range;

TEST(ReplayRanges, NeighboursAndOverlapsAreOne) {
  ReplayRanges ranges;
  ranges.add({10, 12});
  ranges.add({13, 15});
  ranges.add({5, 7});
  ranges.add({14, 20});
  EXPECT_EQ(ranges.take(100), (Range{5, 7}));
  EXPECT_EQ(ranges.take(3), (Range{10, 12}));
  ranges.add({9, 14});
  EXPECT_EQ(ranges.take(100), (Range{9, 20}));
  EXPECT_TRUE(ranges.empty());
}

TEST(ReplayRanges, AgreesWithASetOfNumbers) {
  forEachSeed(500, [](uint64_t seed) {
    std::mt19937_64 random(seed);
    ReplayRanges ranges;
    std::set<uint64_t> model;
    for (int i = 0; i < 200; ++i) {
      if (random() % 3 != 0) {
        const uint64_t from = 1 + random() % 60;
        const uint64_t to = from + random() % 10;
        ranges.add({from, to});
        for (uint64_t seq = from; seq <= to; ++seq) model.insert(seq);
      } else if (!model.empty()) {
        const uint64_t n = 1 + random() % 12;
        const Range taken = ranges.take(n);
        ASSERT_LE(taken.to - taken.from + 1, n);
        ASSERT_EQ(taken.from, *model.begin());
        for (uint64_t seq = taken.from; seq <= taken.to; ++seq) ASSERT_EQ(model.erase(seq), 1u);
        const bool whole = taken.to - taken.from + 1 == n || !model.contains(taken.to + 1);
        ASSERT_TRUE(whole) << "it stopped before a gap";
      }
      ASSERT_EQ(ranges.empty(), model.empty());
    }
  });
}

}  // namespace
}  // namespace holdfast
