#include "fleet/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "fleet/oracle.h"
#include "fleet/simulated_rank.h"
#include "fleet/workload.h"

namespace holdfast::fleet {
namespace {

using Holders = std::vector<PrefixHolder>;

TEST(Router, TheLongestPrefixWins) {
  Router router(3);
  EXPECT_EQ(router.byPrefix(Holders{{2, 9}, {0, 5}}, 10), 2u);
  // However busy it is.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(router.byPrefix(Holders{{2, 5}, {1, 3}}, 100), 2u);
}

TEST(Router, AmongEqualsTheLeastLoadedWins) {
  Router router(3);
  EXPECT_EQ(router.byPrefix({}, 10), 0u);
  EXPECT_EQ(router.byPrefix({}, 10), 1u);
  EXPECT_EQ(router.byPrefix({}, 30), 2u);
  // One chunk is no reason: what all prompts share would gather them on one instance.
  EXPECT_NE(router.byPrefix(Holders{{2, 1}}, 10), 2u);
  EXPECT_EQ(router.byPrefix(Holders{{2, 2}}, 10), 2u);
}

TEST(RecentWork, ABusyInstanceStatesAHigherLoadThatFades) {
  RecentWork work(2);
  EXPECT_EQ(work.loadOf(0), 0);
  work.add(0, 100);
  EXPECT_DOUBLE_EQ(work.loadOf(0), 1) << "twice as busy as the average";
  EXPECT_EQ(work.loadOf(1), 0);
  for (int i = 0; i < 1'000; ++i) work.add(1, 100);
  EXPECT_LT(work.loadOf(0), 0.01);
  EXPECT_GT(work.loadOf(1), 0.99);
}

TEST(Router, NextGoesRound) {
  Router router(2);
  EXPECT_EQ(router.next(1), 0u);
  EXPECT_EQ(router.next(1), 1u);
  EXPECT_EQ(router.next(1), 0u);
}

TEST(Router, KeepsTheHitShareOfOneCacheAndSpreadsTheLoad) {
  const auto requests = generateWorkload(12'000, 1);
  std::vector<SimulatedRank> instances;
  for (uint32_t i = 0; i < 4; ++i) {
    instances.emplace_back("i" + std::to_string(i), 0, 100'000, 0);
  }
  Router router(4);
  std::vector<size_t> computed(4);
  size_t hits = 0, chunks = 0;
  for (const Request& request : requests) {
    const Holders holders = heldPrefixes(instances, 1, request.chunks);
    const size_t chosen = router.byPrefix(holders, request.chunks.size());
    const size_t hit = instances[chosen].serve(request.chunks);
    hits += hit;
    chunks += request.chunks.size();
    computed[chosen] += request.chunks.size() - hit;
  }
  EXPECT_GT(static_cast<double>(hits) / static_cast<double>(chunks),
            statisticsOf(requests).hitShare() - 0.01);
  const size_t all = std::accumulate(computed.begin(), computed.end(), size_t{0});
  EXPECT_LT(*std::max_element(computed.begin(), computed.end()), all * 30 / 100);
}

}  // namespace
}  // namespace holdfast::fleet
