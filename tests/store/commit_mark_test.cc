// The commit mark as a file, and what a start makes of it.
#include "format/commit_mark.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "format/registry_records.h"
#include "raw_store.h"
#include "store_fixture.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

CommitMark sampleMark(uint64_t committed) {
  CommitMark mark;
  mark.store[3] = 17;
  mark.boot = "boot";
  mark.committed = committed;
  mark.synced = committed - 1;
  mark.manifest = "MANIFEST-000004";
  mark.manifestBytes = 1000;
  mark.manifestCrc = 7;
  mark.logs = {5, 9};
  mark.endLog = 9;
  mark.base = 12;
  mark.families[2] = {{"a", OwnerKind::kWorker, 1}, {{0, 1, 2, committed * 10}}};
  mark.families[3] = {{"b", OwnerKind::kInstance, 0}, {}};
  return mark;
}

void writeFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class CommitMarkTest : public StoreFixture {
 protected:
  std::string data() const { return dir_ + "/data"; }
  std::string path() const { return data() + "/" + kCommitMarkFile; }
  CommitMark read() const {
    const ReadMark read = readCommitMark(data());
    EXPECT_EQ(read.problem, "");
    EXPECT_TRUE(read.mark.has_value());
    return read.mark.value_or(CommitMark());
  }
};

TEST_F(CommitMarkTest, EachFrameSaysWhatHasChanged) {
  CommitMark mark = sampleMark(20);
  std::string frames = encodeMarkFrame(mark, {2, 3});
  mark.committed = 30;
  mark.logs = {9};
  mark.families[2].locations[0].seq = 300;
  mark.families.erase(3);
  frames += encodeMarkFrame(mark, {2, 3});
  const auto found = decodeMark(frames);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->committed, 30u);
  EXPECT_EQ(found->logs, std::set<uint64_t>{9});
  EXPECT_EQ(found->store, mark.store);
  ASSERT_EQ(found->families.size(), 1u);
  EXPECT_EQ(found->families.at(2).owner.instance, "a");
  EXPECT_EQ(found->families.at(2).locations.at(0).seq, 300u);
}

// A process may end at any byte of a frame.
TEST_F(CommitMarkTest, ATornFrameEndsIt) {
  const std::string first = encodeMarkFrame(sampleMark(20), {2, 3});
  const std::string both = first + encodeMarkFrame(sampleMark(30), {2});
  fs::create_directories(data());
  for (size_t size = 0; size <= both.size(); ++size) {
    writeFile(path(), both.substr(0, size));
    const ReadMark read = readCommitMark(data());
    ASSERT_EQ(read.mark.has_value(), size >= first.size()) << size;
    if (!read.mark) continue;
    EXPECT_EQ(read.problem, "") << size;
    EXPECT_EQ(read.mark->committed, size == both.size() ? 30u : 20u) << size;
  }
}

// Logs that were deleted after the damage must not be called missing.
TEST_F(CommitMarkTest, BehindADamagedFrameNoLogIsPromised) {
  const std::string first = encodeMarkFrame(sampleMark(20), {2, 3});
  std::string both = first + encodeMarkFrame(sampleMark(30), {2});
  both[first.size() + 20] ^= 1;
  fs::create_directories(data());
  writeFile(path(), both);
  const ReadMark read = readCommitMark(data());
  ASSERT_TRUE(read.mark);
  EXPECT_THAT(read.problem, HasSubstr("damaged at byte " + std::to_string(first.size())));
  EXPECT_EQ(read.mark->committed, 20u);
  EXPECT_THAT(read.mark->logs, IsEmpty());
}

TEST_F(CommitMarkTest, AfterACloseItSaysAllThatWasCommitted) {
  auto store = open();
  const OwnerId one = addWorker(*store, "a", 1);
  addWorker(*store, "a", 2);
  StoredLocation content;
  for (int i = 0; i < 5; ++i) admit(*store, one, content, numbers(content.lastSeq, 100));
  ASSERT_EQ(messageOf(store->close()), "");
  const CommitMark mark = read();
  EXPECT_EQ(mark.synced, mark.committed);
  EXPECT_GE(mark.committed, 9u);
  EXPECT_EQ(mark.identity, readIdentity(data()));
  EXPECT_TRUE(fs::exists(data() + "/" + mark.manifest));
  EXPECT_LE(mark.manifestBytes, fs::file_size(data() + "/" + mark.manifest));
  std::map<uint32_t, uint64_t> seqs;
  for (const auto& [number, family] : mark.families) {
    EXPECT_EQ(family.owner.instance, "a");
    seqs[family.owner.worker] = family.locations.at(0).seq;
  }
  EXPECT_EQ(seqs, (std::map<uint32_t, uint64_t>{{1, 500}, {2, 0}}));
}

