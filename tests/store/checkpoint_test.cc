// Copies of a store that is written to: each is of its place in the order of writes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "raw_store.h"
#include "store/copy_manifest.h"
#include "store_fixture.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class CheckpointTest : public StoreFixture {
 protected:
  std::string place(const std::string& name = "copy") const { return dir_ + "/" + name; }

  // Asked for, but not waited for.
  void ask(RocksStore& store, const std::string& path) {
    result_.reset();
    const auto error =
        store.checkpoint({path, {}}, [this](const CheckpointResult& result) { result_ = result; });
    EXPECT_FALSE(error) << error->message;
  }
  CheckpointResult wait(RocksStore& store) {
    EXPECT_TRUE(events_->wait(store, [&] { return result_.has_value(); }));
    return result_.value_or(CheckpointResult{});
  }
  std::string errorOf(RocksStore& store, const std::string& path) {
    ask(store, path);
    const CheckpointResult result = wait(store);
    EXPECT_TRUE(result.error);
    return result.error ? result.error->message : "";
  }
  std::set<ChunkHash> keysIn(const std::string& path) {
    StoreOptions options = this->options();
    options.dataDir = path;
    const auto copy = open(std::move(options));
    EXPECT_THAT(sink_->faults, testing::IsEmpty());
    return sink_->content().workers.at({"a", 0}).locations.at(0).keys;
  }

  std::optional<CheckpointResult> result_;
};

