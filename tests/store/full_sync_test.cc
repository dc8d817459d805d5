// The generation that a full sync builds beside the live one: found again in every state, folded
// like any other after the switch, gone when it was abandoned.
#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "faulty_file_system.h"
#include "format/keys.h"
#include "raw_store.h"
#include "store_fixture.h"
#include "sync_steps.h"
#include "tests/support/memory_store.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

using Batches = std::vector<std::vector<ChunkHash>>;

// All keys below `count`, scaled over all of 64 bits, in no order.
Batches shuffledBatches(size_t count, size_t each) {
  std::vector<ChunkHash> keys(count);
  for (size_t i = 0; i < count; ++i) keys[i] = i * (~ChunkHash{0} / count);
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(1));
  Batches batches;
  for (size_t at = 0; at < count; at += each) {
    const auto begin = keys.begin() + static_cast<long>(at);
    batches.emplace_back(begin, begin + static_cast<long>(std::min(each, count - at)));
  }
  return batches;
}

class FullSyncTest : public StoreFixture {
 protected:
  FoldResult fold(RocksStore& store, const FoldRequest& request) {
    store.fold(request);
    const size_t before = events_->folds.size();
    EXPECT_TRUE(events_->wait(store, [&] { return events_->folds.size() > before; }));
    return events_->folds.back();
  }
  const StoredLocation& found() { return sink_->contents.begin()->second.at(0); }
  // Keys of worker 0's family with this tag, of a closed store.
  std::vector<std::string> tagged(char tag) {
    std::vector<std::string> all;
    const RawKeys keys = rawKeys(dir_ + "/data");
    for (const std::string& key : keys.at(familyName(0))) {
      if (key.front() == tag) all.push_back(key);
    }
    return all;
  }
};

TEST_F(FullSyncTest, WhatIsBuiltIsFoundAgainBesideTheLivePart) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation live;
  admit(*store, owner, live, {1, 2, 3});
  SyncSteps sync(*store, owner);
  sync.start({{50, 10}, {20}, {40, 30}});
  sync.batch(2);
  sync.report({60, 61});
  admit(*store, owner, live, {4});
  sync.batch(0);
  sync.report({10}, true);
  ASSERT_EQ(messageOf(store->close()), "");

  store = open();
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_EQ(sink_->summary.chunksEstimate, 4u);  // of the live part alone
  EXPECT_EQ(found().keys, live.keys);
  EXPECT_EQ(found().lastSeq, 4u);
  ASSERT_TRUE(found().building.has_value());
  EXPECT_EQ(found().building->part, *sync.location.building);
  EXPECT_EQ(found().building->batches,
            (std::map<uint32_t, std::vector<ChunkHash>>{{0, {50, 10}}, {2, {40, 30}}}));
  EXPECT_EQ(found().building->operations,
            (std::vector<std::pair<ChunkHash, bool>>{{60, false}, {61, false}, {10, true}}));
}

TEST_F(FullSyncTest, AfterTheSwitchItsBatchesAreTheContent) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation live;
  admit(*store, owner, live, {1, 2, 3});
  SyncSteps sync(*store, owner);
  sync.start({{50, 10}, {20}});
  sync.report({50}, true);
  sync.batches();
  sync.switchOver();
  ASSERT_EQ(messageOf(store->close()), "");

  store = open();
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_EQ(found().keys, (std::set<ChunkHash>{10, 20}));
  EXPECT_EQ(found().lastSeq, 101u);
  EXPECT_FALSE(found().building.has_value());
  // Not counted: three keys, and the operation may have been an admit.
  EXPECT_EQ(sink_->summary.chunksEstimate, 4u);
  ASSERT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(tagged('J').size(), 1u);
}

TEST_F(FullSyncTest, ReportsAfterTheSwitchAreCounted) {
  auto store = open();
  SyncSteps sync(*store, addWorker(*store, "a", 0));
  sync.start({{50, 10}, {20}});
  sync.batches();
  sync.report({11, 12});
  sync.switchOver();
  sync.report({13});
  ASSERT_EQ(messageOf(store->close()), "");
  store = open();
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_EQ(found().keys, sync.keys);
  EXPECT_EQ(found().lastSeq, 103u);
  EXPECT_EQ(sink_->summary.chunksEstimate, 6u);
}

TEST_F(FullSyncTest, AnAbandonedBuildLeavesNothing) {
  auto store = open();
  SyncSteps sync(*store, addWorker(*store, "a", 0));
  sync.start({{50, 10}, {20}});
  sync.batches();
  sync.report({11, 12});
  sync.abandon();
  ASSERT_EQ(messageOf(store->close()), "");
  EXPECT_THAT(tagged('Y'), testing::IsEmpty());
  EXPECT_THAT(tagged('J'), testing::IsEmpty());
}

TEST_F(FullSyncTest, ADroppedLocationLeavesNothing) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  SyncSteps sync(*store, owner);
  sync.start({{50, 10}, {20}});
  sync.batches();
  StoreBatch batch;
  batch.steps.emplace_back(DropLocation{owner, 0});
  store->write(std::move(batch));
  ASSERT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(rawKeys(dir_ + "/data").at(familyName(0)), std::vector<std::string>{"W"});
}

