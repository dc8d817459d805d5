// Whatever happens to controller, workers and network: afterwards the registry equals what the
// workers hold, and in between nothing false is said, of operations neither.
#include <gtest/gtest.h>

#include "tests/simulation/convergence_world.h"

namespace holdfast::test {
namespace {

TEST(Convergence, EveryLocationComesToBeInSync) {
  ConvergenceWorld::Seen seen;
  uint64_t worlds = 0;
  forRandomSequences(10'000, [&](Random& random) {
    ConvergenceWorld world(random);
    world.run();
    world.addTo(seen);
    ++worlds;
  });
  if (worlds < 500) return;
  EXPECT_GT(seen.operationsDone, worlds);
  EXPECT_GT(seen.operationsFailed, 0u);
  EXPECT_GT(seen.logsFromAStart, 0u);
  EXPECT_GT(seen.logsFromUnderWay, 0u);
  EXPECT_GT(seen.clears, worlds);
}

}  // namespace
}  // namespace holdfast::test
