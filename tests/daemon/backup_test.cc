// holdfast-ctl backup: a copy of the store of a controller that goes on working.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "client/client.h"
#include "daemon_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

constexpr uint32_t kWorkers = 3;

CommandResult inspect(const std::string& arguments) {
  return runCommand(std::string(HOLDFAST_INSPECT) + " " + arguments);
}

// A value of a JSON object, as it stands there.
std::string valueOf(const std::string& json, const std::string& key) {
  const std::string label = "\"" + key + "\": ";
  const size_t at = json.find(label);
  if (at == std::string::npos) return "no " + key + " in " + json;
  std::string value = json.substr(at + label.size());
  value.erase(value.find_first_of(",\n"));
  return value;
}

class BackupTest : public DaemonTest {
 protected:
  std::string backupDir(const std::string& name = "backup") const {
    return (directory / name).string();
  }

  // Workers that admit and evict until the end of the test.
  void work(const std::string& address) {
    for (uint32_t rank = 0; rank < kWorkers; ++rank) {
      ClientOptions options;
      options.controller = address;
      options.instance = "llama";
      options.worker = rank;
      options.worldSize = kWorkers;
      options.locations = {{.name = "gpu", .contents = {}}};
      clients_.push_back(std::make_unique<Client>(thread_, std::move(options)));
    }
    admit(0);
    for (const auto& client : clients_) ASSERT_TRUE(client->flush(60'000));
    worker_ = std::thread([this] {
      for (uint64_t round = 1; !stop_; ++round) {
        if (clients_[0]->locations()[0].queued > 20'000) {
          std::this_thread::yield();
          continue;
        }
        admit(round);
      }
    });
  }
  void rest() {
    stop_ = true;
    if (worker_.joinable()) worker_.join();
    for (const auto& client : clients_) ASSERT_TRUE(client->flush(60'000));
  }
  ~BackupTest() override {
    stop_ = true;
    if (worker_.joinable()) worker_.join();
  }

 private:
  void admit(uint64_t round) {
    std::vector<ChunkHash> keys(1000);
    for (size_t i = 0; i < keys.size(); ++i) keys[i] = splitmix64Finalise(round * 1000 + i);
    for (const auto& client : clients_) {
      client->admit(LocationHandle{0}, keys);
      if (round % 3 == 2) client->evict(LocationHandle{0}, keys);
    }
  }

  ClientThread thread_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::atomic<bool> stop_ = false;
  std::thread worker_;
};

TEST_F(BackupTest, IsOfOneMomentOfABusyController) {
  const auto daemon = start(onDataDir());
  work(daemon->address());
  for (int i = 0; i < 5; ++i) {
    const std::string path = backupDir(std::to_string(i));
    const CommandResult made = ctl(daemon->address(), "backup " + path + " --json");
    ASSERT_EQ(made.exitCode, 0) << made.output << daemon->log();
    EXPECT_EQ(valueOf(made.output, "path"), "\"" + path + "\"");
    EXPECT_EQ(valueOf(made.output, "workers"), std::to_string(kWorkers));
    // What the controller held when it was asked, no less and no more.
    const CommandResult summary = inspect("summary " + path + " --json");
    EXPECT_EQ(summary.exitCode, 0) << summary.output;
    for (const char* key : {"registryDigest", "memberships", "workers", "instances", "sequence"}) {
      EXPECT_EQ(valueOf(summary.output, key), valueOf(made.output, key)) << key;
    }
    const CommandResult verified = inspect("verify " + path + " --json");
    EXPECT_EQ(verified.exitCode, 0) << verified.output;
    EXPECT_EQ(valueOf(verified.output, "whole"), "true");
    EXPECT_EQ(valueOf(verified.output, "registryDigest"), valueOf(made.output, "registryDigest"));
  }
  rest();
}

TEST_F(BackupTest, IsRestoredByStartingOnIt) {
  std::string digest;
  {
    const auto daemon = start(onDataDir());
    work(daemon->address());
    rest();
    digest = statusText(daemon->address(), "contentDigest");
    const CommandResult made = ctl(daemon->address(), "backup " + backupDir());
    ASSERT_EQ(made.exitCode, 0) << made.output;
    EXPECT_THAT(made.output, HasSubstr("3 workers in 1 instances"));
    // What comes later is not in it, and it is nobody's but its own.
    EXPECT_EQ(ctl(daemon->address(), "forget llama 1").exitCode, 0);
    DaemonStart beside{.arguments = {"--data-dir", backupDir(), "--listen", "127.0.0.1:0"},
                       .environment = {}};
    const auto restored = start(beside);
    EXPECT_EQ(statusText(restored->address(), "contentDigest"), digest);
    restored->signal(SIGTERM);
    EXPECT_EQ(restored->wait(), 0) << restored->log();
    daemon->signal(SIGTERM);
    EXPECT_EQ(daemon->wait(), 0) << daemon->log();
  }
  EXPECT_EQ(inspect("verify " + dataDir()).exitCode, 0);
  EXPECT_EQ(inspect("digest --content " + backupDir()).output, digest + "\n");
}

// As rsync leaves it that was broken off.
TEST_F(BackupTest, IsNotRestoredFromHalfOfIt) {
  {
    const auto daemon = start(onDataDir());
    work(daemon->address());
    rest();
    ASSERT_EQ(ctl(daemon->address(), "backup " + backupDir()).exitCode, 0);
  }
  const std::string half = backupDir("half");
  std::filesystem::copy(backupDir(), half);
  std::string missing;
  for (const auto& entry : std::filesystem::directory_iterator(half)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".log") && entry.file_size() > 0) missing = name;
  }
  ASSERT_NE(missing, "");
  std::filesystem::remove(half + "/" + missing);
  const CommandResult refused =
      runCommand(std::string(HOLDFASTD) + " --listen 127.0.0.1:0 --data-dir " + half);
  EXPECT_NE(refused.exitCode, 0);
  EXPECT_THAT(refused.output, HasSubstr(missing + " is missing; copy it again"));
  const CommandResult verified = inspect("verify " + half);
  EXPECT_EQ(verified.exitCode, 1);
  EXPECT_THAT(verified.output, HasSubstr(missing));
  // Copied again, over what is there, it is whole.
  std::filesystem::copy(
      backupDir(), half,
      std::filesystem::copy_options::overwrite_existing | std::filesystem::copy_options::recursive);
  EXPECT_EQ(inspect("verify " + half).exitCode, 0);
  DaemonStart again{.arguments = {"--data-dir", half, "--listen", "127.0.0.1:0"},
                    .environment = {}};
  EXPECT_THAT(start(again)->log(), HasSubstr("is a copy as of write"));
}

// Where there is none: the lists of table files are gone, and the controller does not start.
TEST_F(BackupTest, IsNotNeededForWhatSalvageSaves) {
  std::string address;
  std::string digest;
  for (int run = 0; run < 2; ++run) {
    // The second start brings what is in the log to table files.
    DaemonStart what = onDataDir();
    if (run == 1) what.arguments = {"--data-dir", dataDir(), "--listen", address};
    const auto daemon = start(what);
    if (run == 0) work(daemon->address());
    rest();
    address = daemon->address();
    digest = statusText(address, "contentDigest");
    daemon->signal(SIGKILL);
    daemon->wait();
  }
  std::vector<std::filesystem::path> lists;
  for (const auto& entry : std::filesystem::directory_iterator(dataDir())) {
    const std::string name = entry.path().filename();
    if (name == "CURRENT" || name.starts_with("MANIFEST-")) lists.push_back(entry.path());
  }
  for (const auto& list : lists) std::filesystem::remove(list);
  EXPECT_NE(
      runCommand(std::string(HOLDFASTD) + " --listen 127.0.0.1:0 --data-dir " + dataDir()).exitCode,
      0);
  const CommandResult saved = inspect("salvage " + dataDir() + " --into " + backupDir());
  EXPECT_EQ(saved.exitCode, 1) << saved.output;
  EXPECT_THAT(saved.output, HasSubstr("3 workers with"));
  DaemonStart onIt{.arguments = {"--data-dir", backupDir(), "--listen", address},
                   .environment = {}};
  const auto daemon = start(onIt);
  rest();
  EXPECT_EQ(statusText(address, "contentDigest"), digest);
  EXPECT_EQ(inspect("digest --content " + backupDir()).output, digest + "\n");
}

TEST_F(BackupTest, ThatWasKilledIsMadeAgain) {
  for (int kill = 0; kill < 4; ++kill) {
    const auto daemon = start(onDataDir());
    if (kill == 0) {
      work(daemon->address());
      rest();
    }
    std::thread asked([&] { (void)ctl(daemon->address(), "backup " + backupDir()); });
    // Somewhere between its first file and its end.
    for (int look = 0; look < 100'000 && !std::filesystem::exists(backupDir() + ".partial") &&
                       !std::filesystem::exists(backupDir());
         ++look) {
      std::this_thread::yield();
    }
    daemon->signal(SIGKILL);
    daemon->wait();
    asked.join();
    if (!std::filesystem::exists(backupDir())) continue;
    EXPECT_EQ(inspect("verify " + backupDir()).exitCode, 0);
    std::filesystem::remove_all(backupDir());
  }
  const auto daemon = start(onDataDir());
  const CommandResult made = ctl(daemon->address(), "backup " + backupDir());
  EXPECT_EQ(made.exitCode, 0) << made.output;
  EXPECT_EQ(inspect("verify " + backupDir()).exitCode, 0);
  EXPECT_FALSE(std::filesystem::exists(backupDir() + ".partial"));
}

TEST_F(BackupTest, SaysWhatIsWrongWithThePlace) {
  const auto daemon = start(onDataDir());
  const auto refused = [&](const std::string& path) {
    const CommandResult answer = ctl(daemon->address(), "backup " + path);
    EXPECT_EQ(answer.exitCode, 4) << answer.output;
    return answer.output;
  };
  EXPECT_THAT(refused("relative/path"), HasSubstr("is not an absolute path"));
  EXPECT_THAT(refused(directory.string()), HasSubstr("exists already"));
  EXPECT_THAT(refused(backupDir() + "/a/b"), HasSubstr("No such file or directory; make that"));
  EXPECT_THAT(refused(dataDir() + "/backup"), HasSubstr("inside the store's own directory"));
  EXPECT_THAT(refused("/proc/backup"), HasSubstr("another file system"));
  // Nothing was left behind, and a good place is good.
  EXPECT_FALSE(std::filesystem::exists(dataDir() + "/backup"));
  EXPECT_EQ(ctl(daemon->address(), "backup " + backupDir()).exitCode, 0);
  EXPECT_THAT(refused(backupDir()), HasSubstr("name a directory that is new"));
}

TEST_F(BackupTest, SaysThatItMayNotWriteThere) {
  if (geteuid() != 0) GTEST_SKIP() << "needs to become somebody else";
  std::filesystem::create_directory(dataDir());
  ASSERT_EQ(chown(dataDir().c_str(), 65534, 65534), 0);
  // The daemon keeps the group: it may pass through here, and not write.
  std::filesystem::permissions(
      directory, std::filesystem::perms::group_exec | std::filesystem::perms::group_read,
      std::filesystem::perm_options::add);
  DaemonStart what = onDataDir();
  what.asNobody = true;
  const auto daemon = start(what);
  const CommandResult answer = ctl(daemon->address(), "backup " + backupDir());
  EXPECT_EQ(answer.exitCode, 4);
  EXPECT_THAT(answer.output, HasSubstr("Permission denied; check owner"));
}

}  // namespace
}  // namespace holdfast::test
