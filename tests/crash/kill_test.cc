// kill -9 at random moments under load: what the restarted controller holds is what the workers
// hold, without anything sent again.
//
//   HOLDFAST_KILLS=n kills so often (50), HOLDFAST_SEED=n draws the same moments again.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "client/client.h"
#include "core/registry_digest.h"
#include "tests/daemon/daemon_process.h"
#include "tests/support/repetitions.h"

namespace holdfast::test {
namespace {

constexpr size_t kCapacity = 3'000;
constexpr uint32_t kInstances = 2;
constexpr uint32_t kRanks = 4;

// A worker with a first-in-first-out cache that never rests, on a thread of its own.
class BusyWorker {
 public:
  BusyWorker(ClientThread& thread, const std::string& controller, const std::string& instance,
             uint32_t rank, uint64_t seed)
      : instance_(instance),
        rank_(rank),
        random_(seed),
        client_(thread,
                [&] {
                  ClientOptions options;
                  options.controller = controller;
                  options.instance = instance;
                  options.worker = rank;
                  options.worldSize = kRanks;
                  options.locations = {{.name = "cpu", .contents = {}}};
                  options.backoffMaxMs = 200;
                  return options;
                }()),
        cpu_(client_.location("cpu")) {}
  ~BusyWorker() { pause(); }

  void resume() {
    running_ = true;
    thread_ = std::thread([this] {
      while (running_) {
        work();
        std::this_thread::yield();
      }
    });
  }
  void pause() {
    running_ = false;
    if (thread_.joinable()) thread_.join();
  }
  // While paused.
  void addTo(RegistryDigest& digest) const {
    KeyDigest keys;
    for (const ChunkHash key : held_) keys.add(key);
    if (!held_.empty()) digest.addContent(instance_, rank_, "cpu", held_.size(), keys);
  }
  size_t held() const { return held_.size(); }
  std::string describe() {
    const ClientLocationStatus cpu = client_.locations()[0];
    return instance_ + " worker " + std::to_string(rank_) + " is " +
           std::string(clientStateName(client_.state())) + ", last seq " +
           std::to_string(cpu.lastSeq) + ", committed " + std::to_string(cpu.committedSeq) +
           ", queued " + std::to_string(cpu.queued) + ", last decision " +
           std::string(reasonName(cpu.reason)) + "\n";
  }
  Client& client() { return client_; }

 private:
  void work() {
    std::vector<ChunkHash> admitted;
    std::vector<ChunkHash> evicted;
    for (int i = 0; i < 20; ++i) {
      const ChunkHash key = splitmix64Finalise(random_() % 20'000);
      if (!held_.insert(key).second) continue;
      order_.push_back(key);
      admitted.push_back(key);
    }
    while (order_.size() > kCapacity) {
      evicted.push_back(order_.front());
      held_.erase(order_.front());
      order_.pop_front();
    }
    client_.admit(cpu_, admitted);
    client_.evict(cpu_, evicted);
    // As fast as the controller takes it, and no faster: a queue that overflows loses its order.
    while (running_ && client_.locations()[0].queued > 20'000) std::this_thread::yield();
  }

  const std::string instance_;
  const uint32_t rank_;
  std::mt19937_64 random_;
  Client client_;
  LocationHandle cpu_;
  std::set<ChunkHash> held_;
  std::deque<ChunkHash> order_;
  std::atomic<bool> running_{false};
  std::thread thread_;
};

using KillTest = DaemonTest;

TEST_F(KillTest, NothingIsLostAndNothingIsSentAgain) {
  const uint64_t seed = fromEnvironment("HOLDFAST_SEED", std::random_device{}());
  const uint64_t kills = repetitions("HOLDFAST_KILLS", 50);
  SCOPED_TRACE("replay with HOLDFAST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);

  auto daemon = startOnSocket();
  ClientThread thread;
  std::vector<std::unique_ptr<BusyWorker>> workers;
  for (uint32_t i = 0; i < kInstances * kRanks; ++i) {
    workers.push_back(std::make_unique<BusyWorker>(
        thread, socketAddress(), "instance-" + std::to_string(i / kRanks), i % kRanks, seed + i));
  }
  for (uint64_t kill = 1; kill <= kills; ++kill) {
    for (auto& worker : workers) worker->resume();
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 150));
    daemon->signal(SIGKILL);
    ASSERT_EQ(daemon->wait(), -SIGKILL);
    daemon = startOnSocket();
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
