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

class KillTest : public DaemonTest {
 protected:
  using Workers = std::vector<std::unique_ptr<BusyWorker>>;

  // Kills so often while the workers are busy; each time what the restarted controller holds must
  // be what they hold.
  void killUnderLoad(Workers& workers) {
    auto daemon = startOnSocket();
    for (uint64_t kill = 1; kill <= kills_; ++kill) {
      for (auto& worker : workers) worker->resume();
      std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 150));
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
  }
  // How many operations were sent.
  uint64_t expectNothingSentAgain(const Workers& workers) const {
    uint64_t sent = 0;
    for (const auto& worker : workers) {
      const ClientCounters counters = worker->client().counters();
      EXPECT_EQ(counters.keysResent(), 0u);
      EXPECT_EQ(counters.losses, 0u);
      EXPECT_EQ(counters.decisionsDiverged, 0u);
      EXPECT_GE(counters.registrations, kills_);
      sent += counters.operationsSent;
    }
    return sent;
  }

  BusyWorkerOptions options() const {
    BusyWorkerOptions of;
    of.controller = socketAddress();
    of.capacity = kCapacity;
    of.seed = seed_;
    return of;
  }

  const uint64_t kills_ = repetitions("HOLDFAST_KILLS", 50);
  const uint64_t seed_ = fromEnvironment("HOLDFAST_SEED", std::random_device{}());
  const testing::ScopedTrace trace_{__FILE__, __LINE__,
                                    "replay with HOLDFAST_SEED=" + std::to_string(seed_)};
  std::mt19937_64 random_{seed_};
  ClientThread thread_;
};

TEST_F(KillTest, NothingIsLostAndNothingIsSentAgain) {
  auto workers = busyWorkers(thread_, kInstances, kRanks, options());
  killUnderLoad(workers);
  const uint64_t sent = expectNothingSentAgain(workers);
  for (auto& worker : workers) EXPECT_GT(worker->held(), kCapacity / 2);
  std::cout << kills_ << " kills, " << sent << " operations sent, none twice\n";
}

TEST_F(KillTest, WhatWasClearedStaysSoAndNeedsNoFullSync) {
  BusyWorkerOptions of = options();
  of.clearOneIn = 50;
  auto workers = busyWorkers(thread_, kInstances, kRanks, of);
  killUnderLoad(workers);
  const uint64_t sent = expectNothingSentAgain(workers);
  uint64_t clears = 0;
  for (auto& worker : workers) clears += worker->client().counters().clears;
  EXPECT_GT(clears, kills_);
  std::cout << kills_ << " kills, " << clears << " clears, " << sent << " operations sent\n";
}

}  // namespace
}  // namespace holdfast::test
