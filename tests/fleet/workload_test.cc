#include "fleet/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "fleet/random.h"

namespace holdfast::fleet {
namespace {

TEST(Random, IsSplitmix64) {
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
}

TEST(Quantiles, DrawHasThem) {
  constexpr Quantiles<3> kQuantiles = {{{{0, 10}, {0.5, 20}, {1, 100}}}};
  Random random(1);
  std::vector<double> values(100'000);
  for (double& value : values) value = kQuantiles.draw(random);
  std::sort(values.begin(), values.end());
  EXPECT_GE(values.front(), 10);
  EXPECT_LT(values.back(), 100);
  EXPECT_NEAR(values[25'000], 15, 0.2);
  EXPECT_NEAR(values[50'000], 20, 0.5);
  EXPECT_NEAR(values[75'000], 60, 1);
}

TEST(Workload, HasTheStatisticsOfTheTrace) {
  constexpr uint64_t kSeeds = 8;
  double hitShares = 0, averages = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto requests = generateWorkload(12'000, seed);
    const auto statistics = statisticsOf(requests);
    EXPECT_EQ(statistics.requests, 12'000u);
    EXPECT_NEAR(statistics.hitShare(), 0.366, 0.03);
    EXPECT_NEAR(statistics.averageLength(), 24.0, 1.5);
    EXPECT_LE(statistics.longest, kPromptChunksMax);
    EXPECT_GE(statistics.longest, 235u);
    hitShares += statistics.hitShare();
    averages += statistics.averageLength();

    std::vector<double> lengths(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      lengths[i] = static_cast<double>(requests[i].chunks.size());
    }
    std::sort(lengths.begin(), lengths.end());
    EXPECT_EQ(lengths.front(), 2);
    EXPECT_NEAR(lengths[6'000], 14, 2);    // the trace: 14
    EXPECT_NEAR(lengths[10'800], 54, 6);   // 54
    EXPECT_NEAR(lengths[11'400], 78, 10);  // 78
    EXPECT_NEAR(lengths[11'880], 167, 25);
  }
  EXPECT_NEAR(hitShares / kSeeds, 0.366, 0.007);
  EXPECT_NEAR(averages / kSeeds, 24.0, 0.5);
}

TEST(Workload, PromptsGrowAndShareTheirBeginnings) {
  const auto requests = generateWorkload(12'000, 7);
  std::map<ChunkHash, size_t> uses;
  std::map<ChunkHash, ChunkHash> parents;
  size_t continued = 0;
  std::set<ChunkHash> seen;
  for (const Request& request : requests) {
    EXPECT_EQ(request.chunks[0], chunkHashOf(0));
    continued += seen.contains(request.chunks[1]);
    seen.insert(request.chunks.begin(), request.chunks.end());
    for (size_t i = 1; i < request.chunks.size(); ++i) {
      ++uses[request.chunks[i]];
      // A hash stands for its whole prefix: what is before it is always the same.
      const auto [known, fresh] = parents.emplace(request.chunks[i], request.chunks[i - 1]);
      ASSERT_EQ(known->second, request.chunks[i - 1]);
    }
  }
  // 39 % of the trace's prompts share more than the common chunk; the most popular beginning is
  // that of 43.
  EXPECT_NEAR(static_cast<double>(continued) / 12'000, 0.39, 0.03);
  size_t mostUsed = 0;
  for (const auto& [chunk, count] : uses) mostUsed = std::max(mostUsed, count);
  EXPECT_GE(mostUsed, 25u);
  EXPECT_LE(mostUsed, 200u);
}

TEST(Workload, ShortAndLongOnesKeepTheHitShare) {
  EXPECT_NEAR(statisticsOf(generateWorkload(2'000, 1)).hitShare(), 0.366, 0.05);
  EXPECT_NEAR(statisticsOf(generateWorkload(50'000, 1)).hitShare(), 0.366, 0.03);
  EXPECT_EQ(generateWorkload(1, 1).size(), 1u);
}

TEST(Workload, TheSeedDecidesEverything) {
  const auto first = generateWorkload(500, 3);
  const auto again = generateWorkload(500, 3);
  const auto other = generateWorkload(500, 4);
  bool differs = false;
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].timestampMs, again[i].timestampMs);
    EXPECT_EQ(first[i].chunks, again[i].chunks);
    differs |= first[i].chunks.size() != other[i].chunks.size();
    EXPECT_GE(first[i].timestampMs, i == 0 ? 0 : first[i - 1].timestampMs);
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace holdfast::fleet