TEST_F(FullSyncTest, RecordsOfNoGenerationAreCleanedUp) {
  auto store = open();
  SyncSteps sync(*store, addWorker(*store, "a", 0));
  sync.start({{50, 10}, {20}});
  sync.batches();
  sync.report({11});
  ASSERT_EQ(messageOf(store->close()), "");
  const std::string batch(batchKey({0, 2, 0}).view());
  const std::string journal(journalKey({0, 2, 0, 101}).view());
  ASSERT_THAT(tagged('Y'), testing::Contains(batch));
  ASSERT_THAT(tagged('J'), testing::Contains(journal));
  const std::string strayBatches[] = {std::string(batchKey({0, 3, 0}).view()),
                                      std::string(batchKey({1, 2, 0}).view())};
  for (const std::string& key : strayBatches) rawPut(dir_ + "/data", familyName(0), key, "stray");
  rawPut(dir_ + "/data", familyName(0), std::string(journalKey({0, 3, 0, 1}).view()), "stray");

  store = open();
  EXPECT_THAT(sink_->damages, testing::IsEmpty());
  ASSERT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(tagged('Y').size(), 2u);
  EXPECT_THAT(tagged('Y'), testing::Contains(batch));
  EXPECT_THAT(tagged('J'), testing::ElementsAre(journal));
}

// However few keys are sorted at once.
TEST_F(FullSyncTest, ItsBatchesFoldToSegments) {
  for (const size_t keysMax : {2000u, 65536u, 1000000u}) {
    std::filesystem::remove_all(dir_ + "/data");
    StoreOptions small = options();
    small.foldKeysMax = keysMax;
    auto store = open(small);
    SyncSteps sync(*store, addWorker(*store, "a", 0));
    sync.start(shuffledBatches(100000, 3000));
    sync.report({5, 6, 7});
    sync.batches();
    sync.report({0, 6}, true);
    sync.switchOver();
    FoldResult result = fold(*store, sync.foldRequest());
    ASSERT_TRUE(result.ok) << result.error;
    EXPECT_EQ(result.baseSeq, 105u);
    EXPECT_EQ(result.baseCount, 100001u);
    EXPECT_EQ(result.baseDigest, digestOf(sync.keys));
    sync.commitFold(result);
    sync.report({8});
    result = fold(*store, sync.foldRequest());
    ASSERT_TRUE(result.ok) << result.error;
    sync.commitFold(result);
    ASSERT_EQ(messageOf(store->close()), "");
    EXPECT_THAT(tagged('Y'), testing::IsEmpty());
    EXPECT_THAT(tagged('J'), testing::IsEmpty());
    EXPECT_EQ(tagged('S').size(), 2u);
    store = open();
    EXPECT_THAT(sink_->faults, testing::IsEmpty());
    EXPECT_EQ(found().keys, sync.keys);
    EXPECT_EQ(found().lastSeq, 106u);
    ASSERT_EQ(messageOf(store->close()), "");
  }
}

TEST_F(FullSyncTest, AFoldOfTheLargestAndSmallestKeysEnds) {
  StoreOptions small = options();
  small.foldKeysMax = 2;
  auto store = open(small);
  SyncSteps sync(*store, addWorker(*store, "a", 0));
  sync.start({{~ChunkHash{0}, 1}, {0, ~ChunkHash{0} - 1}});
  sync.batches();
  sync.switchOver();
  const FoldResult result = fold(*store, sync.foldRequest());
  ASSERT_TRUE(result.ok) << result.error;
  EXPECT_EQ(result.baseCount, 4u);
  EXPECT_EQ(result.baseDigest, digestOf(sync.keys));
}

// An adopted incarnation makes the batches and the operations on them the base.
TEST_F(FullSyncTest, AFoldAfterAnAdoptionChecksTheWholeBase) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  SyncSteps sync(*store, owner);
  sync.start({{1, 2}, {3}});
  sync.batches();
  sync.report({1, 2}, true);
  sync.switchOver();
  LivePart& live = sync.location.live;
  live.stream = 1;
  live.incarnation = 8;
  live.baseSeq = 1000;
  live.baseCount = 1;
  live.baseDigest = digestOf({3});
  StoreBatch batch;
  batch.steps.emplace_back(PutLocation{owner, sync.location});
  store->write(std::move(batch));
  FoldResult result = fold(*store, sync.foldRequest());
  ASSERT_TRUE(result.ok) << result.error;
  EXPECT_EQ(result.baseSeq, 1000u);
  EXPECT_EQ(result.baseCount, 1u);
  live.baseDigest = digestOf({4});
  result = fold(*store, sync.foldRequest());
  EXPECT_FALSE(result.ok);
  EXPECT_THAT(result.error, testing::HasSubstr("digests differ"));
}

