// Damaged files: what can be read is served, what cannot is reported, nothing else is touched.
#include <gmock/gmock.h>

#include <filesystem>

#include "format/keys.h"
#include "format/registry_records.h"
#include "raw_store.h"
#include "store_fixture.h"
#include "sync_steps.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

class DamageTest : public StoreFixture {
 protected:
  // Worker i of instance "a" holds 1000 keys from i * 1000, all in table files.
  void fill(uint32_t workers) {
    auto store = open();
    StoreBatch batch;
    batch.steps.emplace_back(PutInstance{store->claim(), {"a", 8, 0}});
    store->write(std::move(batch));
    for (uint32_t i = 0; i < workers; ++i) {
      const OwnerId owner = addWorker(*store, "a", i);
      StoredLocation content;
      admit(*store, owner, content, numbers(uint64_t{i} * 1000, 1000));
    }
    ASSERT_EQ(messageOf(store->close()), "");
    // A start brings what is in the log to table files.
    ASSERT_EQ(messageOf(open()->close()), "");
  }
  // A sync of worker 1 of 3, all in table files: built, or switched to.
  void sync(bool switched) {
    fill(3);
    auto store = open();
    SyncSteps sync(*store, 2);
    sync.start({numbers(5000, 100), numbers(6000, 100), numbers(7000, 100)});
    sync.batches();
    sync.report({1, 2, 3});
    if (switched) sync.switchOver();
    ASSERT_EQ(messageOf(store->close()), "");
    ASSERT_EQ(messageOf(open()->close()), "");
    ASSERT_THAT(sink_->damages, testing::IsEmpty());
    ASSERT_THAT(sink_->faults, testing::IsEmpty());
  }
  // The instance has the first family, its workers the next.
  std::string tableOf(uint32_t family) {
    const auto files = tableFiles(data(), familyName(family));
    EXPECT_EQ(files.size(), 1u);
    return files.empty() ? "" : files.front();
  }
  std::string data() const { return dir_ + "/data"; }
  std::string damage_;  // what was said of worker 1

  // Worker 1 is damaged, 0 and 2 are well; it is released and comes back in a fresh family.
  void expectWorkerQuarantined() {
    auto store = open();
    ASSERT_NE(store, nullptr);
    ASSERT_EQ(sink_->damages.size(), 1u);
    EXPECT_TRUE(sink_->damages[0].isWorker);
    EXPECT_EQ(sink_->damages[0].instance, "a");
    EXPECT_EQ(sink_->damages[0].worker, 1u);
    damage_ = sink_->damages[0].reason;
    StoredContent content = sink_->content();
    EXPECT_EQ(content.workers.size(), 2u);
    EXPECT_EQ(content.workers.at({"a", 0}).locations.at(0).keys.size(), 1000u);
    EXPECT_EQ(content.workers.at({"a", 2}).locations.at(0).keys.size(), 1000u);
    EXPECT_EQ(content.instances.size(), 1u);
    // It is kept until somebody lets go of it.
    ASSERT_EQ(messageOf(store->close()), "");
    store = open();
    ASSERT_EQ(sink_->damages.size(), 1u);

    StoreBatch batch;
    batch.steps.emplace_back(Release{sink_->damages[0].owner});
    store->write(std::move(batch));
    const OwnerId owner = addWorker(*store, "a", 1);
    StoredLocation fresh;
    ASSERT_TRUE(committed(*store, admit(*store, owner, fresh, {1, 2, 3})));
    EXPECT_TRUE(store->health().writable);
    ASSERT_EQ(messageOf(store->close()), "");
    store = open();
    ASSERT_NE(store, nullptr);
    EXPECT_THAT(sink_->damages, testing::IsEmpty());
    EXPECT_THAT(sink_->faults, testing::IsEmpty());
    content = sink_->content();
    EXPECT_EQ(content.workers.size(), 3u);
    EXPECT_EQ(content.workers.at({"a", 1}).locations.at(0).keys.size(), 3u);
    ASSERT_EQ(messageOf(store->close()), "");
    // The damaged family is gone, so that a strict open is possible again.
    EXPECT_GT(rawKeys(data()).size(), 4u);
  }
};