TEST_F(CommitMarkTest, WhatIsReleasedIsForgotten) {
  auto store = open();
  const OwnerId one = addWorker(*store, "a", 1);
  const OwnerId two = addWorker(*store, "a", 2);
  StoreBatch batch;
  batch.steps.emplace_back(Release{one});
  batch.steps.emplace_back(DropLocation{two, 0});
  store->write(std::move(batch));
  ASSERT_EQ(messageOf(store->close()), "");
  const CommitMark mark = read();
  ASSERT_EQ(mark.families.size(), 1u);
  EXPECT_EQ(mark.families.begin()->second.owner.worker, 2u);
  EXPECT_THAT(mark.families.begin()->second.locations, IsEmpty());
}

TEST_F(CommitMarkTest, StoresWithoutOneStart) {
  auto store = open();
  const OwnerId one = addWorker(*store, "a", 1);
  StoredLocation content;
  admit(*store, one, content, numbers(0, 100));
  ASSERT_EQ(messageOf(store->close()), "");
  fs::remove(path());
  store = open();
  EXPECT_EQ(sink_->content().workers.at({"a", 1}).locations.at(0).lastSeq, 100u);
  EXPECT_THAT(events_->logged(), Each(Not(HasSubstr("lost"))));
  EXPECT_TRUE(fs::exists(path()));
}

// An older program deletes logs without a word to the mark.
TEST_F(CommitMarkTest, ALogThatNobodyNeedsMayBeMissing) {
  auto store = open();
  const OwnerId one = addWorker(*store, "a", 1);
  StoredLocation content;
  admit(*store, one, content, numbers(0, 100));
  ASSERT_EQ(messageOf(store->close()), "");
  const std::string log = logFile(data());
  rawKeys(data());  // RocksDB writes everything to table files
  EXPECT_FALSE(fs::exists(log) && fs::file_size(log) > 0);
  store = open();
  EXPECT_EQ(sink_->content().workers.at({"a", 1}).locations.at(0).lastSeq, 100u);
  EXPECT_THAT(events_->logged(), Each(Not(HasSubstr("lost"))));
}

// What had not been synced when the machine stopped is missing, and no damage.
TEST_F(CommitMarkTest, APowerCutIsNotTakenForDamage) {
  auto store = open();
  const OwnerId one = addWorker(*store, "a", 1);
  StoredLocation content;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(committed(*store, admit(*store, one, content, numbers(content.lastSeq, 100))));
  }
  ASSERT_EQ(messageOf(store->close()), "");
  CommitMark mark = read();
  mark.boot = "an earlier one";
  mark.synced = mark.committed / 4;
  std::vector<uint32_t> families;
  for (const auto& [number, family] : mark.families) families.push_back(number);
  writeFile(path(), encodeMarkFrame(mark, families));
  const std::string log = logFile(data());
  fs::resize_file(log, fs::file_size(log) / 2);
  store = open();
  EXPECT_THAT(events_->logged(), Contains(HasSubstr("before they were on stable storage")));
  EXPECT_THAT(events_->logged(), Each(Not(HasSubstr("damaged"))));
  EXPECT_THAT(events_->logged(), Contains(HasSubstr("location 'gpu' is back at seq")));
  EXPECT_FALSE(fs::exists(data() + "/set-aside"));
}

// Bytes of a damaged log are kept, and its bad bytes are named.
TEST_F(CommitMarkTest, ADamagedLogIsNamedAndSetAside) {
  auto store = open();
  const OwnerId one = addWorker(*store, "a", 1);
  StoredLocation content;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(committed(*store, admit(*store, one, content, numbers(content.lastSeq, 100))));
  }
  ASSERT_EQ(messageOf(store->close()), "");
  const std::string log = logFile(data());
  const auto name = fs::path(log).filename();
  flipByte(log, fs::file_size(log) / 2);
  const uint64_t bytes = fs::file_size(log);
  store = open();
  const auto said = events_->logged();
  EXPECT_THAT(said, Contains(HasSubstr("of log " + name.string())));
  EXPECT_THAT(said, Contains(HasSubstr("checksum")));
  EXPECT_THAT(said, Contains(HasSubstr("location 'gpu' is back at seq")));
  EXPECT_THAT(said, Contains(HasSubstr("seq 10000 had been confirmed")));
  EXPECT_EQ(fs::file_size(fs::path(data()) / "set-aside" / name), bytes);
}

}  // namespace
}  // namespace holdfast
