// Folding: the content stays, the journal goes, nothing is left behind.
#include <gmock/gmock.h>

#include <algorithm>

#include "faulty_file_system.h"
#include "raw_store.h"
#include "store_fixture.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

size_t countTagged(const RawKeys& keys, char tag) {
  size_t count = 0;
  for (const auto& [family, all] : keys) {
    if (family == "default") continue;
    count += static_cast<size_t>(std::count_if(
        all.begin(), all.end(), [&](const std::string& key) { return key.front() == tag; }));
  }
  return count;
}

class FoldTest : public StoreFixture {
 protected:
  FoldRequest request(OwnerId owner, const LivePart& live) {
    FoldRequest request;
    request.id = ++lastId_;
    request.owner = owner;
    request.live = live;
    request.newFold = live.fold + 1;
    return request;
  }
  FoldResult fold(RocksStore& store, const FoldRequest& request) {
    store.fold(request);
    const size_t before = events_->folds.size();
    EXPECT_TRUE(events_->wait(store, [&] { return events_->folds.size() > before; }));
    EXPECT_EQ(events_->folds.back().id, request.id);
    return events_->folds.back();
  }
  Ticket commit(RocksStore& store, OwnerId owner, LocationRecord& location,
                const FoldResult& result) {
    const uint32_t old = location.live.fold++;
    location.live.baseSeq = result.baseSeq;
    location.live.baseCount = result.baseCount;
    location.live.baseDigest = result.baseDigest;
    StoreBatch batch;
    batch.steps.emplace_back(PutLocation{owner, location});
    batch.steps.emplace_back(DropJournal{owner, 0, 1, 1, result.baseSeq});
    if (old != 0) batch.steps.emplace_back(DropFold{owner, 0, 1, old});
    return store.write(std::move(batch));
  }

  uint64_t lastId_ = 0;
};

TEST_F(FoldTest, JournalBecomesSegments) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  LocationRecord location = emptyLocation(0, "gpu", 7);
  StoredLocation content;
  // More than two segments, and a second fold that merges.
  for (ChunkHash i = 0; i < 4; ++i) admit(*store, owner, content, numbers(i << 60, 50000));
  FoldResult result = fold(*store, request(owner, location.live));
  ASSERT_TRUE(result.ok) << result.error;
  EXPECT_EQ(result.baseSeq, 200000u);
  EXPECT_EQ(result.baseCount, 200000u);
  EXPECT_EQ(result.baseDigest, digestOf(content.keys));
  commit(*store, owner, location, result);
  admit(*store, owner, content, numbers(10, 60000));
  result = fold(*store, request(owner, location.live));
  ASSERT_TRUE(result.ok) << result.error;
  commit(*store, owner, location, result);
  admit(*store, owner, content, {5, 6, ~ChunkHash{0}});
  EXPECT_EQ(messageOf(store->close()), "");
  store = open();
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_EQ(sink_->summary.chunksEstimate, content.keys.size());
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys, content.keys);
  EXPECT_EQ(messageOf(store->close()), "");
  const RawKeys keys = rawKeys(dir_ + "/data");
  EXPECT_EQ(countTagged(keys, 'J'), 1u);
  EXPECT_EQ(countTagged(keys, 'S'), 4u);
}

TEST_F(FoldTest, AFoldThatNobodyCommittedIsCleanedUp) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  admit(*store, owner, content, numbers(0, 1000));
  ASSERT_TRUE(fold(*store, request(owner, emptyLocation(0, "gpu", 7).live)).ok);
  EXPECT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(countTagged(rawKeys(dir_ + "/data"), 'S'), 1u);
  store = open();
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys, content.keys);
  EXPECT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(countTagged(rawKeys(dir_ + "/data"), 'S'), 0u);
}