TEST_F(DamageTest, AFlippedByteInATableFileQuarantinesItsWorker) {
  fill(3);
  const std::string file = tableOf(2);
  flipByte(file, std::filesystem::file_size(file) / 2);
  expectWorkerQuarantined();
}

TEST_F(DamageTest, AFlippedByteInTheFooterQuarantinesItsWorker) {
  fill(3);
  const std::string file = tableOf(2);
  flipByte(file, std::filesystem::file_size(file) - 3);
  expectWorkerQuarantined();
}

TEST_F(DamageTest, AMissingTableFileQuarantinesItsWorker) {
  fill(3);
  std::filesystem::remove(tableOf(2));
  expectWorkerQuarantined();
}

TEST_F(DamageTest, ATruncatedTableFileQuarantinesItsWorker) {
  fill(3);
  const std::string file = tableOf(2);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  expectWorkerQuarantined();
}

TEST_F(DamageTest, AFlippedByteInABatchQuarantinesItsWorker) {
  sync(false);
  const auto files = tableFiles(data(), familyName(2));
  ASSERT_EQ(files.size(), 2u);
  const std::string& file = std::max(files[0], files[1]);
  flipByte(file, std::filesystem::file_size(file) / 2);
  expectWorkerQuarantined();
}

TEST_F(DamageTest, ABatchThatDoesNotDecodeQuarantinesItsWorker) {
  sync(false);
  rawPut(data(), familyName(2), std::string(batchKey({0, 2, 1}).view()), "12345678");
  expectWorkerQuarantined();
  EXPECT_EQ(damage_, "batch 1 of the full sync of location gpu is damaged");
}

TEST_F(DamageTest, ABatchThatDoesNotDecodeAfterTheSwitchQuarantinesItsWorker) {
  sync(true);
  rawPut(data(), familyName(2), std::string(batchKey({0, 2, 2}).view()), "123");
  expectWorkerQuarantined();
  EXPECT_EQ(damage_, "batch 2 of the full sync of location gpu is damaged");
}

TEST_F(DamageTest, ABatchBeyondItsSyncQuarantinesItsWorker) {
  sync(false);
  rawPut(data(), familyName(2), std::string(batchKey({0, 2, 3}).view()),
         rawGet(data(), familyName(2), std::string(batchKey({0, 2, 1}).view())));
  expectWorkerQuarantined();
  EXPECT_EQ(damage_, "batch 3 of the full sync of location gpu is beyond its 3");
}

TEST_F(DamageTest, AMissingBatchQuarantinesItsWorkerAfterTheSwitch) {
  sync(true);
  rawErase(data(), familyName(2), std::string(batchKey({0, 2, 1}).view()));
  expectWorkerQuarantined();
  EXPECT_EQ(damage_, "batch 1 of the full sync of location gpu is missing");
}

// There is no telling how many there were, but how many keys they had.
TEST_F(DamageTest, AMissingLastBatchIsFoundByWhatTheRecordSays) {
  sync(true);
  rawErase(data(), familyName(2), std::string(batchKey({0, 2, 2}).view()));
  auto store = open();
  EXPECT_THAT(sink_->faults, testing::ElementsAre(testing::HasSubstr("count and digest")));
}

TEST_F(DamageTest, AMissingBatchOfASyncUnderWayIsSentAgain) {
  sync(false);
  rawErase(data(), familyName(2), std::string(batchKey({0, 2, 1}).view()));
  auto store = open();
  EXPECT_THAT(sink_->damages, testing::IsEmpty());
  const StoredContent content = sink_->content();
  const auto& building = content.workers.at({"a", 1}).locations.at(0).building;
  ASSERT_TRUE(building.has_value());
  EXPECT_EQ(building->batches.size(), 2u);
  EXPECT_FALSE(building->batches.contains(1));
}

TEST_F(DamageTest, APinThatCannotBeReadQuarantinesItsWorker) {
  fill(3);
  rawPut(data(), familyName(2), std::string(pinKey({0, 3}).view()), "?");
  expectWorkerQuarantined();
  EXPECT_EQ(damage_, "a pin of location gpu is damaged");
}

