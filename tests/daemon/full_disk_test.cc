// A disk that fills up under a running daemon: read-only, said so, and nothing lost when there is
// room again. On a small tmpfs, so only for root.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "client/client.h"
#include "client/lookup_client.h"
#include "daemon_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

class FullDiskTest : public DaemonTest {
 protected:
  void SetUp() override {
    disk_ = directory / "disk";
    std::filesystem::create_directory(disk_);
    if (mount("none", disk_.c_str(), "tmpfs", 0, "size=48m") != 0) {
      GTEST_SKIP() << "cannot mount a tmpfs here; tests/store covers the same with a file system "
                      "that fails";
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) umount2(disk_.c_str(), MNT_DETACH);
  }

  DaemonStart onDisk() const {
    return {.arguments = {"--data-dir", (disk_ / "data").string(), "--listen", "127.0.0.1:0",
                          "--create"},
            .environment = {}};
  }
  // Takes all the room but this.
  void leaveRoom(uint64_t bytes) {
    const auto space = std::filesystem::space(disk_);
    std::ofstream ballast(disk_ / "ballast", std::ios::binary | std::ios::app);
    const std::string block(64 << 10, 'x');
    for (uint64_t left = space.available; left > bytes + block.size(); left -= block.size()) {
      ballast << block;
    }
  }
  void makeRoom() { std::filesystem::remove(disk_ / "ballast"); }

  std::filesystem::path disk_;
  bool mounted_ = false;
};

TEST_F(FullDiskTest, GoesReadOnlyAndRecoversWithNothingLost) {
  auto daemon = start(onDisk());
  const std::string address = daemon->address();
  ClientThread thread;
  Client client(thread, {.controller = address,
                         .instance = "llama",
                         .worker = 0,
                         .ip = "10.0.0.1",
                         .port = 1,
                         .peerUrl = {},
                         .model = {},
                         .worldSize = 1,
                         .hashing = {},
                         .locations = {{.name = "gpu", .contents = {}}}});
  const LocationHandle gpu = client.location("gpu");
  uint64_t next = 0;
  const auto admitMore = [&](size_t count) {
    std::vector<ChunkHash> keys(count);
    for (ChunkHash& key : keys) key = splitmix64Finalise(next++);
    client.admit(gpu, keys);
  };
  admitMore(10'000);
  ASSERT_TRUE(client.flush(60'000));

  leaveRoom(512 << 10);
  ASSERT_TRUE(eventually([&]() {
    if (client.state() == ClientState::kPaused) return true;
    admitMore(20'000);
    return false;
  })) << daemon->log();
  ASSERT_TRUE(eventually([&]() { return statusText(address, "storeWritable") == "false"; }));
  EXPECT_THAT(statusText(address, "storeReason"), HasSubstr("space"));
  EXPECT_THAT(ctl(address, "status").output, HasSubstr("READ-ONLY"));
  EXPECT_EQ(ctl(address, "status").exitCode, 0);
  EXPECT_EQ(ctl(address, "status --check").exitCode, 7);
  EXPECT_EQ(ctl(address, "status --check --json").exitCode, 7);
  EXPECT_THAT(daemon->log(), HasSubstr("read-only"));
  // Look-ups go on, and what the engine does meanwhile is kept.
  {
    LookupClient lookups(thread, {.controller = address});
    const auto found = lookups.lookup({splitmix64Finalise(0), splitmix64Finalise(1)});
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found.value().layouts.size(), 1u);
    EXPECT_EQ(found.value().layouts[0].matchedChunks, 2u);
  }
  admitMore(5'000);
  EXPECT_FALSE(client.flush(100));

  makeRoom();
  EXPECT_TRUE(client.flush(60'000)) << daemon->log();
  EXPECT_EQ(statusText(address, "storeWritable"), "true");
  EXPECT_EQ(ctl(address, "status --check").exitCode, 0);
  EXPECT_EQ(statusNumber(address, "memberships"), next);
  EXPECT_EQ(client.counters().losses, 0u);
  EXPECT_EQ(client.counters().keysResent(), 0u);

  const std::string digest = statusText(address, "contentDigest");
  daemon->signal(SIGKILL);
  daemon->wait();
  daemon = start(onDisk());
  EXPECT_EQ(statusText(daemon->address(), "contentDigest"), digest);
}

// Whatever is left of it: a probe fits or not, and what an open writes may not fit behind it.
TEST_F(FullDiskTest, StartsOnAFullDiskAndGoesOnWhenThereIsRoom) {
  auto daemon = start(onDisk());
  {
    ClientThread thread;
    ClientOptions options;
    options.controller = daemon->address();
    options.instance = "llama";
    options.locations = {{.name = "gpu", .contents = {}}};
    Client client(thread, options);
    std::vector<ChunkHash> keys(500'000);
    for (size_t i = 0; i < keys.size(); ++i) keys[i] = splitmix64Finalise(i);
    client.admit(client.location("gpu"), keys);
    ASSERT_TRUE(client.flush(60'000));
  }
  const std::string digest = statusText(daemon->address(), "contentDigest");
  for (const uint64_t room : {0, 64 << 10, 1 << 20, 1280 << 10, 2 << 20, 3 << 20}) {
    daemon->signal(SIGKILL);
    daemon->wait();
    leaveRoom(room);
    daemon = start(onDisk());
    ASSERT_TRUE(daemon->ready()) << room << "\n" << daemon->log();
    const std::string address = daemon->address();
    EXPECT_EQ(statusText(address, "contentDigest"), digest) << room;
    if (room < 1 << 20) {
      ASSERT_TRUE(eventually([&]() { return statusText(address, "storeWritable") == "false"; }));
      EXPECT_THAT(statusText(address, "storeReason"), HasSubstr("free space on that disk"));
    }
    makeRoom();
    ASSERT_TRUE(eventually([&]() { return statusText(address, "storeWritable") == "true"; }))
        << daemon->log();
  }
}

}  // namespace
}  // namespace holdfast::test
