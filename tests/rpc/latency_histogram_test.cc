#include "serving/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace holdfast {
namespace {

TEST(LatencyHistogram, IsEmptyAtFirst) {
  LatencyHistogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.percentileNs(0.99), 0u);
}

TEST(LatencyHistogram, IsWithinASixteenthOfTheExactPercentile) {
  std::mt19937_64 random(7);
  std::vector<uint64_t> values;
  LatencyHistogram h;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(random() >> (random() % 64));
    h.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double share : {0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
    const uint64_t exact = values[rank - 1];
    EXPECT_GE(h.percentileNs(share), exact);
    EXPECT_LE(h.percentileNs(share) - exact, exact / 16) << share;
  }
  EXPECT_EQ(h.maxNs(), values.back());
  EXPECT_EQ(h.percentileNs(1.0), values.back());
}

TEST(LatencyHistogram, IsExactAtPowersOfTwo) {
  std::mt19937_64 random(11);
  std::vector<uint64_t> values;
  LatencyHistogram h;
  uint64_t sum = 0;
  const auto record = [&](uint64_t value) {
    h.record(value);
    values.push_back(value);
    sum += value;
  };
  for (int i = 0; i < 5'000; ++i) record(random() >> (random() % 64));
  for (uint32_t power = 0; power < 64; ++power) {
    record(uint64_t{1} << power);
    record((uint64_t{1} << power) - 1);
  }
  for (uint32_t power = 0; power < 64; ++power) {
    const auto below = std::count_if(values.begin(), values.end(), [power](uint64_t value) {
      return value < uint64_t{1} << power;
    });
    EXPECT_EQ(h.belowPower(power), static_cast<uint64_t>(below)) << power;
  }
  EXPECT_EQ(h.sumNs(), sum);
}

TEST(LatencyHistogram, TakesTheExtremes) {
  LatencyHistogram h;
  h.record(0);
  EXPECT_EQ(h.percentileNs(1.0), 0u);
  h.record(UINT64_MAX);
  EXPECT_EQ(h.percentileNs(1.0), UINT64_MAX);
  EXPECT_EQ(h.percentileNs(0.5), 0u);
  h.reset();
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.maxNs(), 0u);
}

}  // namespace
}  // namespace holdfast
