// Stores that Holdfast alone has written: nothing is found in them, their digests are those of the
// registry, and a round trip through an export gives the same store again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "inspect/commands.h"
#include "inspect/verifier.h"
#include "tests/inspect/store_grower.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

constexpr uint64_t kStores = 1000;
// Shards, so that a parallel ctest uses both processors.
constexpr uint64_t kShards = 4;
constexpr uint64_t kRoundTripEvery = 8;

class HealthyStores : public testing::TestWithParam<uint64_t> {};

std::string digestOf(const StoreReader& reader, bool content) {
  text::Progress progress;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(inspect::showDigest(reader, {out, err, false, progress}, content), inspect::kDone)
      << err.str();
  return out.str();
}

void expectHealthy(const StoreReader& reader) {
  text::Progress progress;
  const auto outcome = inspect::verify(reader, {}, progress);
  EXPECT_EQ(outcome.problems, 0u);
  for (const auto& finding : outcome.findings) {
    if (finding.severity == inspect::Severity::kNote) continue;
    ADD_FAILURE() << describe(finding.place) << ": " << finding.what << " [" << finding.kind << "]";
  }
  // Slices of few keys find nothing either.
  EXPECT_EQ(inspect::verify(reader, {100}, progress).problems, 0u);
}

void expectRoundTrip(const StoreReader& reader, const std::string& newDir) {
  text::Progress progress;
  std::ostringstream exported;
  std::ostringstream said;
  ASSERT_EQ(inspect::exportStore(reader, {exported, said, false, progress}), inspect::kDone)
      << said.str();
  std::istringstream in(exported.str());
  ASSERT_EQ(inspect::importStore(in, newDir, {said, said, false, progress}), inspect::kDone)
      << said.str();
  const auto again = StoreReader::open(newDir);
  ASSERT_TRUE(again.ok()) << again.error().message;
  expectHealthy(*again.value());
  std::ostringstream exportedAgain;
  ASSERT_EQ(inspect::exportStore(*again.value(), {exportedAgain, said, false, progress}),
            inspect::kDone);
  EXPECT_EQ(exported.str(), exportedAgain.str());
  EXPECT_EQ(inspect::showDifferences(reader, *again.value(), {said, said, false, progress}),
            inspect::kDone)
      << said.str();
}

EventRecord randomEvent(uint64_t seed) {
  Random random(seed);
  EventRecord event;
  event.id = "event \"" + std::to_string(seed) + "\"";
  event.number = random();
  event.kind = static_cast<OperationKind>(below(random, kOperationKinds));
  event.instance = "instance/" + std::to_string(below(random, 3));
  event.location = "tier 0";
  event.method = chance(random, 50) ? "caché\n" : "";
  event.copy = chance(random, 50);
  event.chunks = static_cast<uint32_t>(random());
  event.arguments = {random(), random()};
  event.createdWallMs = random();
  event.finishedWallMs = random();
  event.ttlSeconds = random();
  event.toPin.assign(below(random, 3), random());
  for (uint64_t ranks = below(random, 5); ranks > 0; --ranks) {
    RankRecord& rank = event.ranks.emplace_back();
    rank.worker = static_cast<uint32_t>(event.ranks.size());
    rank.run = random();
    rank.status = chance(random, 30) ? RankStatus::kPending : RankStatus::kFailed;
    rank.numTokens = random();
    rank.errorCode = -static_cast<int32_t>(below(random, 2000));
    rank.error = chance(random, 50) ? "no \\ room" : "";
  }
  return event;
}

void grow(uint64_t seed) {
  SCOPED_TRACE("replay with HOLDFAST_SEED=" + std::to_string(seed));
  const Scratch scratch;
  const std::string dir = (scratch.path() / "data").string();
  StoreGrower grower(dir, seed);
  for (uint64_t n = 20 + seed % 150; n > 0; --n) {
    if (n % 16 == 0) grower.putEvent(randomEvent(seed + n));
    grower.step();
  }
  grower.settle();
  const std::string registry = grower.registryDigest();
  const std::string content = grower.contentDigest();
  grower.close();
  const auto reader = StoreReader::open(dir);
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  EXPECT_FALSE(reader.value()->besideWriter());
  expectHealthy(*reader.value());
  EXPECT_EQ(digestOf(*reader.value(), false), registry + "\n");
  EXPECT_EQ(digestOf(*reader.value(), true), content + "\n");
  if (seed % kRoundTripEvery == 0) {
    expectRoundTrip(*reader.value(), (scratch.path() / "new").string());
  }
}

TEST_P(HealthyStores, AreFoundHealthy) {
  if (const char* seed = std::getenv("HOLDFAST_SEED")) {
    if (GetParam() == 0) grow(std::strtoull(seed, nullptr, 10));
    return;
  }
  const char* stores = std::getenv("HOLDFAST_SEQUENCES");
  const uint64_t count = stores == nullptr ? kStores : std::strtoull(stores, nullptr, 10);
  for (uint64_t seed = 1 + GetParam(); seed <= count && !HasFailure(); seed += kShards) grow(seed);
}

// What the stores above are made of.
TEST(GrownStores, HaveSomeOfEverything) {
  uint64_t folds = 0;
  uint64_t syncs = 0;
  uint64_t adopted = 0;
  uint64_t hidden = 0;
  uint64_t building = 0;
  uint64_t fromBatches = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const Scratch scratch;
    StoreGrower grower((scratch.path() / "data").string(), seed);
    for (uint64_t n = 20 + seed % 150; n > 0; --n) grower.step();
    grower.settle();
    const Counters& counters = grower.registry().counters();
    folds += counters.foldsCommitted;
    syncs += counters.fullSyncsCompleted;
    adopted += counters.decisions[static_cast<size_t>(Reason::kAdopted)];
    for (const auto& [name, instance] : grower.registry().tree().instances()) {
      for (const auto& [id, worker] : instance->workers) {
        for (const auto& location : worker->locations) {
          hidden += location->record.live.hidden;
          building += location->record.building.has_value();
          fromBatches += location->record.live.fold == 0 && location->record.live.baseCount > 0;
        }
      }
    }
    grower.close();
  }
  EXPECT_GT(folds, 0u);
  EXPECT_GT(syncs, 0u);
  EXPECT_GT(adopted, 0u);
  EXPECT_GT(hidden, 0u);
  EXPECT_GT(building, 0u);
  EXPECT_GT(fromBatches, 0u);
}

INSTANTIATE_TEST_SUITE_P(Shard, HealthyStores, testing::Range(uint64_t{0}, kShards));

}  // namespace
}  // namespace holdfast::test
