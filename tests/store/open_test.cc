// What open() refuses, and how it says so.
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "format/keys.h"
#include "format/registry_records.h"
#include "migrations/migrations.h"
#include "raw_store.h"
#include "store/store_writer.h"
#include "store_fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

using OpenTest = StoreFixture;

FormatRecord anyFormat() {
  FormatRecord format;
  format.version = newestFormat();
  return format;
}

TEST_F(OpenTest, ANewerFormatIsRefused) {
  const std::string cluster = [&] {
    auto store = open();
    return store->clusterId();
  }();
  FormatRecord record;
  record.version = newestFormat() + 6;
  rawPut(dir_ + "/data", "default", std::string(kFormatKey), encodeRecord(record));
  const std::string error = openError(options());
  EXPECT_THAT(error, HasSubstr("format 8"));
  EXPECT_THAT(error, HasSubstr("up to 2"));
  EXPECT_THAT(error, HasSubstr(dir_ + "/data"));
}

TEST_F(OpenTest, ADamagedFormatRecordIsRefused) {
  ASSERT_NE(open(), nullptr);
  rawPut(dir_ + "/data", "default", std::string(kFormatKey), "nonsense");
  EXPECT_THAT(openError(options()), HasSubstr("format record"));
}

TEST_F(OpenTest, TheSameProcessTwiceIsRefused) {
  auto store = open();
  EXPECT_THAT(openError(options()), HasSubstr(dir_ + "/data/LOCK"));
  // And the first one is none the worse for it.
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  EXPECT_TRUE(committed(*store, admit(*store, owner, content, {1, 2, 3})));
}

// Runs this program as one that holds a store with a worker "a" 0 and 3 chunks; see main.cc.
class HoldingProcess {
 public:
  explicit HoldingProcess(const std::string& dataDir) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string program = "store_test";
    std::string flag = "--hold-store";
    std::string dir = dataDir;
    char* arguments[] = {program.data(), flag.data(), dir.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    char ready = 0;
    EXPECT_EQ(read(ends[0], &ready, 1), 1);
    close(ends[0]);
  }
  ~HoldingProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
};

TEST_F(OpenTest, ASecondProcessIsRefusedUntilTheFirstIsKilled) {
  {
    const HoldingProcess first(dir_ + "/data");
    const std::string error = openError(options());
    EXPECT_THAT(error, HasSubstr("another process"));
    EXPECT_THAT(error, HasSubstr(dir_ + "/data/LOCK"));
  }
  ASSERT_NE(open(), nullptr);
  EXPECT_EQ(sink_->content().workers.at({"a", 0}).locations.at(0).keys,
            (std::set<ChunkHash>{1, 2, 3}));
}

TEST_F(OpenTest, ADeletedLockFileLetsNobodyIn) {
  const HoldingProcess first(dir_ + "/data");
  std::filesystem::remove(dir_ + "/data/LOCK");
  EXPECT_THAT(openError(options()), HasSubstr("another process"));
  // Nor is a store imported over it.
  EXPECT_FALSE(StoreWriter::create(dir_ + "/data", anyFormat()).ok());
}

TEST_F(OpenTest, AStoreThatIsBeingImportedIsRefused) {
  const auto writer = StoreWriter::create(dir_ + "/data", anyFormat());
  ASSERT_TRUE(writer.ok());
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/data")) << "it has its name when it is whole";
  StoreOptions options = this->options();
  options.dataDir = writer.value()->directory();
  std::filesystem::remove(options.dataDir + "/LOCK");
  EXPECT_THAT(openError(options), HasSubstr("not finished"));
}

TEST_F(OpenTest, ADirectoryIsMadeOnlyIfAskedFor) {
  StoreOptions options = this->options();
  options.create = false;
  EXPECT_THAT(openError(options), HasSubstr("no data directory " + dir_ + "/data"));
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/data"));
  std::filesystem::create_directory(dir_ + "/data");
  EXPECT_TRUE(open(options)->created());
}

TEST_F(OpenTest, ADirectoryOfSomethingElseIsLeftAsItIs) {
  std::filesystem::create_directories(dir_ + "/data/photos");
  EXPECT_THAT(openError(options()), HasSubstr("photos"));
  std::filesystem::remove(dir_ + "/data/photos");
  EXPECT_TRUE(std::filesystem::is_empty(dir_ + "/data"));
}

TEST_F(OpenTest, StartsLeaveNothingBehind) {
  const auto files = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/data")) {
      names.push_back(entry.path().filename());
    }
    return names;
  };
  ASSERT_NE(open(), nullptr);
  ASSERT_NE(open(), nullptr);
  const size_t before = files().size();
  for (int i = 0; i < 5; ++i) {
    std::ofstream(dir_ + "/data/probe.tmp") << "of a probe that was cut short";
    std::ofstream(dir_ + "/data/000099.dbtmp") << "of a file in the making";
    ASSERT_NE(open(), nullptr);
  }
  EXPECT_LE(files().size(), before) << testing::PrintToString(files());
}

TEST_F(OpenTest, ADirectoryThatCannotBeMadeIsRefused) {
  std::ofstream(dir_ + "/file") << "not a directory";
  StoreOptions under = options();
  under.dataDir = dir_ + "/file/data";
  EXPECT_THAT(openError(under), HasSubstr(under.dataDir));
  under.dataDir = "/proc/holdfast";
  EXPECT_THAT(openError(under), HasSubstr("/proc/holdfast"));
}

TEST_F(OpenTest, RemainsOfAnotherStoreAreNotOverwritten) {
  ASSERT_NE(open(), nullptr);
  std::filesystem::remove(dir_ + "/data/CURRENT");
  std::filesystem::remove(dir_ + "/data/COMMITTED");
  EXPECT_THAT(openError(options()), HasSubstr("CURRENT"));
}

// Everything else is gone, and a new store would look as if it had been empty all along.
TEST_F(OpenTest, AMarkWithoutItsStoreIsNoReasonForANewOne) {
  ASSERT_NE(open(), nullptr);
  std::filesystem::copy(dir_ + "/data/COMMITTED", dir_ + "/COMMITTED");
  std::filesystem::remove_all(dir_ + "/data");
  std::filesystem::create_directories(dir_ + "/data");
  std::filesystem::copy(dir_ + "/COMMITTED", dir_ + "/data/COMMITTED");
  EXPECT_THAT(openError(options()), HasSubstr("CURRENT"));
}

TEST_F(OpenTest, AStoreCutShortInItsMakingIsMadeAnew) {
  std::filesystem::create_directories(dir_ + "/data");
  // As RocksDB leaves it when it is killed before CURRENT is written.
  std::ofstream(dir_ + "/data/MANIFEST-000001") << "torn";
  auto store = open();
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(store->created());
}

}  // namespace
}  // namespace holdfast
