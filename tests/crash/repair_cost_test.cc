// What repair costs: nothing where nothing diverged, the missing operations where the worker still
// has them, one full sync of one location where it has not. Counted on both sides.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "core/registry/registry_digest.h"
#include "tests/daemon/daemon_process.h"

namespace holdfast::test {
namespace {

const std::vector<std::string> kLocations = {"gpu", "disk"};

class RepairCostTest : public DaemonTest {
 protected:
  void startDaemon() { daemon_ = startOnSocket(); }
  void stopDaemon() {
    daemon_->signal(SIGTERM);
    ASSERT_EQ(daemon_->wait(), 0) << daemon_->log();
    ASSERT_TRUE(eventually([&] {
      return std::none_of(clients_.begin(), clients_.end(), [](const auto& client) {
        return client->state() == ClientState::kRegistered;
      });
    }));
  }

  // Workers with `keys` chunks in each location, all of them confirmed.
  void startWorkers(uint32_t workers, uint64_t keys, size_t queueOperations = 1'000'000) {
    for (uint32_t rank = 0; rank < workers; ++rank) {
      ClientOptions options;
      options.controller = socketAddress();
      options.instance = "a";
      options.worker = rank;
      options.backoffMaxMs = 200;
      options.queueOperations = queueOperations;
      for (const std::string& name : kLocations) options.locations.push_back({name, {}});
      clients_.push_back(std::make_unique<Client>(thread_, options));
      for (uint32_t i = 0; i < kLocations.size(); ++i) {
        clients_.back()->admit(LocationHandle{i}, keysOf(rank, i, 0, keys));
      }
    }
    for (const auto& client : clients_) ASSERT_TRUE(client->flush(60'000)) << daemon_->log();
  }
  static std::vector<ChunkHash> keysOf(uint32_t rank, uint32_t location, uint64_t first,
                                       uint64_t count) {
    std::vector<ChunkHash> keys;
    for (uint64_t i = first; i < first + count; ++i) {
      keys.push_back(splitmix64Finalise((uint64_t{rank} << 40) + (uint64_t{location} << 32) + i));
    }
    return keys;
  }
  struct Sent {
    uint64_t operations = 0;
    uint64_t syncKeys = 0;
    uint64_t fullSyncs = 0;
  };
  Sent sent() const {
    Sent all;
    for (const auto& client : clients_) {
      const ClientCounters counters = client->counters();
      all.operations += counters.operationsSent;
      all.syncKeys += counters.fullSyncKeys;
      all.fullSyncs += counters.fullSyncs;
    }
    return all;
  }
  bool allInSync() const {
    return eventually([&] {
      return statusNumber(socketAddress(), "workersActive") == clients_.size() &&
             statusNumber(socketAddress(), "locationsInSync") ==
                 clients_.size() * kLocations.size();
    });
  }

  std::unique_ptr<DaemonProcess> daemon_;
  ClientThread thread_;
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_F(RepairCostTest, ACleanRestartMovesNothing) {
  startDaemon();
  startWorkers(8, 10'000);
  const Sent before = sent();
  stopDaemon();
  startDaemon();
  ASSERT_TRUE(allInSync()) << ctl(socketAddress(), "workers").output;
  EXPECT_EQ(sent().operations, before.operations);
  EXPECT_EQ(sent().syncKeys, 0u);
  EXPECT_EQ(statusNumber(socketAddress(), "reports"), 0u);
  EXPECT_EQ(statusNumber(socketAddress(), "fullSyncsStarted"), 0u);
}

TEST_F(RepairCostTest, WhatWasDoneMeanwhileIsAllThatMoves) {
  constexpr uint64_t kMeanwhile = 12'345;
  startDaemon();
  startWorkers(8, 10'000);
  const Sent before = sent();
  stopDaemon();
  clients_[3]->admit(LocationHandle{1}, keysOf(3, 1, 10'000, kMeanwhile));
  startDaemon();
  ASSERT_TRUE(clients_[3]->flush(60'000)) << daemon_->log();
  ASSERT_TRUE(allInSync()) << ctl(socketAddress(), "workers").output;
  EXPECT_EQ(sent().operations - before.operations, kMeanwhile);
  EXPECT_EQ(sent().syncKeys, 0u);
  EXPECT_EQ(statusNumber(socketAddress(), "operations"), kMeanwhile);
  EXPECT_EQ(statusNumber(socketAddress(), "fullSyncsStarted"), 0u);
}

TEST_F(RepairCostTest, OneLocationBeyondItsRingLeadsToOneFullSyncOfItAlone) {
  constexpr uint64_t kKeys = 1'000;
  constexpr uint64_t kMeanwhile = 6'000;
  startDaemon();
  startWorkers(100, kKeys, 5'000);
  const Sent before = sent();
  stopDaemon();
  // More than the queue takes: the numbering of that location begins anew.
  clients_[42]->admit(LocationHandle{0}, keysOf(42, 0, kKeys, kMeanwhile));
  startDaemon();
  // Until then the worker may be in sync with what it stated before it took them over.
  ASSERT_TRUE(clients_[42]->flush(60'000)) << daemon_->log();
  ASSERT_TRUE(allInSync()) << ctl(socketAddress(), "diverged").output << daemon_->log();
  EXPECT_EQ(sent().operations, before.operations);
  EXPECT_EQ(sent().fullSyncs, 1u);
  EXPECT_EQ(clients_[42]->counters().fullSyncs, 1u);
  EXPECT_EQ(sent().syncKeys, kKeys + kMeanwhile);
  EXPECT_EQ(statusNumber(socketAddress(), "fullSyncsStarted"), 1u);
  EXPECT_EQ(statusNumber(socketAddress(), "resyncedKeys"), kKeys + kMeanwhile);
  RegistryDigest truth;
  for (uint32_t rank = 0; rank < clients_.size(); ++rank) {
    for (uint32_t i = 0; i < kLocations.size(); ++i) {
      const auto keys = keysOf(rank, i, 0, rank == 42 && i == 0 ? kKeys + kMeanwhile : kKeys);
      KeyDigest digest;
      for (const ChunkHash key : keys) digest.add(key);
      truth.addContent("a", rank, kLocations[i], keys.size(), digest);
    }
  }
  EXPECT_EQ(statusText(socketAddress(), "contentDigest"), truth.hex());
}

}  // namespace
}  // namespace holdfast::test
