// All simulated ranks and their connections to the controller.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/client.h"
#include "client/client_thread.h"
#include "core/types.h"
#include "fleet/fault_gate.h"
#include "fleet/fault_schedule.h"
#include "fleet/options.h"
#include "fleet/recent_work.h"
#include "fleet/router.h"
#include "fleet/simulated_rank.h"
#include "locks/mutex.h"

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
  // Whether some rank holds the chunk: the truth.
  bool holds(ChunkHash chunk) const;
  // Who holds the beginning of the prompt: the truth.
  std::vector<PrefixHolder> holders(std::span<const ChunkHash> prompt) const;

  // All ranks of the instance use the prompt and report what that changed. Returns the hits: the
  // leading chunks that all of them had.
  size_t serve(size_t instance, std::span<const ChunkHash> prompt);

  // Carries out a fault: a restart at once, the others with the worker's next report.
  void suffer(const FaultPlan::Event& event);
  // Leaves reports alone from now on.
  void stopFaults();

  // Waits until all reports are committed; false on time-out.
  bool flush(uint32_t timeoutMs);
  // Deregisters all workers. Returns how many did not finish in time.
  size_t leave(uint32_t timeoutMs);

  // Sums of clients' counters.
  struct Totals {
    uint64_t operations = 0;  // admits and evicts
    uint64_t reconnects = 0;
    uint64_t keysResent = 0;  // that the controller had been sent before
    uint64_t decisionsDiverged = 0;
    uint64_t replays = 0;
    uint64_t replayedOperations = 0;
    uint64_t fullSyncs = 0;
    uint64_t fullSyncKeys = 0;

    void add(const Totals& other);
    void remove(const Totals& other);
  };
  // What the counters are compared with, for everything "since" below.
  void markStart();
  Totals sinceStart() const;
  uint64_t restarts() const { return restarts_; }

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

  // Of the clock that pins in the caches end by.
  static uint64_t nowMs();
  uint64_t pinnedChunks();
  uint64_t compressedChunks() const;

 private:
  class Operations;
  struct Worker {
    std::shared_ptr<FaultGate> gate;  // null: no faults
    bool isRegistered = false;        // the client thread's, as long as there is a client
    std::unique_ptr<Client> client;
    Totals past;  // of its earlier clients
    Totals atStart;
  };

  void connect(size_t index);
  void restart(size_t index, bool diskSurvives);
  void onState(Worker& worker, ClientState state, const std::string& reason);
  static Totals totalsOf(const Worker& worker);
  static Totals sinceStart(const Worker& worker);

  const std::string controller_;
  const ClientSecurity security_;
  const uint32_t ranksPerInstance_;
  std::unordered_map<std::string, size_t> instances_;
  std::atomic<size_t> registered_{0};
  std::atomic<bool> sessionsLost_{false};
  uint64_t restarts_ = 0;
  // The caches are used by the thread that serves and, for the controller's operations, by those of
  // the clients. Held while a change is made and reported, so that both happen in one order.
  mutable Mutex caches_;
  mutable Mutex mutex_;
  std::string givenUp_ HOLDFAST_GUARDED_BY(mutex_);

  // In this order: clients go before the threads that serve them.
  std::vector<std::unique_ptr<ClientThread>> threads_;
  // Rank r of instance i at i * ranksPerInstance_ + r. Changed under caches_; but the thread that
  // serves reads without it what it alone changes, so clang cannot be told.
  std::vector<SimulatedRank> ranks_;
  std::vector<Worker> workers_;
  RecentWork work_ HOLDFAST_GUARDED_BY(caches_);
};

}  // namespace holdfast::fleet
