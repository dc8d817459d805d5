// Random numbers that are the same everywhere for a seed (the standard distributions are not).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/types.h"

namespace holdfast::fleet {

// The splitmix64 generator.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() { return splitmix64Finalise(state_ += 0x9E3779B97F4A7C15u); }
  // In [0, 1).
  double share() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  bool chance(double probability) { return share() < probability; }
  // In [0, bound); bound > 0. The bias is below bound / 2^64.
  uint64_t below(uint64_t bound) { return next() % bound; }

 private:
  uint64_t state_;
};

// A distribution given by some of its quantiles, linear between them: shares ascend from 0 to 1.
template <size_t kPoints>
struct Quantiles {
  struct Point {
    double share;
    double value;
  };
  std::array<Point, kPoints> points;

  double draw(Random& random) const {
    const double share = random.share();
    size_t i = 1;
    while (i + 1 < kPoints && points[i].share <= share) ++i;
    const Point& from = points[i - 1];
    const Point& to = points[i];
    return from.value + (to.value - from.value) * (share - from.share) / (to.share - from.share);
  }
};

}  // namespace holdfast::fleet