TEST_F(FoldTest, AFoldOfAReleasedOwnerTouchesNothing) {
  auto store = open();
  for (int round = 0; round < 20; ++round) {
    const OwnerId owner = addWorker(*store, "a", 0);
    StoredLocation content;
    for (ChunkHash i = 0; i < 4; ++i) admit(*store, owner, content, numbers(i << 60, 40000));
    if (round % 2 == 0) {
      ASSERT_TRUE(committed(*store, store->write({})));
    }
    store->fold(request(owner, emptyLocation(0, "gpu", 7).live));
    if (round % 3 == 0) {
      ASSERT_TRUE(committed(*store, store->write({})));
    }
    StoreBatch batch;
    batch.steps.emplace_back(Release{owner});
    store->write(std::move(batch));
    const OwnerId next = addWorker(*store, "b", 0);
    StoredLocation other;
    admit(*store, next, other, {1, 2, 3});
    ASSERT_TRUE(events_->wait(*store, [&] { return events_->folds.size() == lastId_; }));
    batch = {};
    batch.steps.emplace_back(Release{next});
    ASSERT_TRUE(committed(*store, store->write(std::move(batch))));
    if (events_->folds.back().ok) continue;  // it was done before the release
    EXPECT_THAT(events_->folds.back().error, testing::HasSubstr("dropped"));
  }
  EXPECT_EQ(store->statistics().familiesUsed, 0u);
  EXPECT_EQ(messageOf(store->close()), "");
  for (const auto& [family, keys] : rawKeys(dir_ + "/data")) {
    if (family != "default") {
      EXPECT_THAT(keys, testing::IsEmpty()) << family;
    }
  }
}

TEST_F(FoldTest, AFoldReleasedBeforeItBeganLeavesTheNextOwnerAlone) {
  auto files = std::make_shared<FaultyFileSystem>();
  StoreOptions faulty = options();
  faulty.fileSystem = files;
  auto store = open(faulty);
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, numbers(0, 1000))));
  // While the store stands still the rest queues up, to be committed as one group.
  files->set(FaultyFileSystem::State::kBroken);
  store->write({});
  ASSERT_TRUE(events_->wait(*store, [&] { return !store->health().writable; }));
  store->fold(request(owner, emptyLocation(0, "gpu", 7).live));
  StoreBatch batch;
  batch.steps.emplace_back(Release{owner});
  store->write(std::move(batch));
  const OwnerId next = addWorker(*store, "b", 0);
  StoredLocation other;
  admit(*store, next, other, {1, 2, 3});
  files->set(FaultyFileSystem::State::kWell);
  ASSERT_TRUE(events_->wait(*store, [&] { return !events_->folds.empty(); }));
  EXPECT_FALSE(events_->folds.back().ok);
  EXPECT_THAT(events_->folds.back().error, testing::HasSubstr("dropped"));
  EXPECT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(countTagged(rawKeys(dir_ + "/data"), 'S'), 0u);
}

TEST_F(FoldTest, AFoldSeesWhatWasQueuedBeforeIt) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  for (ChunkHash i = 0; i < 300; ++i) admit(*store, owner, content, {i});
  const FoldResult result = fold(*store, request(owner, emptyLocation(0, "gpu", 7).live));
  ASSERT_TRUE(result.ok) << result.error;
  EXPECT_EQ(result.baseSeq, 300u);
}

TEST_F(FoldTest, AnEmptyLocationFolds) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  const FoldResult result = fold(*store, request(owner, emptyLocation(0, "gpu", 7).live));
  ASSERT_TRUE(result.ok) << result.error;
  EXPECT_EQ(result.baseCount, 0u);
}

TEST_F(FoldTest, AFoldRefusesContentThatDoesNotMatch) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  const std::vector<ChunkHash> keys = {1, 2, 3};
  ReportRecord report;
  report.owner = owner;
  report.generation = 1;
  report.stream = 1;
  report.firstSeq = 1;
  report.operations.keys = keys;
  report.countAfter = 4;
  store->append(report);
  const FoldResult result = fold(*store, request(owner, emptyLocation(0, "gpu", 7).live));
  EXPECT_FALSE(result.ok);
  EXPECT_THAT(result.error, testing::HasSubstr("the journal says 4"));
  EXPECT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(countTagged(rawKeys(dir_ + "/data"), 'S'), 0u);
}

TEST_F(FoldTest, AnOwnerWithoutFamilyCannotFold) {
  auto store = open();
  EXPECT_FALSE(fold(*store, request(store->claim(), {})).ok);
}

}  // namespace
}  // namespace holdfast
