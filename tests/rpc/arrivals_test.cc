#include "net/arrivals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

namespace holdfast {
namespace {

kj::TimePoint at(int64_t us) {
  return kj::origin<kj::TimePoint>() + us * kj::MICROSECONDS;
}

TEST(ArrivalsTest, KnowsTheBeginBeforeSomethingWasFound) {
  Arrivals arrivals(at(2));
  EXPECT_EQ(arrivals.notBefore(0), at(2));
  arrivals.found(10, at(5));
  EXPECT_EQ(arrivals.notBefore(9), at(2));
  EXPECT_EQ(arrivals.notBefore(10), at(5));
  EXPECT_EQ(arrivals.notBefore(500), at(5));
}

TEST(ArrivalsTest, ALaterLookAtTheSameBytesCounts) {
  Arrivals arrivals(at(0));
  arrivals.found(10, at(5));
  arrivals.found(10, at(8));
  arrivals.found(9, at(9));
  EXPECT_EQ(arrivals.notBefore(10), at(8));
}

// A stream whose bytes come at random moments, looked at and read at others: the bound is the last
// look that found less; with more looks than are kept it may be an earlier one.
TEST(ArrivalsTest, BoundsEveryArrivalFromBelow) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    Arrivals arrivals(at(0));
    std::vector<int64_t> came;  // when each byte did
    std::vector<std::pair<uint64_t, int64_t>> looks;
    const bool many = seed % 2 == 0;
    const uint64_t bytesMax = many ? 8 : 300;
    int64_t now = 0;
    for (size_t read = 0; read < 2'000;) {
      now += 1 + static_cast<int64_t>(random() % 20);
      const auto pending = std::count_if(looks.begin(), looks.end(),
                                         [&](const auto& look) { return look.first > read; });
      switch (random() % (many ? 40 : 4)) {
        case 0:
          for (uint64_t bytes = random() % 600; bytes != 0 && read < came.size(); --bytes, ++read) {
            int64_t best = 0;
            for (const auto& [position, time] : looks) {
              if (position <= read) best = std::max(best, time);
            }
            const kj::TimePoint bound = arrivals.notBefore(read);
            ASSERT_LE(bound, at(came[read])) << "seed " << seed;
            if (!many) {
              ASSERT_EQ(bound, at(best)) << "seed " << seed;
            }
          }
          break;
        case 1:
          came.insert(came.end(), random() % bytesMax, now);
          break;
        default:
          if (!many && pending > 50) break;
          looks.emplace_back(came.size(), now);
          arrivals.found(came.size(), at(now));
      }
    }
  }
}

}  // namespace
}  // namespace holdfast
