// kill -9 at random moments of a full sync: it goes on where it was, and what the controller has
// stored is not sent again.
//
//   HOLDFAST_KILLS=n kills so often (50), HOLDFAST_SEED=n draws the same moments again.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>
#include <thread>

#include "client/client.h"
#include "core/registry/registry_digest.h"
#include "tests/daemon/daemon_process.h"
#include "tests/support/repetitions.h"

namespace holdfast::test {
namespace {

constexpr uint64_t kKeys = 800'000;

using SyncKillTest = DaemonTest;

TEST_F(SyncKillTest, AFullSyncGoesOnAndNothingStoredIsSentAgain) {
  const uint64_t seed = fromEnvironment("HOLDFAST_SEED", std::random_device{}());
  const uint64_t kills = repetitions("HOLDFAST_KILLS", 50);
  SCOPED_TRACE("replay with HOLDFAST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::set<ChunkHash> held;
  for (uint64_t i = 0; i < kKeys; ++i) held.insert(splitmix64Finalise(i));

  auto daemon = startOnSocket();
  ClientThread thread;
  ClientOptions options;
  options.controller = socketAddress();
  options.instance = "a";
  options.backoffMaxMs = 100;
  options.locations = {{"disk", {held.begin(), held.end()}}};
  Client client(thread, options);
  uint64_t resumed = 0;
  for (uint64_t kill = 1; kill <= kills; ++kill) {
    ASSERT_TRUE(eventually([&] { return statusNumber(socketAddress(), "locationsInSync") == 1; }))
        << ctl(socketAddress(), "diverged").output << daemon->log();
    ASSERT_EQ(ctl(socketAddress(), "sync a 0").exitCode, 0);
    // The worker goes on meanwhile.
    const std::vector<ChunkHash> admitted = {random(), random()};
    const std::vector<ChunkHash> evicted = {*held.begin()};
    client.admit(LocationHandle{0}, admitted);
    client.evict(LocationHandle{0}, evicted);
    held.insert(admitted.begin(), admitted.end());
    held.erase(evicted[0]);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 120));
    daemon->signal(SIGKILL);
    ASSERT_EQ(daemon->wait(), -SIGKILL);
    ASSERT_TRUE(eventually([&] { return client.state() != ClientState::kRegistered; }));
    const uint64_t sent = client.counters().fullSyncKeys;
    daemon = startOnSocket();
    ASSERT_TRUE(eventually([&] { return statusNumber(socketAddress(), "locationsInSync") == 1; }))
        << ctl(socketAddress(), "diverged").output << daemon->log();
    EXPECT_EQ(client.counters().fullSyncKeys - sent, statusNumber(socketAddress(), "resyncedKeys"))
        << "kill " << kill << ": batches that were stored came again\n"
        << daemon->log();
    resumed += statusNumber(socketAddress(), "fullSyncsResumed");
    ASSERT_TRUE(client.flush(60'000));
    KeyDigest digest;
    for (const ChunkHash key : held) digest.add(key);
    RegistryDigest truth;
    truth.addContent("a", 0, "disk", held.size(), digest);
    ASSERT_EQ(statusText(socketAddress(), "contentDigest"), truth.hex()) << "kill " << kill;
  }
  std::cout << kills << " kills, " << resumed << " of them in the middle of a full sync\n";
  EXPECT_GT(resumed, kills / 10);
}

}  // namespace
}  // namespace holdfast::test
