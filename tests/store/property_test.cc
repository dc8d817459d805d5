// Random writes, folds, kills, power cuts and failing disks against a plain model. Replay one
// sequence with HOLDFAST_SEED=n; HOLDFAST_SEQUENCES=n says how many are run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "store_driver.h"
#include "tests/support/repetitions.h"

namespace holdfast {
namespace {

constexpr uint64_t kSequences = 500;
constexpr int kSteps = 80;

// Shards, so that a parallel ctest uses the time in which a sequence waits for the disk.
constexpr uint64_t kShards = 4;

class PropertyTest : public testing::TestWithParam<uint64_t> {};

void runSequence(uint64_t seed) {
  const std::string dir = makeTestDir();
  {
    StoreDriver driver(seed, dir + "/data");
    bool well = true;
    for (int i = 0; i < kSteps && well; ++i) well = driver.step();
    well = well && driver.finish();
    EXPECT_TRUE(well) << "replay with HOLDFAST_SEED=" << seed << "\n" << driver.error();
  }
  std::filesystem::remove_all(dir);
}

TEST_P(PropertyTest, AStartFindsWhatWasCommittedAndNothingElse) {
  if (std::getenv("HOLDFAST_SEED") != nullptr) {
    if (GetParam() == 0) runSequence(test::fromEnvironment("HOLDFAST_SEED", 1));
    return;
  }
  const uint64_t count = test::repetitions("HOLDFAST_SEQUENCES", kSequences);
  for (uint64_t seed = 1 + GetParam(); seed <= count && !HasFailure(); seed += kShards) {
    runSequence(seed);
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, PropertyTest, testing::Range(uint64_t{0}, kShards));

}  // namespace
}  // namespace holdfast
