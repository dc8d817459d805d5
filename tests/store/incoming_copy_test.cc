// A copy that comes into a data directory: all of it is there in the end, or nothing.
#include "store/incoming_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/incoming_files.h"
#include "store_fixture.h"
#include "tests/support/message_of.h"
#include "tests/support/scratch.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

class IncomingCopyTest : public StoreFixture {
 protected:
  // A store with something in it, and its copy.
  IncomingCopyTest() {
    auto store = open();
    StoredLocation content;
    const OwnerId owner = addWorker(*store, "llama", 0);
    EXPECT_TRUE(committed(*store, admit(*store, owner, content, {1, 2, 3})));
    EXPECT_EQ(messageOf(store->checkpointNow(source().string())), "");
    store->close();
    manifest_ = stateOfCopy(source().string()).value().manifest;
    fs::create_directory(target());
  }
  fs::path source() const { return scratch_.path() / "copy"; }
  fs::path target() const { return scratch_.path() / "new"; }
  StoreOptions ofTarget() const {
    StoreOptions of = options();
    of.dataDir = target().string();
    return of;
  }
  std::unique_ptr<IncomingCopy> into() const {
    auto made = IncomingCopy::into(ofTarget());
    EXPECT_TRUE(made.ok()) << made.error().message;
    return made.ok() ? std::move(made.value()) : nullptr;
  }
  std::string contentOf(const CopiedFile& file) const {
    std::ifstream in(source() / file.name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // All of it, in pieces; what went wrong first.
  std::optional<Error> send(IncomingCopy& to) const {
    if (auto wrong = to.begin(manifest_)) return wrong;
    for (const CopiedFile& file : manifest_.files) {
      const std::string content = contentOf(file);
      for (size_t at = 0; at < content.size(); at += 1'000) {
        const size_t bytes = std::min<size_t>(1'000, content.size() - at);
        if (auto wrong = to.add(content.data() + at, bytes)) return wrong;
      }
    }
    return to.finish();
  }
  std::set<std::string> inTarget() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(target())) {
      if (entry.path().filename() != "LOCK") names.insert(entry.path().filename());
    }
    return names;
  }
  void expectStoreOpens() {
    const auto store = RocksStore::open(ofTarget());
    ASSERT_TRUE(store.ok()) << store.error().message;
    EXPECT_FALSE(store.value()->created());
  }

  test::Scratch scratch_;
  CopyManifest manifest_;
};

TEST_F(IncomingCopyTest, IsAStoreWhenAllHasCome) {
  EXPECT_EQ(messageOf(send(*into())), "");
  std::set<std::string> wanted = {"COPY"};
  for (const CopiedFile& file : manifest_.files) wanted.insert(file.name);
  EXPECT_EQ(inTarget(), wanted);
  EXPECT_EQ(into(), nullptr) << "there is a store now, which nothing replaces";
  expectStoreOpens();
}

TEST_F(IncomingCopyTest, LeavesNothingWhenItIsBrokenOff) {
  {
    const auto copy = into();
    ASSERT_EQ(messageOf(copy->begin(manifest_)), "");
    ASSERT_EQ(messageOf(copy->add(contentOf(manifest_.files[0]).data(), 1)), "");
    EXPECT_EQ(inTarget(), std::set<std::string>{kJoiningDirectory});
  }
  EXPECT_TRUE(inTarget().empty());
}

TEST_F(IncomingCopyTest, ATornFileIsNoticedAndBegunAnew) {
  for (CopiedFile& file : manifest_.files) {
    if (file.bytes < 100 || file.checksum.empty()) continue;
    SCOPED_TRACE(file.name);
    const auto copy = into();
    const std::string right = std::exchange(file.checksum, "00000000");
    const auto wrong = send(*copy);
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->code, ErrorCode::kInvalid) << "another controller may have it whole";
    EXPECT_THAT(wrong->message, HasSubstr("its file " + file.name + " has the checksum " + right));
    file.checksum = right;
    EXPECT_FALSE(fs::exists(target() / "CURRENT"));
  }
  EXPECT_EQ(messageOf(send(*into())), "");
  expectStoreOpens();
}

