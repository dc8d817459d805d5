// Directories that cannot be opened, damaged stores, sockets that are in the way.

#include <gmock/gmock.h>
#include <rocksdb/db.h>
#include <rocksdb/utilities/options_util.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "client/client.h"
#include "daemon_process.h"
#include "format/registry_records.h"

namespace holdfast::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kStore = 3;
constexpr int kListen = 4;
constexpr int kFatal = 5;

class StartTest : public DaemonTest {
 protected:
  // Workers that hold chunks, and what the status says of them at the end.
  void fill(const std::string& address, uint32_t workers = 2) {
    ClientThread thread;
    for (uint32_t worker = 0; worker < workers; ++worker) {
      Client client(thread, {.controller = address,
                             .instance = "llama",
                             .worker = worker,
                             .ip = "10.0.0.1",
                             .port = 1,
                             .peerUrl = {},
                             .model = {},
                             .worldSize = workers,
                             .hashing = {},
                             .locations = {{.name = "gpu", .contents = {}}}});
      std::vector<ChunkHash> keys(50'000);
      for (size_t i = 0; i < keys.size(); ++i)
        keys[i] = splitmix64Finalise(i + uint64_t{worker} * 1'000'000);
      client.admit(client.location("gpu"), keys);
      ASSERT_TRUE(client.flush(60'000));
    }
  }
  std::vector<std::filesystem::path> tableFiles() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(dataDir())) {
      if (entry.path().extension() == ".sst") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
      return std::filesystem::file_size(a) > std::filesystem::file_size(b);
    });
    return files;
  }
  // A store with contents in table files, and no process on it.
  void makeStore() {
    for (int i = 0; i < 2; ++i) {  // what the first leaves in its log, the second writes to tables
      const auto daemon = start(onDataDir());
      if (i == 0) fill(daemon->address());
      daemon->signal(SIGTERM);
      ASSERT_EQ(daemon->wait(), 0) << daemon->log();
    }
    ASSERT_FALSE(tableFiles().empty());
  }
};

