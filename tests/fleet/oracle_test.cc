#include "fleet/oracle.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

namespace holdfast::fleet {
namespace {

TEST(Oracle, NamesTheLongestPrefixOfEachInstancesRanks) {
  std::vector<SimulatedRank> ranks;
  for (uint32_t i = 0; i < 3; ++i) {
    for (uint32_t r = 0; r < 2; ++r) ranks.emplace_back("i" + std::to_string(i), r, 100, 0);
  }
  std::vector<ChunkHash> prompt(10);
  std::iota(prompt.begin(), prompt.end(), ChunkHash{1});
  const std::span<const ChunkHash> all(prompt);
  ranks[0].serve(all.first(4));
  ranks[1].serve(all.first(7));
  ranks[4].serve(all.first(2));
  ranks[3].serve(all.last(5));  // not from the beginning
  std::map<size_t, size_t> held;
  for (const PrefixHolder& holder : heldPrefixes(ranks, 2, prompt)) {
    held[holder.instance] = holder.chunks;
  }
  EXPECT_EQ(held, (std::map<size_t, size_t>{{0, 7}, {2, 2}}));
}

}  // namespace
}  // namespace holdfast::fleet
