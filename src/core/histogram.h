// How values are spread: how many there are up to each power of two, in a fixed half KiB. A value
// costs a few instructions and allocates nothing.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace holdfast {

class Histogram {
 public:
  void record(uint64_t value) {
    ++buckets_[bucketOf(value)];
    sum_ += value;
  }

  // Values of at most 2^exponent. Exponents up to 63.
  uint64_t upToPower(uint32_t exponent) const { return countOf(size_t{exponent} + 2); }
  uint64_t zeros() const { return buckets_[0]; }
  uint64_t count() const { return countOf(kBuckets); }
  // Modulo 2^64.
  uint64_t sum() const { return sum_; }

 private:
  // One for 0, one for 1, and one for the values above each power of two and up to the next.
  static constexpr size_t kBuckets = 66;

  static size_t bucketOf(uint64_t value) {
    return value <= 1 ? value : static_cast<size_t>(std::bit_width(value - 1)) + 1;
  }
  // Of the first so many buckets.
  uint64_t countOf(size_t buckets) const {
    uint64_t count = 0;
    for (size_t i = 0; i < buckets; ++i) count += buckets_[i];
    return count;
  }

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t sum_ = 0;
};

}  // namespace holdfast
