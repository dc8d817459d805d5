// Random sequences with a seed that is printed and can be replayed.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

#include "tests/support/repetitions.h"

namespace holdfast::test {

using Random = std::mt19937_64;

inline uint64_t below(Random& random, uint64_t bound) {
  return random() % bound;
}
inline bool chance(Random& random, uint32_t percent) {
  return below(random, 100) < percent;
}

// Calls body(random) `sequences` times, each with a seed of its own, until one fails.
// HOLDFAST_SEED=n runs that one sequence only, HOLDFAST_SEQUENCES=n another number of them.
template <typename Body>
void forRandomSequences(uint64_t sequences, const Body& body) {
  const uint64_t first = fromEnvironment("HOLDFAST_SEED", 1);
  sequences = repetitions("HOLDFAST_SEQUENCES", sequences);
  if (std::getenv("HOLDFAST_SEED") != nullptr) sequences = 1;
  for (uint64_t seed = first; seed < first + sequences; ++seed) {
    SCOPED_TRACE("replay with HOLDFAST_SEED=" + std::to_string(seed));
    Random random(seed);
    body(random);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace holdfast::test
