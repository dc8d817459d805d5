// Copies that a controller gives: how many, of what, and when they end.
#include "peering/store_copies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "store/copy_manifest.h"
#include "store/staged_directory.h"
#include "tests/support/manual_clock.h"
#include "tests/support/recorded_notices.h"
#include "tests/support/scratch.h"
#include "wire/errors.h"

namespace holdfast::peering {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

const std::string kTable(3'000'000, 't');
constexpr uint32_t kTableFile = 1;
constexpr uint64_t kIdleMs = 60'000;

// As a checkpoint would: a table, and what names it.
void makeCopy(const std::string& path) {
  auto staged = StagedDirectory::begin(path);
  ASSERT_TRUE(staged.ok()) << staged.error().message;
  CopyManifest manifest;
  manifest.clusterId = std::string(32, 'a');
  manifest.format = 3;
  manifest.sequence = 99;
  for (const auto& [name, content] :
       {std::pair<std::string, std::string>{"CURRENT", "MANIFEST-000001\n"},
        {"000002.sst", kTable}}) {
    std::ofstream(staged.value()->directory() + "/" + name) << content;
    FileChecksum sum;
    sum.add(content.data(), content.size());
    manifest.files.push_back({name, content.size(), sum.hex()});
  }
  EXPECT_FALSE(staged.value()->publish(manifest));
}

class StoreCopiesTest : public testing::Test {
 protected:
  StoreCopiesTest() { open(); }
  ~StoreCopiesTest() noexcept override = default;

  void open() {
    copies_.reset();
    copies_ = std::make_unique<StoreCopies>(
        StoreCopiesOptions{.dataDir = scratch_.path().string(), .copiesMax = 2, .idleMs = kIdleMs},
        [this](const std::string& path,
               std::function<void(const std::optional<Error>&)> done) -> std::optional<Error> {
          if (refusal_) return refusal_;
          if (later_) {
            waiting_ = {path, std::move(done)};
            return std::nullopt;
          }
          makeCopy(path);
          done(std::nullopt);
          return std::nullopt;
        },
        clock_, notices_);
  }
  kj::Own<StoreCopy> give() { return copies_->give("'c2' (10.0.0.7:555)").wait(io_.waitScope); }
  template <typename T>
  std::string errorOf(kj::Promise<T> promise) {
    try {
      promise.wait(io_.waitScope);
    } catch (const kj::Exception& e) {
      return e.getDescription().cStr();
    }
    return "no error";
  }
  std::string readError(StoreCopy& copy, uint32_t file, uint64_t offset, uint32_t length) {
    return errorOf(copy.read(file, offset, length));
  }
  fs::path root() const { return scratch_.path() / "copies"; }
  // Turns the loop until its thread has done so.
  bool eventuallyEmpty() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::error_code none;
    while (fs::exists(root()) && !fs::is_empty(root(), none)) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io_.waitScope.poll();
    }
    return true;
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  test::Scratch scratch_;
  test::ManualClock clock_;
  test::RecordedNotices notices_;
  std::optional<Error> refusal_;
  bool later_ = false;
  struct Waiting {
    std::string path;
    std::function<void(const std::optional<Error>&)> done;
  } waiting_;
  std::unique_ptr<StoreCopies> copies_;
};

TEST_F(StoreCopiesTest, GivesTheFilesAndRemovesThemAtItsEnd) {
  auto copy = give();
  const StoreCopyFacts& facts = copy->facts();
  EXPECT_EQ(facts.sequence, 99u);
  EXPECT_EQ(facts.format, 3u);
  ASSERT_EQ(facts.files.size(), 2u);
  EXPECT_EQ(facts.files[kTableFile].name, "000002.sst");
  EXPECT_EQ(facts.files[kTableFile].bytes, kTable.size());
  const auto first = copy->read(0, 0, 16).wait(io_.waitScope);
  EXPECT_EQ(std::string(first.begin(), first.end()), "MANIFEST-000001\n");
  const auto middle = copy->read(kTableFile, 2'000'000, 1'000'000).wait(io_.waitScope);
  EXPECT_EQ(std::string(middle.begin(), middle.end()), kTable.substr(2'000'000));
  EXPECT_FALSE(fs::is_empty(root()));
  clock_.nowMs += 250;
  copy = nullptr;
  EXPECT_TRUE(eventuallyEmpty());
  EXPECT_EQ(notices_.last<notice::CopyGiven>().caller, "'c2' (10.0.0.7:555)");
  const auto ended = notices_.last<notice::CopyEnded>();
  EXPECT_EQ(ended.bytesRead, 1'000'016u);
  EXPECT_EQ(ended.bytes, kTable.size() + 16);
  EXPECT_EQ(ended.ms, 250u);
  EXPECT_FALSE(ended.idle);
}

