// A whole fleet in one process: the real registry on the store in memory, workers with the real
// state machine of the client, and a network and clock of the test's. Faults of every kind come
// from one seed: reports and batches are lost, repeated, delayed and reordered, connections are
// cut, processes and machines crash on both sides. What must hold is checked at every step; when
// the faults stop, every location must come to be in sync within bounded time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "client/worker_state.h"
#include "core/registry/registry.h"
#include "tests/simulation/registry_world.h"
#include "tests/simulation/worker_truth.h"
#include "tests/support/memory_store.h"

namespace holdfast::test {

class ConvergenceWorld {
 public:
  explicit ConvergenceWorld(Random& random);
  // Faults for a while, then none until all is in sync.
  void run();

 private:
  struct Connection;
  class Link;

  struct Worker {
    std::string instance;
    uint32_t rank = 0;
    std::vector<WorkerTruth> truths;  // one a location
    std::unique_ptr<WorkerStateMachine> machine;
    std::shared_ptr<Connection> connection;  // null: not connected
    uint64_t connectAtMs = 0;
    uint64_t heartbeatAtMs = 0;
    std::pair<uint64_t, uint64_t> accepted;  // run and attempt of the last registration
  };
  // What a worker was told by a completed full sync, until something else is decided.
  struct Promise {
    uint64_t incarnation = 0;
    uint32_t generation = 0;
  };
  // Where the registry was once seen to equal the worker, content may be behind but not wrong.
  struct Whole {
    uint64_t incarnation = 0;
    uint64_t generation = 0;
  };
  struct Message {
    uint64_t atMs;
    uint64_t order;
    std::function<void()> deliver;
    bool operator<(const Message& other) const {
      return std::pair(atMs, order) > std::pair(other.atMs, other.order);
    }
  };
  struct Answer {
    Ticket ticket;
    std::function<void()> send;
  };

  // --- The network ---
  enum class Direction : uint8_t { kToController, kToWorker };
  // In order with everything else of that direction; lost only with the connection.
  void send(const std::shared_ptr<Connection>& connection, Direction direction,
            std::function<void()> deliver);
  // Lost, repeated, or late by chance.
  void sendUnreliably(const std::shared_ptr<Connection>& connection, std::function<void()> deliver);
  void at(uint64_t ms, std::function<void()> deliver);
  void deliverDue();
  // The worker's end is gone at once; the controller sees it when what was on its way has come.
  void cut(Worker& worker);

  // --- Workers ---
  void startWorker(Worker& worker, bool cacheSurvives);
  void engineWorks(Worker& worker);
  void drive(Worker& worker);
  void connect(Worker& worker);
  void registerOn(Worker& worker);
  void sendReports(Worker& worker);
  static void joinToLast(const Connection& connection, size_t location,
                         WorkerStateMachine::OutgoingReport& report);
  void sendSync(Worker& worker, const FullSyncMessage& message);
  void sendHeartbeat(Worker& worker);
  // Calls `handle` with the machine, where the answer still means something.
  void answer(const std::shared_ptr<Connection>& connection,
              std::function<void(Worker&, WorkerStateMachine&)> handle);

  // --- The controller ---
  void startController();
  void crashController();
  void controllerWorks();
  void answerWhenCommitted(Ticket ticket, std::function<void()> send);

  // --- What must hold ---
  void check();
  void checkLocation(const Worker& worker, size_t location);
  void checkIndex();
  void checkPromises();
  bool converged() const;
  std::string whatIsLeft() const;
  Location* find(const Worker& worker, size_t location) const;

  bool faulty(uint32_t percent) { return faults_ && chance(random_, percent); }

  Random& random_;
  FakeClock clock_;
  IgnoredNotices notices_;
  bool faults_ = true;
  uint32_t lossPercent_ = 0;
  std::priority_queue<Message> messages_;
  uint64_t nextMessage_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::map<std::pair<const Worker*, size_t>, Promise> promises_;
  std::map<std::pair<const Worker*, size_t>, Whole> whole_;

  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<Registry> registry_;  // null while it is down
  std::vector<Answer> answers_;
  uint64_t upAtMs_ = 0;
  uint64_t tickAtMs_ = 0;
};

}  // namespace holdfast::test
