// A whole fleet in one process: the real controller on the store in memory, workers with the real
// state machine and operation ledger of the client, and a network and clock of the test's. Faults
// of every kind come from one seed: reports and batches are lost, repeated, delayed and reordered,
// connections are cut, processes and machines crash on both sides, while engines empty locations,
// operators clear, pin and move, and some controllers are captured, from their start or from under
// way. What must hold is checked at every step; when the faults stop, every location must come to
// be in sync and every operation to an end within bounded time. A capture, replayed, leads to the
// same registry.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/recorder.h"
#include "client/operation_ledger.h"
#include "client/worker_state.h"
#include "core/controller.h"
#include "tests/simulation/operation_truth.h"
#include "tests/simulation/registry_world.h"
#include "tests/simulation/worker_truth.h"
#include "tests/support/memory_store.h"
#include "tests/support/scratch.h"

namespace holdfast::test {

class ConvergenceWorld {
 public:
  // `makeStore`: another store in memory than a plain one, on what is on the disk; no power is lost
  // then, since that store has told of what was committed.
  using MakeStore = std::function<std::unique_ptr<MemoryStore>(MemoryStore::Disk)>;
  explicit ConvergenceWorld(Random& random, MakeStore makeStore = {});
  // Faults for a while, then none until all is in sync.
  void run();

  // What has come about, added up over worlds.
  struct Seen {
    uint64_t operationsDone = 0;    // by every rank
    uint64_t operationsFailed = 0;  // by some rank, whatever the reason
    uint64_t logsFromAStart = 0;    // replayed
    uint64_t logsFromUnderWay = 0;
    uint64_t clears = 0;  // that heartbeats told, and controllers took
  };
  void addTo(Seen& all) const;

 private:
  struct Connection;
  class Link;

  struct Worker {
    std::string instance;
    uint32_t rank = 0;
    std::vector<WorkerTruth> truths;  // one a location
    std::unique_ptr<WorkerStateMachine> machine;
    std::shared_ptr<OperationLedger> operations;
    uint64_t run = 0;                        // of its process; 0: it has not registered
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
  void change(Worker& worker, size_t location, const std::vector<ChunkHash>& keys, bool evict);
  void clear(Worker& worker, size_t location);
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

  // --- Cache operations ---
  void startOperation();
  // The controller asks the worker, over a registration of this connection.
  void operate(Worker& worker, const std::shared_ptr<Connection>& connection, SessionId session,
               const CacheOperation& operation, WorkerOperation::Ask ask);
  // The engine does it after a while, unless its process is gone by then.
  void begin(Worker& worker, const CacheOperation& operation);
  OperationOutcome perform(Worker& worker, const CacheOperation& operation);

  // --- The controller ---
  const Registry& registry() const { return controller_->registry(); }
  template <typename Input>
  typename Input::Outcome take(const Input& input) {
    return controller_->take(input);
  }
  void startController();
  void crashController();
  void controllerWorks();
  void capture(const std::string& checkpoint);
  void captureUnderWay();
  // What was captured leads to the registry that there is.
  void replayCapture();
  void answerWhenCommitted(Ticket ticket, std::function<void()> send);

  // --- What must hold ---
  void check();
  void checkLocation(const Worker& worker, size_t location);
  void checkIndex();
  static void checkPins(const Location& location, const Keys& held);
  void checkPromises();
  bool converged() const;
  std::string whatIsLeft() const;
  Location* find(const Worker& worker, size_t location) const;

  static inline const std::vector<std::string> kLocations = {"gpu", "disk"};
  static size_t indexOf(std::string_view location) { return location == kLocations[0] ? 0 : 1; }
  static constexpr uint64_t kKeys = 24;
  static ChunkHash keyOf(uint64_t i);

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

  const MakeStore makeStore_;
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<Controller> controller_;  // null while it is down
  std::vector<Answer> answers_;
  uint64_t upAtMs_ = 0;
  uint64_t tickAtMs_ = 0;
  OperationTruth operations_;
  Seen seen_;

  std::optional<Scratch> captures_;     // where this world's controllers are captured, if they are
  std::unique_ptr<Recorder> recorder_;  // with the controller
  std::string captureFolder_;           // of the log that is kept; empty: none is
  bool capturedUnderWay_ = false;       // that log
  MemoryStore::Disk checkpoint_;        // that the log begins with
  bool captureWanted_ = false;
};

}  // namespace holdfast::test
