// The pool of families.
#include <gmock/gmock.h>

#include <filesystem>

#include "faulty_file_system.h"
#include "raw_store.h"
#include "store_fixture.h"

namespace holdfast {
namespace {

using FamiliesTest = StoreFixture;

PutWorker worker(OwnerId owner, uint32_t number) {
  PutWorker put;
  put.owner = owner;
  put.record.instance = "a";
  put.record.worker = number;
  return put;
}

TEST_F(FamiliesTest, TwoThousandWorkersFitAndHalfOfThemLeave) {
  constexpr uint32_t kWorkers = 2000;
  auto store = open();
  std::vector<OwnerId> owners;
  for (uint32_t i = 0; i < kWorkers; ++i) {
    StoreBatch batch;
    owners.push_back(store->claim());
    batch.steps.emplace_back(worker(owners.back(), i));
    store->write(std::move(batch));
  }
  ASSERT_TRUE(committed(*store, store->write({})));
  EXPECT_EQ(store->statistics().familiesUsed, kWorkers);
  for (uint32_t i = 0; i < kWorkers; i += 2) {
    StoreBatch batch;
    batch.steps.emplace_back(Release{owners[i]});
    store->write(std::move(batch));
  }
  ASSERT_TRUE(committed(*store, store->write({})));
  EXPECT_EQ(store->statistics().familiesUsed, kWorkers / 2);
  EXPECT_GE(store->statistics().familiesFree, kWorkers / 2);
  EXPECT_EQ(store->close(), "");
  store = open();
  EXPECT_EQ(sink_->workers.size(), kWorkers / 2);
  for (const auto& [owner, stored] : sink_->workers) EXPECT_EQ(stored.first.worker % 2, 1u);
}

TEST_F(FamiliesTest, FamiliesAreUsedAgain) {
  auto store = open();
  for (uint32_t i = 0; i < 100; ++i) {
    const OwnerId owner = addWorker(*store, "a", i);
    StoredLocation content;
    admit(*store, owner, content, {i, i + 1});
    StoreBatch batch;
    batch.steps.emplace_back(Release{owner});
    store->write(std::move(batch));
  }
  const OwnerId owner = addWorker(*store, "last", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, {7})));
  EXPECT_EQ(store->statistics().familiesUsed, 1u);
  EXPECT_LE(store->statistics().familiesFree, 16u);
  EXPECT_EQ(store->close(), "");
  store = open();
  EXPECT_EQ(sink_->workers.size(), 1u);
  EXPECT_EQ(sink_->content().workers.at({"last", 0}).locations.at(0).keys,
            (std::set<ChunkHash>{7}));
}

TEST_F(FamiliesTest, AReleaseOfAnOwnerThatWroteNothingIsNothing) {
  auto store = open();
  StoreBatch batch;
  batch.steps.emplace_back(Release{store->claim()});
  EXPECT_TRUE(committed(*store, store->write(std::move(batch))));
  EXPECT_EQ(store->statistics().familiesUsed, 0u);
}

TEST_F(FamiliesTest, CommittedWritesThatVanishEndTheProcess) {
  auto files = std::make_shared<FaultyFileSystem>();
  StoreOptions faulty = options();
  faulty.fileSystem = files;
  auto store = open(faulty);
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, numbers(0, 1000))));
  files->set(FaultyFileSystem::State::kBroken);
  const Ticket next = admit(*store, owner, content, {5000});
  ASSERT_TRUE(events_->wait(*store, [&] { return !store->health().writable; }));
  std::filesystem::resize_file(logFile(dir_ + "/data"), 0);
  files->set(FaultyFileSystem::State::kWell);
  ASSERT_TRUE(events_->wait(*store, [&] { return !events_->fatalError().empty(); }));
  EXPECT_THAT(events_->fatalError(), testing::HasSubstr("lost committed writes"));
  EXPECT_LT(events_->committed, next);
  EXPECT_NE(store->close(), "");
}

}  // namespace
}  // namespace holdfast
