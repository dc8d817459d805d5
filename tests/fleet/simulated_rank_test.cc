#include "fleet/simulated_rank.h"

#include <gtest/gtest.h>

#include <set>

#include "fleet/workload.h"

namespace holdfast::fleet {
namespace {

TEST(SimulatedRank, ReportsAddUpToItsContents) {
  SimulatedRank rank("a", 3, 500, 0);
  std::set<ChunkHash> reported;
  KeyDigest keys;
  size_t evicts = 0;
  for (const Request& request : generateWorkload(1'000, 1)) {
    rank.serve(request.chunks);
    const SimulatedRank::Tier& memory = rank.tiers()[0];
    const CacheChanges& changes = memory.changes;
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
      ASSERT_TRUE(held || !memory.cache.holds(chunk));
      held = memory.cache.holds(chunk);
    }
  }
  EXPECT_GT(evicts, 1'000u);
  EXPECT_EQ(rank.chunks(), 500u);

  RegistryDigest actual, expected;
  rank.addTo(actual);
  expected.addContent("a", 3, "LocalCPUBackend", reported.size(), keys);
  EXPECT_EQ(actual, expected);
}

TEST(SimulatedRank, TheDigestTellsRanksApartAndLeavesEmptyOnesOut) {
  RegistryDigest digest;
  SimulatedRank first("a", 0, 10, 0);
  first.addTo(digest);
  EXPECT_EQ(digest, RegistryDigest{});

  RegistryDigest firstDigest, secondDigest;
  SimulatedRank second("a", 1, 10, 0);
  const std::vector<ChunkHash> prompt{1, 2, 3};
  first.serve(prompt);
  second.serve(prompt);
  first.addTo(firstDigest);
  second.addTo(secondDigest);
  EXPECT_NE(firstDigest, secondDigest);
}

TEST(SimulatedRank, ADiskKeepsWhatTheMemoryHasNoRoomFor) {
  SimulatedRank rank("a", 0, 2, 10);
  EXPECT_EQ(rank.serve(std::vector<ChunkHash>{1, 2}), 0u);
  EXPECT_EQ(rank.serve(std::vector<ChunkHash>{3, 4}), 0u);
  EXPECT_EQ(rank.chunks(), 2u + 4u);
  EXPECT_EQ(rank.heldPrefix(std::vector<ChunkHash>{1, 2, 5}), 2u) << "on disk";
  EXPECT_EQ(rank.serve(std::vector<ChunkHash>{1, 2, 5}), 2u);
  ASSERT_EQ(rank.tiers().size(), 2u);
  EXPECT_EQ(rank.tiers()[1].changes.admitted, std::vector<ChunkHash>{5});
}

TEST(SimulatedRank, ARestartLeavesTheDiskOrNothing) {
  SimulatedRank rank("a", 0, 10, 10);
  const std::vector<ChunkHash> prompt{1, 2, 3};
  rank.serve(prompt);
  rank.restart(true);
  EXPECT_EQ(rank.tiers()[0].cache.size(), 0u);
  EXPECT_EQ(rank.tiers()[1].cache.size(), 3u);
  EXPECT_EQ(rank.heldPrefix(prompt), 3u);
  RegistryDigest actual, expected;
  rank.addTo(actual);
  KeyDigest keys;
  for (const ChunkHash chunk : prompt) keys.add(chunk);
  expected.addContent("a", 0, "LocalDiskBackend", 3, keys);
  EXPECT_EQ(actual, expected);
  rank.restart(false);
  EXPECT_EQ(rank.chunks(), 0u);
  EXPECT_EQ(rank.serve(prompt), 0u);
}

}  // namespace
}  // namespace holdfast::fleet
