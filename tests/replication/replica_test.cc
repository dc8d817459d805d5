// What a follower has left to do of full syncs. That it is what its leader is: tests/simulation.
#include "core/replica/replica.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "core/registry/registry.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::test {
namespace {

// A follower of a leader that has a full sync under way, of one batch.
class ReplicaTest : public testing::Test {
 protected:
  ReplicaTest() {
    registry_.recover();
    registry_.replica().name(names_);
    StoreBatch batch;
    InstanceRecord instance;
    instance.instance = "a";
    batch.steps.emplace_back(PutInstance{0, instance});
    WorkerRecord worker;
    worker.instance = "a";
    batch.steps.emplace_back(PutWorker{1, worker});
    LocationRecord location;
    location.name = "gpu";
    location.nextGeneration = 3;
    location.live.generation = 1;
    batch.steps.emplace_back(PutLocation{1, location});
    EXPECT_FALSE(registry_.replica().apply(batch));
    location.building = BuildingPart{.generation = 2,
                                     .incarnation = 7,
                                     .syncId = 9,
                                     .baseSeq = 0,
                                     .batchCount = 1,
                                     .totalKeys = 3,
                                     .digest = {}};
    batch.steps.clear();
    batch.steps.emplace_back(PutLocation{1, location});
    EXPECT_FALSE(registry_.replica().apply(batch));
  }

  // More than is applied with what comes: reports that came during the sync, then its batch.
  void reportMuchAndBecomeWhole() {
    std::vector<ChunkHash> keys(kOperationsPerReportMax);
    for (uint64_t i = 0; i < 8; ++i) {
      std::iota(keys.begin(), keys.end(), 1 + i * keys.size());
      EXPECT_FALSE(registry_.replica().apply(ReportRecord{.owner = 1,
                                                          .location = 0,
                                                          .generation = 2,
                                                          .stream = 0,
                                                          .firstSeq = 1 + i * keys.size(),
                                                          .operations = {keys, {}},
                                                          .countAfter = 0,
                                                          .digestAfter = {},
                                                          .counted = false}));
    }
    EXPECT_EQ(registry_.tree().heldOperations(), 8 * keys.size());
    const std::vector<ChunkHash> synced = {1, 2, 3};
    EXPECT_FALSE(registry_.replica().apply(BatchRecord{1, 0, 2, 0, synced}));
  }

  const std::vector<OwnerName> names_ = {{"a", {}}, {"a", 0}};
  ManualClock clock_;
  IgnoredNotices notices_;
  MemoryStore store_;
  Registry registry_{{}, clock_, store_, notices_};
};

// Its leader does so as well: what both can hold is the same.
TEST_F(ReplicaTest, HoldsNothingForLongOfAFullSyncThatIsWhole) {
  reportMuchAndBecomeWhole();
  EXPECT_GT(registry_.tree().heldOperations(), 0u);
  while (registry_.work()) {
  }
  EXPECT_EQ(registry_.tree().heldOperations(), 0u);
}

TEST_F(ReplicaTest, HoldsNothingAfterAStartOfAFullSyncThatIsWhole) {
  reportMuchAndBecomeWhole();
  store_.complete();
  MemoryStore store(store_.afterCrash());
  Registry again({}, clock_, store, notices_);
  EXPECT_EQ(again.recover().quarantined, 0u);
  EXPECT_EQ(again.tree().heldOperations(), 0u);
  // As a leader it goes on with it.
  again.lead();
  while (again.work()) {
  }
  EXPECT_NE(again.tree().findWorker("a", 0)->find("gpu")->building, nullptr);
}

// What it has left when it is elected goes on as a leader's.
TEST_F(ReplicaTest, GoesOnWithWhatIsLeftWhenItLeads) {
  reportMuchAndBecomeWhole();
  registry_.replica().name({});
  registry_.lead();
  while (registry_.work()) {
  }
  EXPECT_EQ(registry_.tree().heldOperations(), 0u);
}

}  // namespace
}  // namespace holdfast::test