TEST_F(CheckpointTest, HoldsWhatWasQueuedBeforeAndNothingBehind) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  std::vector<std::set<ChunkHash>> expected;
  Ticket last = 0;
  // All of it is queued at once, so that a group would like to hold both sides of a copy.
  for (uint64_t copy = 0; copy < 4; ++copy) {
    for (uint64_t i = 0; i < 50; ++i) {
      last = admit(*store, owner, content, numbers(1 + copy * 10'000 + i * 100, 100));
    }
    expected.push_back(content.keys);
    ask(*store, place(std::to_string(copy)));
    last = admit(*store, owner, content, {copy * 10'000 + 9'999});
    const CheckpointResult made = wait(*store);
    ASSERT_FALSE(made.error) << made.error->message;
    EXPECT_EQ(made.path, place(std::to_string(copy)));
    EXPECT_GT(made.bytes, 0u);
  }
  EXPECT_TRUE(committed(*store, last));
  EXPECT_EQ(messageOf(store->close()), "");
  for (uint64_t copy = 0; copy < expected.size(); ++copy) {
    EXPECT_EQ(keysIn(place(std::to_string(copy))), expected[copy]) << copy;
  }
  EXPECT_EQ(keysIn(dir_ + "/data"), content.keys);
}

TEST_F(CheckpointTest, OutlivesTheStore) {
  {
    auto store = open();
    const OwnerId owner = addWorker(*store, "a", 0);
    StoredLocation content;
    EXPECT_TRUE(committed(*store, admit(*store, owner, content, numbers(1, 1000))));
    ask(*store, place());
    EXPECT_FALSE(wait(*store).error);
  }
  std::filesystem::remove_all(dir_ + "/data");
  EXPECT_EQ(keysIn(place()).size(), 1000u);
}

TEST_F(CheckpointTest, OneAtATime) {
  auto store = open();
  ask(*store, place());
  const auto error =
      store->checkpoint({place("other"), {}}, [](const CheckpointResult&) { FAIL(); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message, HasSubstr("another copy"));
  EXPECT_FALSE(wait(*store).error);
  ask(*store, place("other"));
  EXPECT_FALSE(wait(*store).error);
}

TEST_F(CheckpointTest, SaysWhatIsWrongWithThePlace) {
  auto store = open();
  std::filesystem::create_directory(place("taken"));
  EXPECT_THAT(errorOf(*store, place("taken")), HasSubstr("taken exists already"));
  EXPECT_THAT(errorOf(*store, "here"), HasSubstr("not an absolute path"));
  EXPECT_THAT(errorOf(*store, place("no/such")), HasSubstr("No such file or directory"));
  EXPECT_THAT(errorOf(*store, "/proc/copy"), HasSubstr("another file system"));
  EXPECT_THAT(errorOf(*store, dir_ + "/data/copy"), HasSubstr("inside the store's own"));
  // None of this is in the way of the next one.
  ask(*store, place());
  EXPECT_FALSE(wait(*store).error);
}

TEST_F(CheckpointTest, IsWholeOrNotThereWhenTheStoreIsClosedMeanwhile) {
  for (int i = 0; i < 10; ++i) {
    const std::string path = place(std::to_string(i));
    auto store = open();
    const OwnerId owner = addWorker(*store, "a", static_cast<uint32_t>(i));
    StoredLocation content;
    for (ChunkHash n = 0; n < 100; ++n) {
      admit(*store, owner, content, numbers(1 + n * 1000, 1000));
    }
    ask(*store, path);
    EXPECT_EQ(messageOf(store->close()), "");
    store.reset();
    EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
    if (!std::filesystem::exists(path)) continue;
    const auto made = stateOfCopy(path);
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(made.value().kind, CopyState::Kind::kCopy);
    EXPECT_THAT(made.value().faults, testing::IsEmpty());
    EXPECT_EQ(keysIn(path).size(), 100'000u);
  }
}

// What a copy says of itself, and what a start makes of one that is not as it says.
class CopyTest : public CheckpointTest {
 protected:
  // 1,000 keys of one worker in table files, 100 in the log.
  void make() {
    {
      auto store = open();
      const OwnerId owner = addWorker(*store, "a", 0);
      EXPECT_TRUE(committed(*store, admit(*store, owner, content_, numbers(1, 1000))));
    }
    // A start brings what is in the log to table files.
    auto store = open();
    admit(*store, 0, content_, numbers(5001, 100));
    result_.reset();
    const auto refused = store->checkpoint(
        {place(), kDigest}, [this](const CheckpointResult& result) { result_ = result; });
    ASSERT_FALSE(refused);
    ASSERT_FALSE(wait(*store).error);
    ASSERT_EQ(messageOf(store->close()), "");
  }
  CopyState state(const std::string& name = "copy") const {
    const auto read = stateOfCopy(place(name));
    EXPECT_TRUE(read.ok()) << read.error().message;
    return read.ok() ? read.value() : CopyState();
  }
  // Of a copy of the copy to which something was done.
  std::string startError(const std::function<void(const std::string&)>& damage) {
    const std::string torn = place("torn");
    std::filesystem::remove_all(torn);
    std::filesystem::copy(place(), torn);
    damage(torn);
    StoreOptions options = this->options();
    options.dataDir = torn;
    const auto opened = RocksStore::open(std::move(options));
    return opened.ok() ? "" : opened.error().message;
  }

  static constexpr const char* kDigest = "0123456789abcdef0123456789abcdef";
  StoredLocation content_;
};

TEST_F(CopyTest, SaysWhatItConsistsOf) {
  make();
  const CopyState copy = state();
  ASSERT_EQ(copy.kind, CopyState::Kind::kCopy);
  EXPECT_THAT(copy.faults, testing::IsEmpty());
  EXPECT_EQ(copy.manifest.sequence, result_->sequence);
  EXPECT_EQ(copy.manifest.registryDigest, kDigest);
  EXPECT_EQ(copy.manifest.clusterId.size(), 32u);
  EXPECT_GT(copy.manifest.madeWallMs, 1'700'000'000'000u);
  uint64_t bytes = 0;
  size_t tables = 0;
  for (const CopiedFile& file : copy.manifest.files) {
    bytes += file.bytes;
    tables += file.name.ends_with(".sst") ? 1 : 0;
    const auto sum =
        checksumOf(place() + "/" + file.name, file.bytes, [](uint64_t) { return std::nullopt; });
    ASSERT_TRUE(sum.ok()) << sum.error().message;
    EXPECT_EQ(file.checksum, sum.value()) << file.name;
  }
  EXPECT_EQ(bytes, result_->bytes);
  EXPECT_GT(tables, 0u);
}

TEST_F(CopyTest, IsAStoreLikeAnyOtherFromItsFirstStartOn) {
  make();
  EXPECT_EQ(keysIn(place()), content_.keys);
  EXPECT_EQ(state().kind, CopyState::Kind::kNone);
  EXPECT_TRUE(std::filesystem::exists(place() + "/" + kStartedCopyFile));
  EXPECT_EQ(keysIn(place()), content_.keys);
}

TEST_F(CopyTest, IsNotStartedOnWhereAFileIsMissingOrShort) {
  make();
  EXPECT_EQ(startError([](const std::string&) {}), "");
  const CopyState copy = state();
  for (const CopiedFile& file : copy.manifest.files) {
    const std::string missing = startError(
        [&](const std::string& torn) { std::filesystem::remove(torn + "/" + file.name); });
    EXPECT_THAT(missing, HasSubstr(file.name + " is missing; copy it again")) << missing;
    EXPECT_THAT(missing, HasSubstr("salvage " + place("torn")));
    const std::string cut = startError([&](const std::string& torn) {
      std::filesystem::resize_file(torn + "/" + file.name, file.bytes - 1);
    });
    EXPECT_THAT(cut, HasSubstr(file.name + " has " + std::to_string(file.bytes - 1) + " bytes"));
  }
  // And as it is once its list is away: then nobody knows.
  const CopiedFile& last = copy.manifest.files.back();
  EXPECT_THAT(startError([&](const std::string& torn) {
                std::filesystem::remove(torn + "/" + last.name);
                std::filesystem::remove(torn + "/" + kCopyFile);
              }),
              testing::Not(HasSubstr("copy it again")));
}

// One of a damaged store is as that is: its workers are quarantined, no start is refused.
TEST_F(CopyTest, OfADamagedStoreIsWhole) {
  {
    auto store = open();
    const OwnerId owner = addWorker(*store, "a", 0);
    EXPECT_TRUE(committed(*store, admit(*store, owner, content_, numbers(1, 1000))));
  }
  ASSERT_EQ(messageOf(open()->close()), "");
  const auto tables = tableFiles(dir_ + "/data", "f/00000");
  ASSERT_EQ(tables.size(), 1u);
  std::filesystem::resize_file(tables[0], std::filesystem::file_size(tables[0]) / 2);
  {
    auto store = open();
    ASSERT_EQ(sink_->damages.size(), 1u);
    ask(*store, place());
    ASSERT_FALSE(wait(*store).error);
  }
  EXPECT_THAT(state().faults, testing::IsEmpty());
  StoreOptions options = this->options();
  options.dataDir = place();
  const auto copy = open(std::move(options));
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(sink_->damages.size(), 1u);
}

TEST_F(CopyTest, IsNotStartedOnWithTheFilesOfAnother) {
  make();
  EXPECT_THAT(startError([](const std::string& torn) {
                std::ofstream(torn + "/999999.log") << "of another store";
              }),
              HasSubstr("999999.log is of another store"));
}

TEST_F(CopyTest, IsNotStartedOnWhileItsListIsTorn) {
  make();
  std::ifstream in(place() + "/" + kCopyFile, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  ASSERT_TRUE(decodeCopyManifest(whole));
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    EXPECT_FALSE(decodeCopyManifest(whole.substr(0, bytes))) << bytes;
    std::string changed = whole;
    changed[bytes] = changed[bytes] == '1' ? '2' : '1';
    EXPECT_FALSE(decodeCopyManifest(changed)) << bytes;
  }
  EXPECT_FALSE(decodeCopyManifest(whole + "\n"));
  const auto cutTo = [&](size_t bytes) {
    return startError([bytes](const std::string& torn) {
      std::filesystem::resize_file(torn + "/" + kCopyFile, bytes);
    });
  };
  EXPECT_THAT(cutTo(whole.size() / 2), HasSubstr("COPY is cut or changed"));
  EXPECT_THAT(cutTo(0), HasSubstr("is a copy that was not finished"));
}

// As a program does that knows nothing of the list.
TEST_F(CopyTest, StartsWhereItWasStartedOnBefore) {
  make();
  (void)rawKeys(place());
  EXPECT_EQ(state().kind, CopyState::Kind::kUsed);
  EXPECT_EQ(keysIn(place()), content_.keys);
}

TEST_F(CopyTest, ReplacesWhatAKilledOneLeft) {
  auto store = open();
  const std::string partial = place() + ".partial";
  std::filesystem::create_directory(partial);
  for (const char* name : {"000012.sst", "CURRENT", kCopyFile}) std::ofstream(partial + "/" + name);
  ask(*store, place());
  EXPECT_FALSE(wait(*store).error);
  EXPECT_EQ(state().kind, CopyState::Kind::kCopy);
  EXPECT_FALSE(std::filesystem::exists(partial));
  // It had not got as far as its first file.
  std::filesystem::create_directory(place("early") + ".partial");
  ask(*store, place("early"));
  EXPECT_FALSE(wait(*store).error);
}

TEST_F(CopyTest, LeavesAloneWhatIsNotItsOwn) {
  auto store = open();
  const auto refused = [&](const std::string& name, const std::string& why) {
    EXPECT_THAT(errorOf(*store, place(name)), HasSubstr(why));
    EXPECT_TRUE(std::filesystem::exists(place(name) + ".partial")) << name;
    EXPECT_FALSE(std::filesystem::exists(place(name))) << name;
  };
  std::ofstream(place("file") + ".partial") << "notes";
  refused("file", "file.partial is in the way");
  std::filesystem::create_directory(place("mixed") + ".partial");
  std::ofstream(place("mixed") + ".partial/" + kCopyFile).close();
  std::ofstream(place("mixed") + ".partial/letter.txt") << "dear";
  refused("mixed", "mixed.partial is in the way");
  EXPECT_TRUE(std::filesystem::exists(place("mixed") + ".partial/letter.txt"));
  // A store that somebody named like that.
  std::filesystem::create_directory(place("store") + ".partial");
  std::ofstream(place("store") + ".partial/CURRENT") << "MANIFEST-000001";
  refused("store", "store.partial is in the way");
  std::filesystem::create_directory(place("elsewhere"));
  std::filesystem::create_symlink(place("elsewhere"), place("link") + ".partial");
  refused("link", "link.partial is in the way");

  std::filesystem::create_directory(place("busy") + ".partial");
  const std::string copyFile = place("busy") + ".partial/" + kCopyFile;
  const int other = ::open(copyFile.c_str(), O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(flock(other, LOCK_EX), 0);
  refused("busy", "another process is making a copy there");
  ::close(other);
  ask(*store, place("busy"));
  EXPECT_FALSE(wait(*store).error);
}

}  // namespace
}  // namespace holdfast
