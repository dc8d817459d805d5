// The pool of families.
#include <gmock/gmock.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>

#include "faulty_file_system.h"
#include "raw_store.h"
#include "store/recovery_queue.h"
#include "store/start_meter.h"
#include "store_fixture.h"
#include "tests/support/message_of.h"

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
  EXPECT_EQ(messageOf(store->close()), "");
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
  EXPECT_EQ(messageOf(store->close()), "");
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
  EXPECT_NE(messageOf(store->close()), "");
}

constexpr uint32_t kManyWorkers = 600;

// Counts syncs of table files, and files of options.
class CountingFiles : public rocksdb::FileSystemWrapper {
 public:
  CountingFiles() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "CountingFiles"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (name.find("/OPTIONS-") != std::string::npos) ++optionFiles;
    std::unique_ptr<rocksdb::FSWritableFile> made;
    const rocksdb::IOStatus status =
        FileSystemWrapper::NewWritableFile(name, options, &made, debug);
    if (!status.ok() || !name.ends_with(".sst")) {
      *file = std::move(made);
      return status;
    }
    ++tables;
    *file = std::make_unique<Table>(std::move(made), *this);
    return status;
  }

  std::atomic<uint64_t> tables{0};
  std::atomic<uint64_t> tableSyncs{0};
  std::atomic<uint64_t> optionFiles{0};

 private:
  class Table : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    Table(std::unique_ptr<rocksdb::FSWritableFile> file, CountingFiles& files)
        : FSWritableFileOwnerWrapper(std::move(file)), files_(files) {}
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      ++files_.tableSyncs;
      return FSWritableFileOwnerWrapper::Sync(options, debug);
    }

   private:
    CountingFiles& files_;
  };
};

using ManyFamiliesTest = StoreFixture;

TEST_F(ManyFamiliesTest, OpenWithoutASyncOfEach) {
  StoreOptions options = this->options();
  options.familiesFree = kManyWorkers;
  auto store = open(options);
  for (uint32_t i = 1; i < kManyWorkers; ++i) addWorker(*store, "a", i);
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  ASSERT_TRUE(committed(*store, admit(*store, owner, content, numbers(0, 100))));
  EXPECT_EQ(messageOf(store->close()), "");

  const auto files = std::make_shared<CountingFiles>();
  options.fileSystem = files;
  store = open(options);
  EXPECT_EQ(sink_->workers.size(), kManyWorkers);
  EXPECT_GE(files->tables, kManyWorkers);
  EXPECT_LE(files->tableSyncs, 100u);
  EXPECT_EQ(files->optionFiles, 0u);

  // Neither is missed in a copy.
  std::optional<CheckpointResult> copied;
  ASSERT_FALSE(
      store->checkpoint({dir_ + "/copy", ""}, [&](const CheckpointResult& r) { copied = r; }));
  ASSERT_TRUE(events_->wait(*store, [&] { return copied.has_value(); }));
  EXPECT_FALSE(copied->error) << copied->error->message;
  EXPECT_EQ(messageOf(store->checkpointNow(dir_ + "/copy2")), "");
  for (const char* copy : {"/copy", "/copy2"}) {
    StoreOptions ofCopy = this->options();
    ofCopy.dataDir = dir_ + copy;
    const auto opened = open(ofCopy);
    EXPECT_EQ(sink_->workers.size(), kManyWorkers) << copy;
    EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys, content.keys);
  }
}

TEST(StartMeterTest, ShowsThatItGoesOnWhileItWaits) {
  std::atomic<int> shown{0};
  // Would never end if nothing were shown meanwhile.
  runShowing([&] { shown.wait(0); },
             [&] {
               ++shown;
               shown.notify_all();
             });
  EXPECT_GE(shown, 1);

  RecoveryQueue queue(1);
  const auto last = queue.pop([&] {
    auto part = queue.blank(0, 0);
    part->last = true;
    queue.push(std::move(part));
  });
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(queue.pop([] {}), nullptr);
}

TEST(StartMeterTest, SaysOfAPhaseHowFarItIs) {
  std::vector<StartProgress> said;
  StoreOptions options;
  options.progress = [&](const StartProgress& progress) { said.push_back(progress); };
  StartMeter meter(options, "reading the contents", "keys", 1000);
  while (said.empty()) {
    meter.show(100);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_STREQ(said[0].phase, "reading the contents");
  EXPECT_STREQ(said[0].unit, "keys");
  EXPECT_EQ(said[0].done, 100u);
  EXPECT_EQ(said[0].total, 1000u);
  EXPECT_GE(said[0].seconds, 1);
  EXPECT_GT(said[0].secondsRemaining, said[0].seconds);
}

}  // namespace
}  // namespace holdfast
