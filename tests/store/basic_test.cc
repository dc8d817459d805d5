// Writing, reading back, the pool of families.
#include <gmock/gmock.h>

#include "store_fixture.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

using BasicTest = StoreFixture;

TEST_F(BasicTest, NewStoreIsEmpty) {
  auto store = open();
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(store->created());
  EXPECT_EQ(store->clusterId().size(), 32u);
  EXPECT_EQ(sink_->content(), StoredContent());
  EXPECT_EQ(messageOf(store->close()), "");
}

TEST_F(BasicTest, ReopenedStoreHoldsWhatWasWritten) {
  auto store = open();
  const std::string cluster = store->clusterId();
  const OwnerId instance = store->claim();
  StoreBatch batch;
  batch.steps.emplace_back(PutInstance{instance, {"llama", 8, 123}});
  store->write(std::move(batch));
  const OwnerId owner = addWorker(*store, "llama", 3);
  EXPECT_NE(owner, instance);
  StoredLocation content;
  admit(*store, owner, content, numbers(100, 256));
  const Ticket last = admit(*store, owner, content, {1, 2, 3});
  EXPECT_TRUE(committed(*store, last));
  EXPECT_EQ(messageOf(store->close()), "");

  store = open();
  EXPECT_FALSE(store->created());
  EXPECT_EQ(store->clusterId(), cluster);
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_EQ(sink_->summary.instances, 1u);
  EXPECT_EQ(sink_->summary.workers, 1u);
  EXPECT_EQ(sink_->summary.chunksEstimate, 259u);
  EXPECT_EQ(sink_->summary.distinctEstimate, 259u);
  ASSERT_EQ(sink_->instances.size(), 1u);
  EXPECT_EQ(sink_->instances.begin()->second.instance, "llama");
  EXPECT_EQ(sink_->instances.begin()->second.worldSize, 8u);
  EXPECT_EQ(sink_->instances.begin()->second.createdWallMs, 123u);
  const StoredContent all = sink_->content();
  ASSERT_TRUE(all.workers.contains({"llama", 3}));
  const StoredLocation& gpu = all.workers.at({"llama", 3}).locations.at(0);
  EXPECT_EQ(gpu.keys, content.keys);
  EXPECT_EQ(gpu.lastSeq, 259u);
  EXPECT_EQ(gpu.incarnation, 7u);
}

TEST_F(BasicTest, CloseWritesWhatIsQueued) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  for (int i = 0; i < 1000; ++i) admit(*store, owner, content, {static_cast<ChunkHash>(i)});
  EXPECT_EQ(messageOf(store->close()), "");
  store = open();
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys.size(), 1000u);
}

}  // namespace
}  // namespace holdfast
