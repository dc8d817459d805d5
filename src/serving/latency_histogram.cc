#include "serving/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace holdfast {

// Values below 16 have a bucket each. Above, the top five bits choose: the position of the highest
// bit names the group, the four bits after it the bucket within.
size_t LatencyHistogram::bucketOf(uint64_t value) {
  if (value < (uint64_t{1} << kLinearBits)) return value;
  const auto shift = static_cast<uint32_t>(std::bit_width(value)) - 1 - kLinearBits;
  return (size_t{shift} << kLinearBits) + (value >> shift);
}

uint64_t LatencyHistogram::lastValueOf(size_t bucket) {
  if (bucket < (size_t{2} << kLinearBits)) return bucket;
  const size_t shift = (bucket >> kLinearBits) - 1;
  const uint64_t top = bucket - (shift << kLinearBits);
  return ((top + 1) << shift) - 1;
}

void LatencyHistogram::record(uint64_t nanoseconds) {
  ++buckets_[bucketOf(nanoseconds)];
  ++count_;
  sum_ += nanoseconds;
  max_ = std::max(max_, nanoseconds);
}

void LatencyHistogram::reset() {
  *this = LatencyHistogram();
}

uint64_t LatencyHistogram::belowPower(uint32_t exponent) const {
  const size_t end = bucketOf(uint64_t{1} << exponent);
  return std::accumulate(buckets_.begin(), buckets_.begin() + static_cast<ptrdiff_t>(end),
                         uint64_t{0});
}

uint64_t LatencyHistogram::percentileNs(double share) const {
  if (count_ == 0) return 0;
  const auto wanted =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted) return std::min(lastValueOf(bucket), max_);
  }
  return max_;
}

}  // namespace holdfast