TEST_F(StartTest, RefusesADirectoryThatIsNotWritable) {
  std::filesystem::permissions(
      dataDir(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec |
                     std::filesystem::perms::others_read | std::filesystem::perms::others_exec);
  DaemonStart what = onDataDir();
  what.asNobody = geteuid() == 0;  // root may write everywhere
  EXPECT_EQ(exitCodeOf(what), kStore) << lastLog();
  EXPECT_THAT(lastLog(), HasSubstr(dataDir()));
  EXPECT_THAT(lastLog(), AnyOf(HasSubstr("Permission denied"), HasSubstr("not writable")));
}

TEST_F(StartTest, RefusesADirectoryThatIsAFile) {
  std::filesystem::remove(dataDir());
  std::ofstream(dataDir()) << "something";
  EXPECT_EQ(exitCodeOf(onDataDir()), kStore);
  EXPECT_THAT(lastLog(), HasSubstr(dataDir()));
}

TEST_F(StartTest, RefusesASecondDaemonOnTheDirectory) {
  const auto first = start(onDataDir());
  EXPECT_EQ(exitCodeOf(onDataDir()), kStore);
  EXPECT_THAT(lastLog(), HasSubstr("LOCK"));
  EXPECT_EQ(ctl(first->address(), "status").exitCode, 0);
}

TEST_F(StartTest, RefusesASecondDaemonEvenIfTheLockFileIsDeleted) {
  const auto first = start(onDataDir());
  fill(first->address());
  std::filesystem::remove(dataDir() + "/LOCK");
  EXPECT_EQ(exitCodeOf(onDataDir()), kStore);
  EXPECT_THAT(lastLog(), HasSubstr("in use by another process"));
  // What reads beside a controller still knows that there is one.
  const std::string inspect = std::string(HOLDFAST_INSPECT) + " ";
  EXPECT_THAT(runCommand(inspect + "migrate --dry-run --json " + dataDir()).output,
              HasSubstr("\"inUse\": true"));
  EXPECT_NE(runCommand(inspect + "import " + dataDir() + " </dev/null").exitCode, 0);
  // And when it is killed, nothing is in the way of the next.
  first->signal(SIGKILL);
  first->wait();
  EXPECT_EQ(statusNumber(start(onDataDir())->address(), "memberships"), 100'000u);
}

TEST_F(StartTest, MakesNoStoreWhereOneWasExpected) {
  std::filesystem::remove(dataDir());
  EXPECT_EQ(exitCodeOf(onDataDir()), kStore);
  EXPECT_THAT(lastLog(), HasSubstr("there is no data directory " + dataDir()));
  EXPECT_THAT(lastLog(), HasSubstr("--create"));
  EXPECT_FALSE(std::filesystem::exists(dataDir()));

  std::filesystem::create_directory(dataDir());
  std::ofstream(dataDir() + "/notes.txt") << "of something else";
  for (const std::vector<std::string>& more : {std::vector<std::string>(), {"--create"}}) {
    EXPECT_EQ(exitCodeOf(onDataDir(more)), kStore);
    EXPECT_THAT(lastLog(), HasSubstr("notes.txt"));
  }
  // Nothing was left there.
  std::filesystem::remove(dataDir() + "/notes.txt");
  EXPECT_TRUE(std::filesystem::is_empty(dataDir()));
}

TEST_F(StartTest, MakesAStoreWhereItIsAskedTo) {
  std::filesystem::create_directory(dataDir() + "/lost+found");  // the root of a disk
  EXPECT_THAT(start(onDataDir())->log(), HasSubstr("created a new store"));
  std::filesystem::remove_all(dataDir());
  EXPECT_THAT(start(onDataDir({"--create"}))->log(), HasSubstr("created a new store"));
  EXPECT_THAT(start(onDataDir({"--create"}))->log(), Not(HasSubstr("created a new store")));
}

TEST_F(StartTest, StandsStillWhenTheDirectoryIsRemoved) {
  const auto daemon = start(onDataDir());
  const std::string address = daemon->address();
  fill(address);
  std::filesystem::remove_all(dataDir());
  ASSERT_TRUE(eventually([&]() { return statusText(address, "storeWritable") == "false"; }));
  EXPECT_THAT(statusText(address, "storeReason"), HasSubstr("the data directory"));
  // It answers from memory, and refuses what needs the directory.
  EXPECT_EQ(statusNumber(address, "memberships"), 100'000u);
  EXPECT_EQ(ctl(address, "lookup --hashes 1").exitCode, 0);
  const CommandResult backup = ctl(address, "backup " + (directory / "backup").string());
  EXPECT_NE(backup.exitCode, 0);
  EXPECT_THAT(backup.output, HasSubstr(dataDir()));
  EXPECT_NE(ctl(address, "capture on " + (directory / "capture").string()).exitCode, 0);
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(), kFatal) << daemon->log();
  EXPECT_FALSE(std::filesystem::exists(dataDir()));
}

TEST_F(StartTest, RefusesANewerFormat) {
  makeStore();
  {
    rocksdb::DBOptions options;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    ASSERT_TRUE(
        rocksdb::LoadLatestOptions(rocksdb::ConfigOptions(), dataDir(), &options, &families).ok());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, dataDir(), families, &handles, &db).ok());
    const auto main = std::find_if(handles.begin(), handles.end(), [](const auto* handle) {
      return handle->GetName() == rocksdb::kDefaultColumnFamilyName;
    });
    std::string stored;
    ASSERT_TRUE(db->Get({}, *main, "format", &stored).ok());
    auto record = decodeFormat(stored);
    ASSERT_TRUE(record.has_value());
    record->version = 4711;
    ASSERT_TRUE(db->Put({}, *main, "format", encodeRecord(*record)).ok());
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    delete db;
  }
  EXPECT_EQ(exitCodeOf(onDataDir()), kStore);
  EXPECT_THAT(lastLog(), HasSubstr("4711"));
}

TEST_F(StartTest, StartsWithAFlippedByteInATableFileAndSaysSo) {
  makeStore();
  const std::filesystem::path victim = tableFiles().front();
  std::fstream file(victim, std::ios::in | std::ios::out | std::ios::binary);
  const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(victim) / 2);
  file.seekg(middle);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(middle);
  file.put(byte);
  file.close();
  const auto daemon = start(onDataDir());
  EXPECT_EQ(statusNumber(daemon->address(), "workersQuarantined"), 1u) << daemon->log();
  EXPECT_THAT(daemon->log(), HasSubstr("quarantine"));
  EXPECT_THAT(ctl(daemon->address(), "workers").output, HasSubstr("(quarantined)"));
  // The other one is as it was.
  EXPECT_EQ(statusNumber(daemon->address(), "memberships"), 50'000u);
}

