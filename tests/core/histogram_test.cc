#include "core/histogram.h"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast {
namespace {

TEST(Histogram, CountsWhatIsAtMostAPowerOfTwo) {
  Histogram histogram;
  std::vector<uint64_t> values;
  for (uint32_t power = 0; power < 64; ++power) {
    const uint64_t at = uint64_t{1} << power;
    for (const uint64_t value : {at - 1, at, at + 1}) values.push_back(value);
  }
  values.push_back(UINT64_MAX);
  uint64_t sum = 0;
  for (const uint64_t value : values) {
    histogram.record(value);
    sum += value;
  }
  for (uint32_t power = 0; power < 64; ++power) {
    uint64_t expected = 0;
    for (const uint64_t value : values) expected += value <= uint64_t{1} << power ? 1 : 0;
    EXPECT_EQ(histogram.upToPower(power), expected) << power;
  }
  EXPECT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.zeros(), 1u);
  EXPECT_EQ(histogram.sum(), sum);
}

TEST(Histogram, IsEmptyAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.upToPower(63), 0u);
  EXPECT_EQ(histogram.sum(), 0u);
}

}  // namespace
}  // namespace holdfast
