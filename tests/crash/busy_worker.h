// A worker with a first-in-first-out cache that never rests: what is reported goes on until the
// moment of a kill, and what it holds is known exactly.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"
#include "core/registry/registry_digest.h"

namespace holdfast::test {

struct BusyWorkerOptions {
  std::string controller = {};
  std::string instance = {};
  uint32_t rank = 0;
  uint32_t ranks = 1;
  size_t capacity = 3'000;      // chunks
  uint32_t backoffMaxMs = 200;  // of its connection
  uint64_t clearOneIn = 0;      // turns of its work, each of some 20 admits; 0: it never clears
  uint64_t seed = 1;
};

class BusyWorker {
 public:
  // Connects at once, works from resume() on. `thread` outlives it.
  BusyWorker(ClientThread& thread, const BusyWorkerOptions& options);
  ~BusyWorker() { pause(); }

  // Works on a thread of its own, as fast as the controller takes it, until pause().
  void resume();
  void pause();

  // While paused: what it holds.
  void addTo(RegistryDigest& digest) const;
  size_t held() const { return held_.size(); }
  // Where it stands, for the message of a failure.
  std::string describe();
  Client& client() { return client_; }

 private:
  void work();

  const BusyWorkerOptions options_;
  std::mt19937_64 random_;
  Client client_;
  const LocationHandle cpu_;
  std::set<ChunkHash> held_;
  std::deque<ChunkHash> order_;
  std::atomic<bool> running_{false};
  std::thread thread_;
};

// `instances` x `ranks` of them, "instance-0" and on, each with a seed of its own; `of` gives the
// rest.
std::vector<std::unique_ptr<BusyWorker>> busyWorkers(ClientThread& thread, uint32_t instances,
                                                     uint32_t ranks, const BusyWorkerOptions& of);

}  // namespace holdfast::test
