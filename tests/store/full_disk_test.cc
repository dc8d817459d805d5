// The store cannot write for a while, and then can: nothing is lost, order is kept, health() says
// what is the matter.
#include <gmock/gmock.h>

#include <filesystem>

#include "faulty_file_system.h"
#include "store_fixture.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

using State = FaultyFileSystem::State;

class FailingDiskTest : public StoreFixture, public testing::WithParamInterface<State> {
 protected:
  FailingDiskTest() : files_(std::make_shared<FaultyFileSystem>()) {}

  StoreOptions faulty() {
    StoreOptions faulty = options();
    faulty.fileSystem = files_;
    return faulty;
  }
  bool waitUnwritable(RocksStore& store) {
    return events_->wait(
        store, [&] { return !events_->healths.empty() && !events_->healths.back().writable; });
  }

  std::shared_ptr<FaultyFileSystem> files_;
};

TEST_P(FailingDiskTest, WritesWaitAndGoOn) {
  auto store = open(faulty());
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, numbers(0, 100))));
  for (int round = 0; round < 3; ++round) {
    events_->healths.clear();
    files_->set(GetParam());
    const Ticket before = events_->committed;
    Ticket last = 0;
    for (int i = 0; i < 50; ++i) {
      last = admit(*store, owner, content, numbers(content.lastSeq + 1000, 10));
    }
    ASSERT_TRUE(waitUnwritable(*store));
    EXPECT_THAT(store->health().reason, testing::HasSubstr(dir_ + "/data"));
    EXPECT_EQ(store->health().reason.find("free space") != std::string::npos,
              GetParam() == State::kFull);
    const uint64_t failures = files_->failures();
    ASSERT_TRUE(events_->wait(*store, [&] { return files_->failures() > failures + 2; }));
    EXPECT_EQ(events_->committed, before);
    files_->set(State::kWell);
    ASSERT_TRUE(committed(*store, last));
    ASSERT_TRUE(events_->wait(*store, [&] { return events_->healths.back().writable; }));
    EXPECT_TRUE(store->health().writable);
    EXPECT_EQ(events_->fatalError(), "");
  }
  EXPECT_EQ(messageOf(store->close()), "");
  open();
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  const StoredLocation found = sink_->content().workers.at({"a", 0}).locations.at(0);
  EXPECT_EQ(found.keys, content.keys);
  EXPECT_EQ(found.lastSeq, content.lastSeq);
}

TEST_P(FailingDiskTest, WhatWasWrittenAfterwardsSurvivesAKill) {
  auto store = open(faulty());
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, numbers(0, 100))));
  files_->set(GetParam());
  Ticket last = admit(*store, owner, content, numbers(1000, 100));
  ASSERT_TRUE(waitUnwritable(*store));
  files_->set(State::kWell);
  ASSERT_TRUE(committed(*store, last));
  // A torn record of the failure must not hide these.
  last = admit(*store, owner, content, numbers(2000, 100));
  ASSERT_TRUE(committed(*store, last));
  files_->set(State::kDead);
  store.reset();
  open();
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys, content.keys);
}

TEST_P(FailingDiskTest, FailureInTheFirstWriteOfAll) {
  auto store = open(faulty());
  files_->set(GetParam());
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  const Ticket last = admit(*store, owner, content, numbers(0, 10));
  ASSERT_TRUE(waitUnwritable(*store));
  files_->set(State::kWell);
  ASSERT_TRUE(committed(*store, last));
  files_->set(State::kDead);
  store.reset();
  open();
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys, content.keys);
}

TEST_P(FailingDiskTest, FamiliesAreMadeWhenTheDiskIsWell) {
  auto store = open(faulty());
  ASSERT_TRUE(committed(*store, store->write({})));
  files_->set(GetParam());
  StoreBatch batch;
  for (uint32_t i = 0; i < 40; ++i) {
    PutWorker put;
    put.owner = store->claim();
    put.record.instance = "a";
    put.record.worker = i;
    batch.steps.emplace_back(put);
  }
  const Ticket last = store->write(std::move(batch));
  ASSERT_TRUE(waitUnwritable(*store));
  files_->set(State::kWell);
  ASSERT_TRUE(committed(*store, last));
  store.reset();
  open();
  EXPECT_EQ(sink_->workers.size(), 40u);
}