TEST_F(FullSyncTest, AFoldRefusesBatchesThatTheRecordDoesNotDescribe) {
  auto store = open();
  SyncSteps sync(*store, addWorker(*store, "a", 0));
  sync.start({{50, 10}, {20}});
  sync.batch(0);
  sync.report({30});
  sync.switchOver();
  const FoldResult result = fold(*store, sync.foldRequest());
  EXPECT_FALSE(result.ok);
  EXPECT_THAT(result.error, testing::HasSubstr("2 keys, its location's record says 3"));
  ASSERT_EQ(messageOf(store->close()), "");
  EXPECT_THAT(tagged('S'), testing::IsEmpty());
}

TEST_F(FullSyncTest, AFoldRefusesBatchesThatRepeatKeys) {
  for (const size_t keysMax : {2u, 3u, 1000u}) {
    std::filesystem::remove_all(dir_ + "/data");
    StoreOptions small = options();
    small.foldKeysMax = keysMax;
    auto store = open(small);
    SyncSteps sync(*store, addWorker(*store, "a", 0));
    sync.start({{50, 10, 20}, {20, 60}});
    sync.batches();
    sync.switchOver();
    const FoldResult result = fold(*store, sync.foldRequest());
    EXPECT_FALSE(result.ok);
    EXPECT_THAT(result.error, testing::HasSubstr("repeat keys"));
  }
}

TEST_F(FullSyncTest, AFoldOfTheOldGenerationEndsWithTheSwitch) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation live;
  for (ChunkHash i = 0; i < 4; ++i) admit(*store, owner, live, numbers(i << 60, 40000));
  SyncSteps sync(*store, owner);
  const FoldRequest request = sync.foldRequest();
  sync.start({{50, 10}, {20}});
  sync.batches();
  store->fold(request);
  sync.switchOver();
  ASSERT_TRUE(events_->wait(*store, [&] { return !events_->folds.empty(); }));
  ASSERT_EQ(messageOf(store->close()), "");
  EXPECT_THAT(tagged('S'), testing::IsEmpty());
  EXPECT_EQ(tagged('Y').size(), 2u);
}

TEST_F(FullSyncTest, BatchesCountAsQueued) {
  StoreOptions small = options();
  small.queueBytes = 100000;
  auto files = std::make_shared<FaultyFileSystem>();
  small.fileSystem = files;
  auto store = open(small);
  SyncSteps sync(*store, addWorker(*store, "a", 0));
  ASSERT_TRUE(committed(*store, sync.start({numbers(0, 10000)})));
  files->set(FaultyFileSystem::State::kBroken);
  ASSERT_TRUE(store->hasRoom(80000));
  const Ticket ticket = sync.batch(0);
  EXPECT_FALSE(store->hasRoom(80000));
  EXPECT_TRUE(store->hasRoom(8000));
  files->set(FaultyFileSystem::State::kWell);
  ASSERT_TRUE(committed(*store, ticket));
  EXPECT_TRUE(store->hasRoom(80000));
}

// What a test finds in memory is what it would find on RocksDB.
TEST_F(FullSyncTest, TheStoreInMemoryKeepsTheSame) {
  test::MemoryStore memory;
  auto rocks = open();
  std::vector<StoredContent> contents;
  for (RegistryStore* store :
       {static_cast<RegistryStore*>(&memory), static_cast<RegistryStore*>(rocks.get())}) {
    const OwnerId switched = addWorker(*store, "a", 0);
    SyncSteps done(*store, switched);
    done.start({{50, 10}, {20}, {70}});
    done.batch(1);
    done.abandon();
    done.start({{50, 10}, {20}, {70}});
    done.batches();
    done.report({10, 20}, true);
    done.switchOver();
    done.report({30});
    const OwnerId folded = addWorker(*store, "a", 1);
    SyncSteps inSegments(*store, folded);
    inSegments.start({{5, 4}, {3}});
    inSegments.report({4}, true);
    inSegments.batches();
    inSegments.switchOver();
    store->fold(inSegments.foldRequest());
    events_->folds.clear();
    events_->committed = 0;
    memory.complete();
    ASSERT_TRUE(events_->wait(*store, [&] { return !events_->folds.empty(); }));
    ASSERT_TRUE(events_->folds[0].ok);
    EXPECT_EQ(events_->folds[0].baseCount, 2u);
    inSegments.commitFold(events_->folds[0]);
    const OwnerId building = addWorker(*store, "a", 2);
    SyncSteps begun(*store, building);
    begun.start({{50, 10}, {20}, {70}});
    begun.batch(2);
    begun.report({1, 2});
  }
  memory.complete();
  Ticket kept = 0;
  const auto disks = {memory.afterCrash(), memory.afterPowerLoss(SIZE_MAX, kept)};
  ASSERT_EQ(messageOf(rocks->close()), "");
  rocks = open();
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_EQ(sink_->content().workers.size(), 3u);
  for (const auto& disk : disks) {
    test::MemoryStore again(disk);
    ContentSink sink;
    again.recover(sink);
    EXPECT_THAT(sink.faults, testing::IsEmpty());
    EXPECT_EQ(sink.content(), sink_->content());
    for (const auto& [owner, family] : disk) {
      for (const auto& [id, location] : family.locations) {
        EXPECT_EQ(location.batches.empty(), location.record->live.fold != 0);
      }
    }
  }
}

}  // namespace
}  // namespace holdfast
