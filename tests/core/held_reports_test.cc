// Whatever comes in whatever order leaves in order, each operation once.
#include "core/repair/held_reports.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/core/random_sequences.h"

namespace holdfast::test {
namespace {

TEST(HeldReports, GiveBackEveryOperationOnceAndInOrder) {
  forRandomSequences(2'000, [](Random& random) {
    HeldBudget budget;
    {
      HeldReports held(budget);
      // Operation i is (key i, evict where i is a multiple of 3).
      std::vector<std::pair<uint64_t, uint64_t>> pieces;
      const uint64_t total = 1 + below(random, 60);
      for (uint64_t at = 1; at <= total;) {
        const uint64_t n = 1 + below(random, std::min<uint64_t>(9, total - at + 1));
        pieces.emplace_back(at, n);
        at += n;
      }
      // Some again, longer or shorter.
      for (uint64_t n = below(random, 4); n > 0; --n) {
        const uint64_t at = 1 + below(random, total);
        pieces.emplace_back(at, 1 + below(random, total - at + 1));
      }
      std::shuffle(pieces.begin(), pieces.end(), random);
      uint64_t expected = 1;
      for (const auto& [first, n] : pieces) {
        std::vector<ChunkHash> keys;
        std::vector<uint8_t> evicts(n / 8 + 1);
        for (uint64_t i = 0; i < n; ++i) {
          keys.push_back(first + i);
          if ((first + i) % 3 == 0) evicts[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
        }
        ASSERT_TRUE(held.hold(first, {keys, {evicts.data(), 0}}));
        ASSERT_EQ(budget.operations(), held.operations());
        while (chance(random, 70)) {
          const auto report = held.take(expected);
          if (!report) break;
          ASSERT_EQ(report->firstSeq, expected);
          const Operations operations = report->operations();
          for (size_t i = 0; i < operations.size(); ++i, ++expected) {
            EXPECT_EQ(operations.keys[i], expected);
            EXPECT_EQ(operations.evicts.test(i), expected % 3 == 0);
          }
        }
      }
      while (const auto report = held.take(expected)) expected += report->operations().size();
      EXPECT_EQ(expected, total + 1);
      EXPECT_TRUE(held.empty());
      EXPECT_EQ(held.operations(), 0u);
      EXPECT_EQ(budget.bytes(), 0u);
      held.hold(total + 5, {std::vector<ChunkHash>(3), {}});
    }
    EXPECT_EQ(budget.bytes(), 0u);
    EXPECT_EQ(budget.operations(), 0u);
  });
}

TEST(HeldReports, AreBoundedForOneLocationAndForAll) {
  const std::vector<ChunkHash> keys(65'536);
  HeldBudget budget;
  HeldReports held(budget);
  for (uint64_t i = 0; i < kHeldOperationsMax / keys.size(); ++i) {
    ASSERT_TRUE(held.hold(2 + i * keys.size(), {keys, {}}));
  }
  EXPECT_FALSE(held.hold(1 << 30, {{keys.data(), 1}, {}}));
  EXPECT_EQ(held.operations(), kHeldOperationsMax);

  HeldBudget small(1'000);
  HeldReports first(small);
  HeldReports second(small);
  EXPECT_TRUE(first.hold(2, {{keys.data(), 60}, {}}));
  EXPECT_FALSE(second.hold(2, {{keys.data(), 60}, {}}));
  first.clear();
  EXPECT_TRUE(second.hold(2, {{keys.data(), 60}, {}}));
}

}  // namespace
}  // namespace holdfast::test