TEST_P(FailingDiskTest, CloseGivesUpAndSaysSo) {
  auto store = open(faulty());
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, {1, 2, 3})));
  files_->set(GetParam());
  admit(*store, owner, content, {4, 5});
  ASSERT_TRUE(waitUnwritable(*store));
  EXPECT_THAT(messageOf(store->close()), testing::HasSubstr("cannot write"));
  files_->set(State::kWell);
  open();
  const auto keys = sink_->content().workers.at({"a", 0}).locations.at(0).keys;
  EXPECT_GE(keys.size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Disk, FailingDiskTest, testing::Values(State::kFull, State::kBroken),
                         [](const auto& test) {
                           return test.param == State::kFull ? "Full" : "Broken";
                         });

class FullAtStartTest : public FailingDiskTest {
 protected:
  // Workers with content, some of it in the log only, and leftovers that a start deletes.
  std::set<ChunkHash> makeStore() {
    auto store = open();
    const OwnerId owner = addWorker(*store, "a", 0);
    StoredLocation content;
    EXPECT_TRUE(committed(*store, admit(*store, owner, content, numbers(0, 100))));
    store.reset();
    store = open();
    addWorker(*store, "b", 0);
    StoreBatch release;
    release.steps.emplace_back(Release{addWorker(*store, "c", 0)});
    EXPECT_TRUE(committed(*store, store->write(std::move(release))));
    EXPECT_EQ(messageOf(store->close()), "");
    return content.keys;
  }
};

TEST_P(FullAtStartTest, IsReadAndWritesWaitUntilThereIsRoom) {
  const std::set<ChunkHash> keys = makeStore();
  files_->set(State::kFull);
  auto store = open(faulty());
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys, keys);
  EXPECT_EQ(sink_->workers.size(), 2u);
  const OwnerId owner = addWorker(*store, "d", 0);
  StoredLocation content;
  const Ticket last = admit(*store, owner, content, numbers(0, 10));
  ASSERT_TRUE(waitUnwritable(*store));
  EXPECT_THAT(store->health().reason, testing::HasSubstr("free space on that disk"));
  files_->set(State::kWell);
  ASSERT_TRUE(committed(*store, last));
  ASSERT_TRUE(events_->wait(*store, [&] { return events_->healths.back().writable; }));
  ASSERT_TRUE(events_->wait(*store, [&] { return store->statistics().lastSyncAgeMs == 0; }));
  EXPECT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(events_->fatalError(), "");
  open();
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys, keys);
  EXPECT_EQ(sink_->content().workers.at({"d", 0}).locations.at(0).keys, content.keys);
}

TEST_P(FullAtStartTest, ItEndsWithNothingLostIfNothingWasQueued) {
  const std::set<ChunkHash> keys = makeStore();
  files_->set(State::kFull);
  auto store = open(faulty());
  EXPECT_THAT(messageOf(store->checkpointNow(dir_ + "/copy")), testing::HasSubstr("is full"));
  EXPECT_EQ(messageOf(store->close()), "");
  open();
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys, keys);
}

INSTANTIATE_TEST_SUITE_P(Disk, FullAtStartTest, testing::Values(State::kFull),
                         [](const auto&) { return "Full"; });