TEST_F(DamageTest, PinsOfNoLocationAreDeleted) {
  fill(3);
  const PinRecord record{"event", 1, 0};
  for (const uint16_t location : {uint16_t{0}, uint16_t{7}}) {
    rawPut(data(), familyName(2), std::string(pinKey({location, 3}).view()), encodeRecord(record));
  }
  {
    auto store = open();
    EXPECT_THAT(sink_->damages, testing::IsEmpty());
    EXPECT_EQ(sink_->content().workers.at({"a", 1}).locations.at(0).pins.at(3), record);
    ASSERT_EQ(messageOf(store->close()), "");
  }
  const auto keys = rawKeys(data()).at(familyName(2));
  EXPECT_THAT(keys, testing::Contains(std::string(pinKey({0, 3}).view())));
  EXPECT_THAT(keys, testing::Not(testing::Contains(std::string(pinKey({7, 3}).view()))));
}

TEST_F(DamageTest, ADamagedInstanceIsReported) {
  fill(1);
  const std::string file = tableOf(0);
  flipByte(file, 5);
  auto store = open();
  ASSERT_NE(store, nullptr);
  ASSERT_EQ(sink_->damages.size(), 1u);
  EXPECT_FALSE(sink_->damages[0].isWorker);
  EXPECT_EQ(sink_->damages[0].instance, "a");
  EXPECT_EQ(sink_->content().workers.size(), 1u);
}

// As when the log with the owner records is damaged and the rest is in table files already.
TEST_F(DamageTest, AFamilyThatHasLostItsOwnerFindsItByItsOwnRecords) {
  fill(3);
  rawErase(data(), "default", ownerKey(familyName(1)));
  std::filesystem::remove(tableOf(3));
  auto store = open();
  ASSERT_NE(store, nullptr);
  ASSERT_EQ(sink_->damages.size(), 1u);
  EXPECT_EQ(sink_->damages[0].worker, 2u);
  const StoredContent content = sink_->content();
  ASSERT_EQ(content.workers.size(), 2u);
  EXPECT_EQ(content.workers.at({"a", 0}).locations.at(0).keys.size(), 1000u);
  EXPECT_THAT(events_->logged(), testing::Contains(testing::HasSubstr("had lost its owner")));
}

// A fresh worker must not inherit them.
TEST_F(DamageTest, RecordsOfNobodyAreNotGivenToTheNextOwner) {
  fill(2);
  rawPut(data(), familyName(3), std::string(locationKey(5).view()),
         encodeRecord(emptyLocation(5, "cpu", 9)));
  std::filesystem::remove(tableOf(2));
  {
    auto store = open();
    ASSERT_NE(store, nullptr);
    for (uint32_t i = 10; i < 16; ++i) addWorker(*store, "b", i);
    ASSERT_EQ(messageOf(store->close()), "");
  }
  ASSERT_NE(open(), nullptr);
  for (const auto& [id, worker] : sink_->content().workers) {
    EXPECT_EQ(worker.locations.size(), 1u) << id.second;
  }
}

TEST_F(DamageTest, CompactionsLeaveADamagedFamilyAlone) {
  fill(2);
  // With the next flush there are so many table files that RocksDB compacts them, at once.
  for (int i = 0; i < 3; ++i) {
    auto store = open();
    StoredLocation first = sink_->contents.at(1).at(0);
    StoredLocation second = sink_->contents.at(2).at(0);
    admit(*store, 1, first, numbers(first.lastSeq + 5000, 10));
    admit(*store, 2, second, numbers(second.lastSeq + 5000, 10));
    // Overlapping tables: others would only be moved.
    StoreBatch batch;
    batch.steps.emplace_back(PutWorker{2, sink_->workers.at(2).first});
    store->write(std::move(batch));
    ASSERT_EQ(messageOf(store->close()), "");
  }
  const auto files = tableFiles(data(), familyName(2));
  ASSERT_GE(files.size(), 4u);
  for (const std::string& file : files) flipByte(file, 20);
  auto store = open();
  ASSERT_EQ(sink_->damages.size(), 1u);
  StoredLocation content = sink_->contents.at(1).at(0);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(committed(*store, admit(*store, 1, content, numbers(content.lastSeq + 9000, 100))));
  }
  EXPECT_TRUE(store->health().writable);
  EXPECT_THAT(events_->healths, testing::IsEmpty());
}