TEST_F(IncomingCopyTest, AByteTooManyOrTooFewIsNoticed) {
  const auto copy = into();
  ASSERT_EQ(messageOf(copy->begin(manifest_)), "");
  const std::string first = contentOf(manifest_.files[0]);
  const auto more = copy->add((first + "x").data(), first.size() + 1);
  ASSERT_TRUE(more);
  EXPECT_EQ(more->code, ErrorCode::kInvalid);
  ASSERT_EQ(messageOf(copy->begin(manifest_)), "");
  ASSERT_EQ(messageOf(copy->add(first.data(), first.size())), "");
  EXPECT_THAT(messageOf(copy->finish()), HasSubstr("less came"));
}

// Whoever lists them may mean ill.
TEST_F(IncomingCopyTest, NamesThatAreNoStoresFilesAreNotTaken) {
  const auto copy = into();
  for (const std::string name : {"../000001.sst", "a/000001.sst", "/000001.sst", "..", "", "COPY",
                                 "000001.sst ", "CURRENT", "x\n000001.sst"}) {
    CopyManifest bad = manifest_;
    bad.files.push_back({name, 1, ""});
    const auto wrong = copy->begin(bad);
    ASSERT_TRUE(wrong) << name;
    EXPECT_EQ(wrong->code, ErrorCode::kInvalid) << name;
  }
  CopyManifest none = manifest_;
  std::erase_if(none.files, [](const CopiedFile& file) { return file.name == "CURRENT"; });
  EXPECT_TRUE(copy->begin(none)) << "without CURRENT it is no store";
  CopyManifest sums = manifest_;
  sums.files[0].checksum = "zz";
  EXPECT_TRUE(copy->begin(sums));
  EXPECT_TRUE(inTarget().empty());
}

TEST_F(IncomingCopyTest, MoreThanTheDiskHoldsIsNotBegun) {
  CopyManifest much = manifest_;
  much.files[0].bytes = ~uint64_t{0};
  const auto wrong = into()->begin(much);
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->code, ErrorCode::kUnavailable);
  EXPECT_THAT(wrong->message, HasSubstr("has room for"));
}

// A process that is killed leaves what it had; whoever starts next, with a copy or without.
TEST_F(IncomingCopyTest, HalfACopyOfAKilledProcessIsThrownAway) {
  fs::create_directory(target() / kJoiningDirectory);
  std::ofstream(target() / kJoiningDirectory / "000001.sst") << "half";
  EXPECT_NE(into(), nullptr);
  EXPECT_TRUE(inTarget().empty());

  fs::create_directory(target() / kJoiningDirectory);
  std::ofstream(target() / kJoiningDirectory / "CURRENT") << "half";
  auto store = RocksStore::open(ofTarget());
  ASSERT_TRUE(store.ok()) << store.error().message;
  EXPECT_TRUE(store.value()->created());
}

// It was killed while the files of a whole copy were on their way up, after each of them.
TEST_F(IncomingCopyTest, AWholeCopyIsFinishedByTheNextStart) {
  std::vector<std::string> names = {"COPY"};
  for (const CopiedFile& file : manifest_.files) names.push_back(file.name);
  std::erase(names, "CURRENT");
  names.push_back("CURRENT");
  for (size_t moved = 0; moved <= names.size(); ++moved) {
    SCOPED_TRACE(moved);
    fs::remove_all(target());
    fs::create_directory(target());
    fs::create_directory(target() / kJoinedDirectory);
    for (size_t i = 0; i < names.size(); ++i) {
      const fs::path to = i < moved ? target() : target() / kJoinedDirectory;
      fs::copy_file(source() / names[i], to / names[i]);
    }
    EXPECT_EQ(into(), nullptr) << "the store is there";
    EXPECT_EQ(inTarget(), (std::set<std::string>(names.begin(), names.end())));
  }
  expectStoreOpens();
}

TEST_F(IncomingCopyTest, WaitsForNobodyElsesDirectory) {
  const auto copy = into();
  const auto other = IncomingCopy::into(ofTarget());
  ASSERT_FALSE(other.ok());
  EXPECT_THAT(other.error().message, HasSubstr("is in use by another process"));
}

}  // namespace
}  // namespace holdfast