// As when a disk is unmounted, or somebody removes the directory.
class LostDirectoryTest : public StoreFixture, public testing::WithParamInterface<WalSync> {
 protected:
  StoreOptions withSync() const {
    StoreOptions options = this->options();
    options.walSync = GetParam();
    options.syncInterval = std::chrono::milliseconds(1);
    return options;
  }
  void takeAway() { std::filesystem::rename(dir_ + "/data", dir_ + "/away"); }
  void bringBack() { std::filesystem::rename(dir_ + "/away", dir_ + "/data"); }
  bool waitWritable(RocksStore& store, bool writable) {
    return events_->wait(store, [&] {
      return !events_->healths.empty() && events_->healths.back().writable == writable;
    });
  }
};

TEST_P(LostDirectoryTest, IsNoticedAndWritesGoOnWhenItIsBack) {
  auto store = open(withSync());
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, numbers(0, 100))));
  takeAway();
  // Without a write that could fail.
  ASSERT_TRUE(waitWritable(*store, false));
  EXPECT_THAT(store->health().reason, testing::HasSubstr("the data directory cannot be reached"));
  const Ticket last = admit(*store, owner, content, numbers(1000, 100));
  bringBack();
  ASSERT_TRUE(committed(*store, last));
  ASSERT_TRUE(waitWritable(*store, true));
  EXPECT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(events_->fatalError(), "");
  open();
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys, content.keys);
}

TEST_P(LostDirectoryTest, NothingIsWrittenIntoAnotherOneInItsPlace) {
  auto store = open(withSync());
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, numbers(0, 100))));
  takeAway();
  std::filesystem::create_directory(dir_ + "/data");
  ASSERT_TRUE(waitWritable(*store, false));
  EXPECT_THAT(store->health().reason, testing::HasSubstr("is not the one that was opened"));
  admit(*store, owner, content, numbers(1000, 100));
  EXPECT_THAT(messageOf(store->close()), testing::HasSubstr("is not the one that was opened"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_ + "/data"));
  EXPECT_EQ(events_->fatalError(), "");
}

INSTANTIATE_TEST_SUITE_P(Disk, LostDirectoryTest,
                         testing::Values(WalSync::kInterval, WalSync::kAlways, WalSync::kNever),
                         [](const auto& test) {
                           return test.param == WalSync::kInterval ? "Interval"
                                  : test.param == WalSync::kAlways ? "Always"
                                                                   : "Never";
                         });

using FailingSyncTest = FailingDiskTest;

TEST_P(FailingSyncTest, SyncedBatchWaitsForTheDisk) {
  auto store = open(faulty());
  ASSERT_TRUE(committed(*store, store->write({})));
  files_->setSyncsFail(true);
  StoreBatch batch;
  batch.synced = true;
  PutWorker put;
  put.owner = store->claim();
  put.record.instance = "a";
  batch.steps.emplace_back(put);
  const Ticket ticket = store->write(std::move(batch));
  ASSERT_TRUE(waitUnwritable(*store));
  EXPECT_LT(events_->committed, ticket);
  files_->setSyncsFail(false);
  ASSERT_TRUE(committed(*store, ticket));
  EXPECT_EQ(events_->fatalError(), "");
}

TEST_P(FailingSyncTest, AFailedIntervalSyncIsRepeated) {
  StoreOptions options = faulty();
  options.syncInterval = std::chrono::milliseconds(1);
  auto store = open(options);
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, {1, 2, 3})));
  files_->setSyncsFail(true);
  const Ticket last = admit(*store, owner, content, {4, 5, 6});
  ASSERT_TRUE(waitUnwritable(*store));
  files_->setSyncsFail(false);
  ASSERT_TRUE(events_->wait(*store, [&] { return events_->healths.back().writable; }))
      << testing::PrintToString(events_->logged());
  ASSERT_TRUE(committed(*store, last));
  ASSERT_TRUE(events_->wait(*store, [&] { return store->statistics().lastSyncAgeMs == 0; }));
  files_->set(State::kDead);
  store.reset();
  files_->losePower();
  open();
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys, content.keys);
}

INSTANTIATE_TEST_SUITE_P(Disk, FailingSyncTest, testing::Values(State::kWell),
                         [](const auto&) { return "Syncs"; });

}  // namespace
}  // namespace holdfast
