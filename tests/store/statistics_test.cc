// What a store tells of itself.
#include <filesystem>

#include "store_fixture.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

using StatisticsTest = StoreFixture;

TEST_F(StatisticsTest, CommitsAndFoldsAreTimedBeforeTheyAreDelivered) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, numbers(0, 1000))));
  StoreBatch batch;
  batch.synced = true;
  batch.steps.emplace_back(PutInstance{store->claim(), {"a", 1, 123}});
  const uint64_t unsynced = store->statistics().commits.count();
  EXPECT_GE(unsynced, 1u);
  ASSERT_TRUE(committed(*store, store->write(std::move(batch))));
  EXPECT_GE(store->statistics().syncedCommits.count(), 1u);
  EXPECT_EQ(store->statistics().folds.count(), 0u);

  FoldRequest request;
  request.id = 1;
  request.owner = owner;
  request.live = emptyLocation(0, "gpu", 7).live;
  request.newFold = request.live.fold + 1;
  store->fold(request);
  ASSERT_TRUE(events_->wait(*store, [&] { return !events_->folds.empty(); }));
  EXPECT_EQ(store->statistics().folds.count(), 1u);
  EXPECT_GT(store->statistics().folds.sum(), 0u);
  EXPECT_EQ(messageOf(store->close()), "");
}

TEST_F(StatisticsTest, TheDiskIsKnownFromTheStart) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, numbers(0, 1000))));
  EXPECT_EQ(messageOf(store->close()), "");
  store = open();
  const StoreStatistics statistics = store->statistics();
  EXPECT_EQ(statistics.diskBytes, std::filesystem::space(dir_).capacity);
  EXPECT_GT(statistics.diskFreeBytes, 0u);
  EXPECT_LE(statistics.diskFreeBytes, statistics.diskBytes);
  EXPECT_GT(statistics.bytesOnDisk, 0u);
  EXPECT_LT(statistics.walBytes, statistics.bytesOnDisk);
  EXPECT_EQ(messageOf(store->close()), "");
}

}  // namespace
}  // namespace holdfast
