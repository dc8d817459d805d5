#include "fleet/simulated_rank.h"

#include <gtest/gtest.h>

#include <set>

#include "fleet/workload.h"

namespace holdfast::fleet {
namespace {

TEST(SimulatedRank, ReportsAddUpToItsContents) {
  SimulatedRank rank("a", 3, "gpu", 500);
  std::set<ChunkHash> reported;
  KeyDigest keys;
  size_t evicts = 0;
  for (const Request& request : generateWorkload(1'000, 1)) {
    const CacheChanges& changes = rank.serve(request.chunks);
    for (const ChunkHash chunk : changes.evicted) {
      ASSERT_EQ(reported.erase(chunk), 1u);
      keys.remove(chunk);
      ++evicts;
    }
    for (const ChunkHash chunk : changes.admitted) {
      ASSERT_TRUE(reported.insert(chunk).second);
      keys.add(chunk);
    }
    // Prompts are chains: whoever holds a chunk holds all before it.
    bool held = true;
    for (const ChunkHash chunk : request.chunks) {
      ASSERT_TRUE(held || !rank.cache().holds(chunk));
      held = rank.cache().holds(chunk);
    }
  }
  EXPECT_GT(evicts, 1'000u);
  EXPECT_EQ(rank.cache().size(), 500u);

  RegistryDigest actual, expected;
  rank.addTo(actual);
  expected.addContent("a", 3, "gpu", reported.size(), keys);
  EXPECT_EQ(actual, expected);
}

TEST(SimulatedRank, TheDigestTellsRanksApartAndLeavesEmptyOnesOut) {
  RegistryDigest digest;
  SimulatedRank first("a", 0, "gpu", 10);
  first.addTo(digest);
  EXPECT_EQ(digest, RegistryDigest{});

  RegistryDigest firstDigest, secondDigest;
  SimulatedRank second("a", 1, "gpu", 10);
  const std::vector<ChunkHash> prompt{1, 2, 3};
  first.serve(prompt);
  second.serve(prompt);
  first.addTo(firstDigest);
  second.addTo(secondDigest);
  EXPECT_NE(firstDigest, secondDigest);
}

}  // namespace
}  // namespace holdfast::fleet
