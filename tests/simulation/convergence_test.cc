// Whatever happens to controller, workers and network: afterwards the registry equals what the
// workers hold, and in between nothing false is said.
#include <gtest/gtest.h>

#include "tests/simulation/convergence_world.h"

namespace holdfast::test {
namespace {

TEST(Convergence, EveryLocationComesToBeInSync) {
  forRandomSequences(10'000, [](Random& random) {
    ConvergenceWorld world(random);
    world.run();
  });
}

}  // namespace
}  // namespace holdfast::test
