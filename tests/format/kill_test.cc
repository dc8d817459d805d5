// kill -9 at random moments of a migration: the store always opens, and nothing is lost.
//
//   HOLDFAST_MIGRATION_KILLS=n kills so often (50), HOLDFAST_SEED=n draws the same moments again.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <random>

#include "migrations/migrations.h"
#include "tests/format/inspection.h"
#include "tests/format/plain_store.h"
#include "tests/support/repetitions.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kWorkers = 24;
constexpr uint64_t kKeys = 100'000;

std::vector<std::string> migration(const std::string& dir) {
  return {"migrate", dir, "--no-checkpoint"};
}

uint64_t microsecondsOf(const std::string& dir) {
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(runInspect("migrate --no-checkpoint " + dir).code, 0);
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::steady_clock::now() - began)
                                   .count());
}

TEST(KilledMigration, LosesNothing) {
  const uint64_t seed = fromEnvironment("HOLDFAST_SEED", std::random_device{}());
  const uint64_t kills = repetitions("HOLDFAST_MIGRATION_KILLS", 50);
  SCOPED_TRACE("replay with HOLDFAST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const Scratch scratch;
  const fs::path original = scratch.path() / "original";
  const std::string dir = (scratch.path() / "data").string();
  const PlainStore made = makePlainStore(original, kWorkers, kKeys);
  const uint64_t allSegments = plainSegments(original);
  fs::copy(original, dir);
  const uint64_t whole = microsecondsOf(dir);

  const auto expectAll = [&] {
    ASSERT_EQ(view(dir).registry.hex(), made.registryDigest);
    ASSERT_EQ(expectWell(dir), made.memberships);
  };
  uint64_t midway = 0;
  uint64_t finished = 0;
  for (uint64_t kill = 0; kill < kills && !testing::Test::HasFailure();) {
    // The last one has come to its end, or is begun anew now and then.
    if (formatOf(dir) == newestFormat() || random() % 4 == 0) {
      fs::remove_all(dir);
      fs::copy(original, dir);
    }
    if (!killInspect(migration(dir), random() % whole)) {
      ++finished;
      expectAll();
      continue;
    }
    ++kill;
    expectAll();
    const uint64_t plain = plainSegments(dir);
    if (plain > 0 && plain < allSegments) ++midway;
    // The number is written last.
    if (plain > 0) {
      ASSERT_EQ(formatOf(dir), 1u);
    }
  }
  ASSERT_FALSE(testing::Test::HasFailure());
  // And in the end, whatever was done to it, it comes to its end.
  (void)microsecondsOf(dir);
  ASSERT_EQ(formatOf(dir), newestFormat());
  ASSERT_EQ(plainSegments(dir), 0u);
  expectAll();
  std::cout << kills << " kills, " << midway << " of them with some segments packed and some not, "
            << finished << " came too late\n";
}

}  // namespace
}  // namespace holdfast::test
