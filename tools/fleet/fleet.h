// All simulated ranks and their connections to the controller.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/client.h"
#include "client/client_thread.h"
#include "core/types.h"
#include "fleet/options.h"
#include "fleet/simulated_rank.h"

namespace holdfast::fleet {

class Fleet {
 public:
  // Starts connecting at once.
  explicit Fleet(const Options& options);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  size_t workers() const { return workers_.size(); }
  size_t registered() const { return registered_.load(); }
  // Whether some worker ever lost its session.
  bool sessionsWereLost() const { return sessionsLost_.load(); }
  // Why some worker will never register; empty if none.
  std::string givenUp() const;

  // The index of an instance by the name it has at the controller.
  std::optional<size_t> instanceNamed(const std::string& name) const;

  // All ranks of the instance use the prompt and report what that changed. Returns the hits.
  size_t serve(size_t instance, std::span<const ChunkHash> prompt);

  // Waits until all reports are committed; false if that did not come about in time.
  bool flush(uint32_t timeoutMs);
  // Deregisters all. How many could not in time.
  size_t leave(uint32_t timeoutMs);

  // What the counters are compared with, for everything "since" below.
  void markStart();
  // Admits and evicts since the start.
  uint64_t operations() const;

  // What the controller said to one worker since the start.
  struct Resumption {
    std::string instance;
    uint32_t rank = 0;
    bool reconnected = false;
    bool askedForAnything = false;  // for keys that it had been sent before
    uint64_t keysResent = 0;
  };
  std::vector<Resumption> resumptions() const;

  // The ground truth: from the simulated caches, and nothing else.
  RegistryDigest contentDigest() const;
  uint64_t cachedChunks() const;

 private:
  struct Worker {
    SimulatedRank rank;
    std::unique_ptr<Client> client;
    ClientCounters atStart;
  };

  void onState(bool& isRegistered, ClientState state, const std::string& reason);

  uint32_t ranks_;
  std::unordered_map<std::string, size_t> instances_;
  std::atomic<size_t> registered_{0};
  std::atomic<bool> sessionsLost_{false};
  mutable std::mutex mutex_;
  std::string givenUp_;  // guarded by mutex_

  // In this order: clients go before the threads that serve them.
  std::vector<std::unique_ptr<ClientThread>> threads_;
  std::vector<Worker> workers_;  // rank r of instance i at i * ranks_ + r
};

}  // namespace holdfast::fleet
