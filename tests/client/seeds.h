// Property tests: many seeds, the failing one printed. HOLDFAST_SEED replays one,
// HOLDFAST_SEQUENCES sets their number.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>

#include "tests/support/repetitions.h"

namespace holdfast {

template <typename Test>
void forEachSeed(uint64_t sequences, Test test) {
  if (const char* seed = std::getenv("HOLDFAST_SEED")) {
    test(std::strtoull(seed, nullptr, 10));
    return;
  }
  sequences = test::repetitions("HOLDFAST_SEQUENCES", sequences);
  std::random_device device;
  for (uint64_t i = 0; i < sequences; ++i) {
    const uint64_t seed = (uint64_t{device()} << 32) | device();
    test(seed);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "replay with HOLDFAST_SEED=" << seed;
      return;
    }
  }
}

}  // namespace holdfast