TEST_F(StartTest, StartsWithAMissingTableFileAndSaysSo) {
  makeStore();
  std::filesystem::remove(tableFiles().front());
  const auto daemon = start(onDataDir());
  EXPECT_EQ(statusNumber(daemon->address(), "workersQuarantined"), 1u) << daemon->log();
  EXPECT_EQ(statusNumber(daemon->address(), "memberships"), 50'000u);
}

// The newest log is cut in half: a confirmed part of a worker is gone, which nothing else tells.
TEST_F(StartTest, StartsWithALogThatIsCutShortAndSaysWhoIsBehind) {
  {
    const auto daemon = start(onDataDir());
    fill(daemon->address());
    daemon->signal(SIGTERM);
    ASSERT_EQ(daemon->wait(), 0) << daemon->log();
  }
  std::filesystem::path newest;
  for (const auto& entry : std::filesystem::directory_iterator(dataDir())) {
    if (entry.path().extension() == ".log" && entry.file_size() > 0) {
      newest = std::max(newest, entry.path());
    }
  }
  std::filesystem::resize_file(newest, std::filesystem::file_size(newest) * 3 / 4);
  const auto verified = runCommand(std::string(HOLDFAST_INSPECT) + " verify " + dataDir());
  EXPECT_EQ(verified.exitCode, 1) << verified.output;
  EXPECT_THAT(verified.output, HasSubstr("log " + newest.filename().string() + " is damaged"));
  EXPECT_THAT(verified.output, HasSubstr("location 'gpu' is back at seq"));
  const auto daemon = start(onDataDir());
  EXPECT_THAT(daemon->log(), HasSubstr("log " + newest.filename().string() + " is damaged"));
  EXPECT_THAT(daemon->log(), HasSubstr("worker 1: location 'gpu' is back at seq"));
  EXPECT_THAT(daemon->log(), HasSubstr("seq 50000 had been confirmed"));
  EXPECT_THAT(daemon->log(), HasSubstr("1 workers are behind"));
  EXPECT_THAT(ctl(daemon->address(), "workers --worker 1").output, HasSubstr("behind"));
  EXPECT_LT(statusNumber(daemon->address(), "memberships"), 100'000u);
  EXPECT_GE(statusNumber(daemon->address(), "memberships"), 50'000u);
}

TEST_F(StartTest, KeepsEverythingThroughAKill) {
  std::string digest;
  {
    const auto daemon = start(onDataDir());
    fill(daemon->address());
    digest = statusText(daemon->address(), "contentDigest");
    daemon->signal(SIGKILL);
    EXPECT_EQ(daemon->wait(), -SIGKILL);
  }
  const auto daemon = start(onDataDir());
  EXPECT_THAT(daemon->log(), HasSubstr("recovered 1 instances, 2 workers, 100000 chunks in "));
  EXPECT_EQ(statusText(daemon->address(), "contentDigest"), digest);
  EXPECT_EQ(statusNumber(daemon->address(), "recoveredChunks"), 100'000u);
}

TEST_F(StartTest, ReplacesTheSocketOfAKilledDaemon) {
  const std::string socket = (directory / "s").string();
  {
    const auto daemon = start(onDataDir({"--listen", "unix:" + socket}));
    daemon->signal(SIGKILL);
    daemon->wait();
  }
  ASSERT_TRUE(std::filesystem::exists(socket));
  const auto daemon = start(onDataDir({"--listen", "unix:" + socket}));
  EXPECT_EQ(ctl("unix:" + socket, "status").exitCode, 0);
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(socket));
}

TEST_F(StartTest, LeavesTheSocketOfALivingDaemonAlone) {
  const std::string socket = "unix:" + (directory / "s").string();
  const auto first = start(onDataDir({"--listen", socket}));
  const DaemonStart second{
      .arguments = {"--data-dir", (directory / "other").string(), "--create", "--listen", socket},
      .environment = {}};
  EXPECT_EQ(exitCodeOf(second), kListen);
  EXPECT_THAT(lastLog(), HasSubstr("another process listens there"));
  EXPECT_EQ(ctl(socket, "status").exitCode, 0);
}

TEST_F(StartTest, APortOfLmcacheThatIsInUseIsNamedWithItsOption) {
  const auto first = start(onDataDir({"--listen", "127.0.0.1:0"}));
  const std::string taken = first->address();
  const DaemonStart second{
      .arguments = {"--data-dir", (directory / "other").string(), "--create", "--listen",
                    "127.0.0.1:0", "--lmcache-pull", "127.0.0.1:0", "--lmcache-reply", taken},
      .environment = {}};
  EXPECT_EQ(exitCodeOf(second), kListen);
  EXPECT_THAT(lastLog(),
              HasSubstr("--lmcache-reply: cannot listen on tcp://" + taken + ": it is in use"));
}

TEST_F(StartTest, ADataDirectoryThatIsAFileIsCalledOne) {
  const std::string file = (directory / "file").string();
  std::ofstream(file) << "x";
  for (const char* create : {"", "--create"}) {
    DaemonStart on{.arguments = {"--data-dir", file}, .environment = {}};
    if (*create != 0) on.arguments.emplace_back(create);
    EXPECT_NE(exitCodeOf(on), 0);
    EXPECT_THAT(lastLog(), HasSubstr(file + " is a file"));
  }
}

TEST_F(StartTest, RefusesToListenForOtherMachines) {
  EXPECT_EQ(exitCodeOf(onDataDir({"--listen", "0.0.0.0:0"})), kListen);
  EXPECT_THAT(lastLog(), HasSubstr("nothing says who may come in"));
}

}  // namespace
}  // namespace holdfast::test