TEST_F(StoreCopiesTest, NothingIsReadThatIsNotInIt) {
  std::ofstream(scratch_.path() / "secret") << "secret";
  auto copy = give();
  const uint64_t bytes = kTable.size();
  EXPECT_THAT(readError(*copy, 2, 0, 1), HasSubstr("invalid: there is no file 2"));
  EXPECT_THAT(readError(*copy, ~0u, 0, 1), HasSubstr("there is no file"));
  EXPECT_THAT(readError(*copy, kTableFile, bytes, 1), HasSubstr("3000000 bytes"));
  EXPECT_THAT(readError(*copy, kTableFile, bytes - 1, 2), HasSubstr("3000000 bytes"));
  EXPECT_THAT(readError(*copy, kTableFile, ~uint64_t{0}, 2), HasSubstr("3000000 bytes"));
  EXPECT_THAT(readError(*copy, kTableFile, 0, 0), HasSubstr("1 to 1048576 bytes"));
  EXPECT_THAT(readError(*copy, kTableFile, 0, kCopyReadBytesMax + 1), HasSubstr("1 to 1048576"));
  EXPECT_EQ(readError(*copy, kTableFile, bytes - 1, 1), "no error");
}

TEST_F(StoreCopiesTest, TwoAtOnceAreTheLimit) {
  auto one = give();
  later_ = true;
  auto made = copies_->give("b");
  EXPECT_THAT(errorOf(copies_->give("c")),
              HasSubstr("unavailable: this controller gives 2 copies of its store already"));
  one = nullptr;
  later_ = false;
  auto next = give();
  EXPECT_EQ(copies_->count(), 2u);
}

TEST_F(StoreCopiesTest, ReadsUnderWayAreBounded) {
  auto copy = give();
  std::vector<kj::Promise<kj::Array<kj::byte>>> reads;
  for (uint32_t i = 0; i < kCopyReadsMax; ++i) reads.push_back(copy->read(kTableFile, i, 1));
  EXPECT_THAT(readError(*copy, kTableFile, 0, 1), HasSubstr("unavailable: more than 16 reads"));
  for (auto& read : reads) read.wait(io_.waitScope);
  EXPECT_EQ(readError(*copy, kTableFile, 0, 1), "no error");
}

TEST_F(StoreCopiesTest, OneOfWhichNothingIsAskedIsGivenUp) {
  auto copy = give();
  clock_.nowMs += kIdleMs - 1;
  copies_->tick();
  EXPECT_EQ(readError(*copy, 0, 0, 1), "no error") << "that was in time, and counts";
  clock_.nowMs += kIdleMs - 1;
  copies_->tick();
  EXPECT_EQ(copies_->count(), 1u);
  clock_.nowMs += 1;
  copies_->tick();
  EXPECT_EQ(copies_->count(), 0u);
  EXPECT_THAT(readError(*copy, 0, 0, 1), HasSubstr("unavailable: this copy was given up"));
  EXPECT_TRUE(notices_.last<notice::CopyEnded>().idle);
  EXPECT_TRUE(eventuallyEmpty());
  copy = nullptr;
  EXPECT_EQ(notices_.count<notice::CopyEnded>(), 1u);
}

TEST_F(StoreCopiesTest, WhatAKilledProcessLeftIsRemoved) {
  auto copy = give();
  fs::create_directories(root() / "7");
  std::ofstream(root() / "7" / "000001.sst") << "left";
  copy = nullptr;
  open();
  later_ = true;
  EXPECT_TRUE(eventuallyEmpty());
}

TEST_F(StoreCopiesTest, OneThatCannotBeMadeIsSaid) {
  refusal_ = Error{ErrorCode::kUnavailable, "another copy of the store is being made; try again"};
  EXPECT_THAT(errorOf(copies_->give("c")), HasSubstr("unavailable: another copy"));
  EXPECT_EQ(copies_->count(), 0u);
  EXPECT_THAT(notices_.last<notice::CopyFailed>().error, HasSubstr("another copy"));
}

// The other side has left: what is made all the same is nobody's.
TEST_F(StoreCopiesTest, OneThatNobodyWaitsForIsRemovedWhenItIsMade) {
  later_ = true;
  {
    auto made = copies_->give("c");
    while (waiting_.path.empty()) io_.waitScope.poll();
  }
  EXPECT_EQ(copies_->count(), 0u);
  makeCopy(waiting_.path);
  waiting_.done(std::nullopt);
  EXPECT_TRUE(eventuallyEmpty());
}

}  // namespace
}  // namespace holdfast::peering
