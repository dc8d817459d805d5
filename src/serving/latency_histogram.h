// Percentiles of latencies in a fixed 8 KiB: buckets that are linear within a power of two, so that
// any percentile is off by at most 1/16 of its value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast {

class LatencyHistogram {
 public:
  void record(uint64_t nanoseconds);
  void reset();

  uint64_t count() const { return count_; }
  uint64_t maxNs() const { return max_; }
  // Modulo 2^64.
  uint64_t sumNs() const { return sum_; }
  // Values below 2^exponent nanoseconds, which is exact. Exponents up to 63.
  uint64_t belowPower(uint32_t exponent) const;
  // The smallest value that at least this share (0 to 1) of all does not exceed, rounded up to its
  // bucket's end but never above the maximum; 0 if nothing was recorded.
  uint64_t percentileNs(double share) const;

 private:
  static constexpr uint32_t kLinearBits = 4;
  static constexpr size_t kBuckets = size_t{64 - kLinearBits + 1} << kLinearBits;

  static size_t bucketOf(uint64_t value);
  static uint64_t lastValueOf(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
  uint64_t sum_ = 0;
};

}  // namespace holdfast
