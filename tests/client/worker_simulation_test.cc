#include "worker_simulation.h"

#include <gtest/gtest.h>

#include "seeds.h"

namespace holdfast {
namespace {

TEST(WorkerSimulation, AModelControllerEndsWithTheTruth) {
  forEachSeed(3'000, [](uint64_t seed) {
    Simulation simulation(seed);
    simulation.run();
  });
}

}  // namespace
}  // namespace holdfast
