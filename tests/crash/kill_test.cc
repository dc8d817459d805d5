// kill -9 at random moments under load: what the restarted controller holds is what the workers
// hold, without anything sent again.
//
//   HOLDFAST_KILLS=n kills so often (50), HOLDFAST_SEED=n draws the same moments again.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "client/client.h"
#include "core/registry/registry_digest.h"
#include "tests/crash/busy_worker.h"
#include "tests/daemon/daemon_process.h"
#include "tests/support/repetitions.h"

namespace holdfast::test {
namespace {

constexpr size_t kCapacity = 3'000;  // of a worker
constexpr uint32_t kInstances = 2;
constexpr uint32_t kRanks = 4;

using KillTest = DaemonTest;

TEST_F(KillTest, NothingIsLostAndNothingIsSentAgain) {
  const uint64_t seed = fromEnvironment("HOLDFAST_SEED", std::random_device{}());
  const uint64_t kills = repetitions("HOLDFAST_KILLS", 50);
  SCOPED_TRACE("replay with HOLDFAST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);

  auto daemon = startOnSocket();
  ClientThread thread;
  BusyWorkerOptions of;
  of.controller = socketAddress();
  of.capacity = kCapacity;
  of.seed = seed;
  const auto workers = busyWorkers(thread, kInstances, kRanks, of);
  for (uint64_t kill = 1; kill <= kills; ++kill) {
    for (auto& worker : workers) worker->resume();
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 150));
    daemon->signal(SIGKILL);
    ASSERT_EQ(daemon->wait(), -SIGKILL);
    daemon = startOnSocket();
    // A kill is no damage, and must not be taken for it.
    ASSERT_EQ(daemon->log().find("lost writes"), std::string::npos) << daemon->log();
    for (auto& worker : workers) worker->pause();
    RegistryDigest truth;
    for (auto& worker : workers) {
      ASSERT_TRUE(worker->client().flush(20'000))
          << "kill " << kill << ": " << worker->describe() << daemon->log()
          << ctl(socketAddress(), "workers").output;
      worker->addTo(truth);
    }
    ASSERT_EQ(statusText(socketAddress(), "contentDigest"), truth.hex()) << "kill " << kill;
  }
  uint64_t sent = 0;
  for (auto& worker : workers) {
    const ClientCounters counters = worker->client().counters();
    EXPECT_EQ(counters.keysResent(), 0u);
    EXPECT_EQ(counters.losses, 0u);
    EXPECT_EQ(counters.decisionsDiverged, 0u);
    EXPECT_GE(counters.registrations, kills);
    EXPECT_GT(worker->held(), kCapacity / 2);
    sent += counters.operationsSent;
  }
  std::cout << kills << " kills, " << sent << " operations sent, none twice\n";
}

}  // namespace
}  // namespace holdfast::test