TEST_F(DamageTest, ADamagedLogIsCutThere) {
  auto store = open();
  const OwnerId one = addWorker(*store, "a", 1);
  const OwnerId two = addWorker(*store, "a", 2);
  StoredLocation first;
  StoredLocation second;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(committed(*store, admit(*store, one, first, numbers(first.lastSeq, 100))));
    ASSERT_TRUE(committed(*store, admit(*store, two, second, numbers(second.lastSeq, 100))));
  }
  ASSERT_EQ(messageOf(store->close()), "");
  const std::string log = logFile(data());
  flipByte(log, std::filesystem::file_size(log) / 2);
  store = open();
  ASSERT_NE(store, nullptr);
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_THAT(sink_->damages, testing::IsEmpty());
  const StoredContent content = sink_->content();
  const uint64_t left = content.workers.at({"a", 1}).locations.at(0).lastSeq;
  const uint64_t right = content.workers.at({"a", 2}).locations.at(0).lastSeq;
  EXPECT_GT(left, 2000u);
  EXPECT_LT(left, 8000u);
  EXPECT_LE(left - right, 100u);
}

// Its first block is lost, what is behind that can be read.
TEST_F(DamageTest, NothingIsTakenOfALogWhoseBeginIsDamaged) {
  fill(2);
  auto store = open();
  for (const OwnerId owner : {1, 2}) {
    StoredLocation content = sink_->contents.at(owner).at(0);
    for (int i = 0; i < 100; ++i) {
      admit(*store, owner, content, numbers(uint64_t{owner} * 100'000 + content.lastSeq, 100));
    }
  }
  ASSERT_EQ(messageOf(store->close()), "");
  const std::string log = logFile(data());
  ASSERT_GT(std::filesystem::file_size(log), 100'000u);
  flipByte(log, 100);
  store = open();
  ASSERT_NE(store, nullptr);
  EXPECT_THAT(sink_->faults, testing::IsEmpty());
  EXPECT_THAT(sink_->damages, testing::IsEmpty());
  const StoredContent content = sink_->content();
  for (uint32_t worker = 0; worker < 2; ++worker) {
    EXPECT_EQ(content.workers.at({"a", worker}).locations.at(0).lastSeq, 1000u) << worker;
  }
  EXPECT_THAT(
      events_->logged(),
      testing::Contains(testing::HasSubstr(std::filesystem::path(log).filename().string())));
}

// The oldest log is needed by workers 0 and 2, the one behind it by all: what they hold is 1000
// keys in table files, 100 in the one log and 100 in the other; of worker 1 the first are in table
// files, too.
class OldestLogTest : public DamageTest {
 protected:
  static constexpr size_t kKeys = 100;

  void SetUp() override {
    fill(3);
    goOn();
    const std::string later = dir_ + "/later";
    std::filesystem::copy(data(), later, std::filesystem::copy_options::recursive);
    oldest_ = logFile(data());
    std::filesystem::rename(data(), dir_ + "/kept");
    std::filesystem::rename(later, data());
    goOn();
    rows_ = rawRows(data());
    std::erase_if(rows_, [](const auto& family) {
      return family.first != familyName(1) && family.first != familyName(2) &&
             family.first != familyName(3);
    });
    flushThenGoOn({familyName(2)});
    ASSERT_TRUE(std::filesystem::exists(oldest_));
  }
  void flushThenGoOn(const std::set<std::string>& flushed) {
    std::filesystem::remove_all(data());
    std::filesystem::copy(dir_ + "/kept", data(), std::filesystem::copy_options::recursive);
    rawGoOn(data(), rows_, flushed);
    ASSERT_GT(logFile(data()), oldest_);
  }
  // Another report of each worker.
  void goOn() {
    auto store = open();
    for (const OwnerId owner : {1, 2, 3}) {
      StoredLocation content = sink_->contents.at(owner).at(0);
      admit(*store, owner, content, numbers(uint64_t{owner} * 100'000 + content.lastSeq, kKeys));
    }
    ASSERT_EQ(messageOf(store->close()), "");
  }
  uint64_t seqOf(uint32_t worker) {
    const auto content = sink_->content();
    return content.workers.at({"a", worker}).locations.at(0).lastSeq;
  }
  // Workers 0 and 2 are as they were before the log, worker 1 has everything.
  void expectBehind() {
    auto store = open();
    ASSERT_NE(store, nullptr);
    EXPECT_THAT(sink_->damages, testing::IsEmpty());
    EXPECT_THAT(sink_->faults, testing::IsEmpty());
    ASSERT_EQ(sink_->content().workers.size(), 3u);
    EXPECT_EQ(seqOf(0), 1000u);
    EXPECT_EQ(seqOf(1), 1000u + 2 * kKeys);
    EXPECT_EQ(seqOf(2), 1000u);
    const auto log = std::filesystem::path(oldest_).filename().string();
    for (const std::string& said :
         {log, std::string("worker 0: location 'gpu' is back at seq 1000; seq 1100"),
          std::string("worker 2: location 'gpu' is back at seq 1000; seq 1100")}) {
      EXPECT_THAT(events_->logged(), testing::Contains(testing::HasSubstr(said)));
    }
  }
  uint64_t oldestBytes() const { return std::filesystem::file_size(oldest_); }

  std::string oldest_;
  RawRows rows_;  // of the workers, with what is in the later log
};

TEST_F(OldestLogTest, IsReadWhereItIsWhole) {
  auto store = open();
  ASSERT_NE(store, nullptr);
  for (uint32_t worker = 0; worker < 3; ++worker) EXPECT_EQ(seqOf(worker), 1000u + 2 * kKeys);
  EXPECT_THAT(events_->logged(), testing::Not(testing::Contains(testing::HasSubstr("lost"))));
}

TEST_F(OldestLogTest, IsMissedWhereItsFirstRecordIsDamaged) {
  // The damage takes the rest of the block with it, which is all that there is.
  flipByte(oldest_, 100);
  expectBehind();
}

TEST_F(OldestLogTest, IsMissedWhereTheNumberOfItsFirstWriteIsDamaged) {
  flipByte(oldest_, 14);
  expectBehind();
}

TEST_F(OldestLogTest, IsMissedWhereItIsCutInItsFirstRecord) {
  std::filesystem::resize_file(oldest_, 100);
  expectBehind();
}

TEST_F(OldestLogTest, IsMissedWhereNothingIsLeftOfIt) {
  std::filesystem::resize_file(oldest_, 0);
  expectBehind();
}

TEST_F(OldestLogTest, IsMissedWhereItIsZeroes) {
  const uint64_t bytes = oldestBytes();
  std::filesystem::resize_file(oldest_, 0);
  std::filesystem::resize_file(oldest_, bytes);
  expectBehind();
}

// Families without content seem to need it: RocksDB keeps no account of them.
TEST_F(OldestLogTest, IsNotMissedWhereAllIsInTableFiles) {
  flushThenGoOn({"default", familyName(1), familyName(2), familyName(3)});
  ASSERT_FALSE(std::filesystem::exists(oldest_));
  // The process was killed before it could delete it.
  std::filesystem::copy_file(dir_ + "/kept/" + std::filesystem::path(oldest_).filename().string(),
                             oldest_);
  auto store = open();
  ASSERT_NE(store, nullptr);
  for (uint32_t worker = 0; worker < 3; ++worker) EXPECT_EQ(seqOf(worker), 1000u + 2 * kKeys);
  EXPECT_THAT(events_->logged(), testing::Not(testing::Contains(testing::HasSubstr("lost"))));
}

}  // namespace
}  // namespace holdfast
