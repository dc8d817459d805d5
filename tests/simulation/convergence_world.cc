#include "tests/simulation/convergence_world.h"

#include <algorithm>
#include <variant>

#include "core/operations/event_summary.h"

namespace holdfast::test {
namespace {

constexpr uint64_t kHeartbeatMs = 100;
constexpr uint64_t kSteps = 220;
// Everything that may be waited for, one after the other: time-outs, back-offs, queues.
constexpr uint64_t kSettleMs = 120'000;

ControllerOptions controllerOptions() {
  ControllerOptions options;
  RegistryOptions& registry = options.registry;
  registry.lifeCycle.heartbeatTimeoutMs = 1'000;
  registry.lifeCycle.lostGraceMs = 20'000;
  registry.repair.replayAgainMs = 100;
  registry.repair.replayTimeoutMs = 400;
  registry.repair.fullSync = {.slots = 2,
                              .startTimeoutMs = 400,
                              .inactivityMs = 1'500,
                              .failuresBeforeBackoff = 3,
                              .backoffMs = 200,
                              .backoffMaxMs = 1'000};
  registry.foldFloorOperations = 6;
  registry.index.tableBits = 2;
  options.executor.timeoutMs.fill(3'000);
  options.executor.retentionMs = 2'000;
  options.executor.eventsKeptMax = 8;
  return options;
}

}  // namespace

struct ConvergenceWorld::Connection {
  Worker* worker = nullptr;
  bool openAtWorker = true;
  bool openAtController = true;
  uint64_t arrivalMs[2] = {0, 0};  // of the newest message in order, by direction
  SessionId session = kNoSession;  // as the worker knows it
  SessionId newestAtOpening = kNoSession;
  uint64_t attempt = 0;  // of the registration under way or answered
  std::vector<SessionId> sessions;
  std::vector<std::unique_ptr<WorkerLink>> links;
  WorkerStateMachine::OutgoingReport last[2];  // sent, by location
};

class ConvergenceWorld::Link : public WorkerLink {
 public:
  Link(ConvergenceWorld& world, std::weak_ptr<Connection> connection, uint64_t attempt)
      : world_(world), connection_(std::move(connection)), attempt_(attempt) {}
  void setSession(SessionId session) { session_ = session; }

  void pause(const std::string&) override {
    call([](WorkerStateMachine& machine) { machine.pause(""); });
  }
  void resume() override {
    call([](WorkerStateMachine& machine) { machine.resume(); });
  }
  void superseded(const std::string&) override {}
  void operate(const WorkerOperation& asked) override {
    const CacheOperation copy{asked.number,
                              asked.kind,
                              std::string(asked.location),
                              asked.allChunks,
                              {asked.chunks.begin(), asked.chunks.end()},
                              std::string(asked.method),
                              asked.destination,
                              asked.copy,
                              asked.ttlSeconds};
    world_.answer(connection(),
                  [&world = world_, connection = connection(), attempt = attempt_,
                   session = session_, copy, ask = asked.ask](Worker& worker, WorkerStateMachine&) {
                    if (connection->attempt != attempt) return;
                    world.operate(worker, connection, session, copy, ask);
                  });
  }
  void closed(const std::string&) override { resume(); }
  void replay(const std::string& location, uint64_t incarnation, uint64_t from,
              uint64_t to) override {
    call([&world = world_, connection = connection(), session = session_, location, incarnation,
          from, to](WorkerStateMachine& machine) {
      // Only what has a number can have got lost.
      const WorkerStateMachine::Location& asked =
          machine.locations()[location == kLocations[0] ? 0 : 1];
      if (asked.incarnation == incarnation) {
        EXPECT_LE(to, asked.lastSeq) << "asked again for what was never numbered";
      }
      if (machine.replay(location, incarnation, from, to).accepted) return;
      world.send(connection, Direction::kToController, [&world, session, location, incarnation] {
        world.take(input::ReplayRefused{session, location, incarnation});
      });
    });
  }
  void startFullSync(const std::string& location, Reason, uint64_t continueSyncId) override {
    call([location, continueSyncId](WorkerStateMachine& machine) {
      machine.startFullSync(location, continueSyncId);
    });
  }

 private:
  // The capability is of one registration: what is called on it when the worker has begun another
  // one goes nowhere.
  void call(std::function<void(WorkerStateMachine&)> handle) {
    world_.answer(connection(), [connection = connection(), attempt = attempt_,
                                 handle = std::move(handle)](Worker&, WorkerStateMachine& machine) {
      if (connection->attempt == attempt) handle(machine);
    });
  }

  std::shared_ptr<Connection> connection() const { return connection_.lock(); }

  ConvergenceWorld& world_;
  const std::weak_ptr<Connection> connection_;  // owns this
  const uint64_t attempt_;
  SessionId session_ = kNoSession;
};

ConvergenceWorld::ConvergenceWorld(Random& random, MakeStore makeStore)
    : random_(random),
      lossPercent_(static_cast<uint32_t>(below(random, 12))),
      makeStore_(std::move(makeStore)) {
  store_ = makeStore_ ? makeStore_({}) : std::make_unique<MemoryStore>();
  // Files take longer than all the rest.
  if (chance(random, 2)) captures_.emplace();
  startController();
  for (const auto& [instance, rank] :
       {std::pair{"alpha", 0u}, std::pair{"alpha", 1u}, std::pair{"beta", 0u}}) {
    auto worker = std::make_unique<Worker>();
    worker->instance = instance;
    worker->rank = rank;
    worker->truths.resize(kLocations.size());
    startWorker(*worker, false);
    workers_.push_back(std::move(worker));
  }
}

ChunkHash ConvergenceWorld::keyOf(uint64_t i) {
  if (i == 0) return 0;
  if (i == 1) return UINT64_MAX;
  return splitmix64Finalise(i);
}

// --- The network ---

void ConvergenceWorld::at(uint64_t ms, std::function<void()> deliver) {
  messages_.push({ms, nextMessage_++, std::move(deliver)});
}

void ConvergenceWorld::send(const std::shared_ptr<Connection>& connection, Direction direction,
                            std::function<void()> deliver) {
  uint64_t& arrival = connection->arrivalMs[static_cast<size_t>(direction)];
  arrival = std::max(arrival, clock_.nowMs + (faulty(5) ? below(random_, 300) : below(random_, 3)));
  at(arrival, [this, connection, direction, deliver = std::move(deliver)] {
    const bool open = direction == Direction::kToController
                          ? connection->openAtController && controller_ != nullptr
                          : connection->openAtWorker;
    if (open) deliver();
  });
}

void ConvergenceWorld::sendUnreliably(const std::shared_ptr<Connection>& connection,
                                      std::function<void()> deliver) {
  if (faulty(lossPercent_)) return;
  if (faulty(lossPercent_)) send(connection, Direction::kToController, deliver);
  if (!faulty(lossPercent_)) return send(connection, Direction::kToController, std::move(deliver));
  at(clock_.nowMs + below(random_, 400), [this, connection, deliver = std::move(deliver)] {
    if (connection->openAtController && controller_ != nullptr) deliver();
  });
}

void ConvergenceWorld::deliverDue() {
  while (!messages_.empty() && messages_.top().atMs <= clock_.nowMs) {
    const auto deliver = messages_.top().deliver;
    messages_.pop();
    deliver();
  }
}

void ConvergenceWorld::cut(Worker& worker) {
  const std::shared_ptr<Connection> connection = std::move(worker.connection);
  worker.connection = nullptr;
  worker.connectAtMs = clock_.nowMs + below(random_, faults_ ? 200 : 50);
  if (worker.machine) worker.machine->disconnected();
  if (worker.operations) worker.operations->sessionOver();
  if (connection == nullptr) return;
  connection->openAtWorker = false;
  send(connection, Direction::kToController, [this, connection] {
    connection->openAtController = false;
    for (const SessionId session : connection->sessions) {
      take(input::ConnectionClosed{session});
    }
  });
}

// --- Workers ---

void ConvergenceWorld::startWorker(Worker& worker, bool cacheSurvives) {
  WorkerStateMachine::Options options;
  options.batchOperations = 1 + below(random_, 6);
  options.batchDelayMs = 5;
  options.queueOperations = 30;
  options.ringOperations = 12;
  options.syncBatchKeys = 1 + below(random_, 6);
  for (size_t i = 0; i < kLocations.size(); ++i) {
    WorkerTruth& truth = worker.truths[i];
    // The disk may outlive the process.
    if (!cacheSurvives || i == 0) truth.clear();
    options.locations.push_back({kLocations[i], {truth.keys().begin(), truth.keys().end()}});
  }
  worker.machine =
      std::make_unique<WorkerStateMachine>(std::move(options), [this] { return random_(); });
  worker.operations = std::make_shared<OperationLedger>(
      3, [this, &worker](const CacheOperation& operation) { begin(worker, operation); });
  worker.run = 0;
  for (size_t i = 0; i < kLocations.size(); ++i) {
    worker.truths[i].begin(worker.machine->locations()[i].incarnation);
    promises_.erase({&worker, i});
  }
  worker.connectAtMs = clock_.nowMs + below(random_, 50);
}

void ConvergenceWorld::engineWorks(Worker& worker) {
  const size_t location = below(random_, kLocations.size());
  if (chance(random_, 4)) return clear(worker, location);
  // Sometimes so much at once that the queue cannot take it.
  for (uint64_t runs = faulty(3) ? 12 : 1 + below(random_, 2); runs > 0; --runs) {
    const bool evict = chance(random_, 35);
    std::vector<ChunkHash> keys;
    for (uint64_t n = 1 + below(random_, 5); n > 0; --n) {
      keys.push_back(keyOf(below(random_, kKeys)));
    }
    change(worker, location, keys, evict);
  }
}

void ConvergenceWorld::change(Worker& worker, size_t location, const std::vector<ChunkHash>& keys,
                              bool evict) {
  WorkerTruth& truth = worker.truths[location];
  for (const ChunkHash key : keys) truth.apply(key, evict);
  worker.machine->enqueue(location, keys, evict, clock_.nowMs);
  const WorkerStateMachine::Location& reported = worker.machine->locations()[location];
  // After a full queue an incarnation begins with all that comes before its registration.
  if (truth.knows(reported.incarnation) && !reported.absorbing) return;
  truth.begin(reported.incarnation);
  promises_.erase({&worker, location});
}

void ConvergenceWorld::clear(Worker& worker, size_t location) {
  WorkerTruth& truth = worker.truths[location];
  const WorkerStateMachine::Location& reported = worker.machine->locations()[location];
  truth.clear();
  worker.machine->clear(location);
  // Where the controller knows that it is empty there is nothing to begin.
  if (reported.stated) return;
  truth.beginCleared(reported.incarnation);
  promises_.erase({&worker, location});
}

void ConvergenceWorld::drive(Worker& worker) {
  if (worker.connection == nullptr) {
    if (clock_.nowMs >= worker.connectAtMs && controller_ != nullptr) connect(worker);
    return;
  }
  WorkerStateMachine& machine = *worker.machine;
  if (machine.registrationWanted()) registerOn(worker);
  if (machine.phase() != WorkerStateMachine::Phase::kRegistered) return;
  sendReports(worker);
  const bool due =
      clock_.nowMs >= worker.heartbeatAtMs || (machine.confirmationWanted() && chance(random_, 20));
  if (due && !machine.registrationWanted()) sendHeartbeat(worker);
}

void ConvergenceWorld::connect(Worker& worker) {
  auto connection = std::make_shared<Connection>();
  connection->worker = &worker;
  connection->newestAtOpening = registry().tree().newestSession();
  connections_.push_back(connection);
  worker.connection = connection;
  registerOn(worker);
}

void ConvergenceWorld::registerOn(Worker& worker) {
  const std::shared_ptr<Connection> connection = worker.connection;
  const auto request = worker.machine->beginRegistration();
  Registration message;
  message.instance = worker.instance;
  message.worker = worker.rank;
  message.worldSize = worker.instance == "alpha" ? 2 : 1;
  message.run = worker.run = request.run;
  message.attempt = request.attempt;
  message.locations = request.statements;
  connection->session = kNoSession;
  connection->attempt = request.attempt;
  send(connection, Direction::kToController, [this, connection, message]() mutable {
    message.onLaterConnection = registry().tree().openedSince(message.instance, message.worker,
                                                              connection->newestAtOpening);
    auto link = std::make_unique<Link>(*this, connection, message.attempt);
    auto result = take(input::Register{message, *link});
    if (!result.ok()) {
      send(connection, Direction::kToWorker, [this, connection] {
        if (connection->openAtWorker) cut(*connection->worker);
      });
      return;
    }
    const RegisterOutcome outcome = std::move(result.value());
    auto& [run, newest] = connection->worker->accepted;
    EXPECT_TRUE(message.run != run || message.attempt > newest)
        << "a stale registration was accepted";
    run = message.run;
    newest = message.attempt;
    link->setSession(outcome.session);
    connection->sessions.push_back(outcome.session);
    connection->links.push_back(std::move(link));
    answerWhenCommitted(outcome.ticket, [this, connection, outcome, attempt = message.attempt] {
      answer(connection,
             [connection, outcome, attempt, this](Worker& owner, WorkerStateMachine& machine) {
               if (connection->attempt != attempt) return;
               connection->session = outcome.session;
               EXPECT_FALSE(machine.registered(attempt, outcome.decisions));
               owner.heartbeatAtMs = clock_.nowMs + kHeartbeatMs;
             });
    });
    for (size_t i = 0; i < kLocations.size(); ++i) {
      const Reason reason = outcome.decisions[i].reason;
      if (reason != Reason::kEqual && reason != Reason::kBehind) {
        promises_.erase({connection->worker, i});
      }
    }
  });
}

void ConvergenceWorld::sendReports(Worker& worker) {
  const std::shared_ptr<Connection> connection = worker.connection;
  for (uint64_t n = 1 + below(random_, 4); n > 0; --n) {
    auto report = std::make_shared<WorkerStateMachine::OutgoingReport>();
    if (worker.machine->nextReport(clock_.nowMs, !faults_, *report)) {
      const size_t location = report->location == kLocations[0] ? 0 : 1;
      report->location = kLocations[location];  // outlives the machine, as the message may
      worker.truths[location].sent(*report);
      if (faulty(10)) joinToLast(*connection, location, *report);
      connection->last[location] = *report;
      sendUnreliably(connection, [this, session = connection->session, report] {
        EXPECT_TRUE(take(input::Report{session, report->view()}).ok());
      });
    }
    if (const auto message = worker.machine->nextSync(clock_.nowMs)) sendSync(worker, *message);
  }
}

// Clients may cut what they repeat as they like: the one before comes again, in front of this one.
void ConvergenceWorld::joinToLast(const Connection& connection, size_t location,
                                  WorkerStateMachine::OutgoingReport& report) {
  WorkerStateMachine::OutgoingReport joined = connection.last[location];
  if (joined.keys.empty() || joined.incarnation != report.incarnation ||
      joined.firstSeq + joined.keys.size() != report.firstSeq) {
    return;
  }
  const Operations operations = report.view().operations;
  for (size_t i = 0; i < operations.size(); ++i) {
    joined.append(operations.keys[i], operations.evicts.test(i));
  }
  joined.trimEvicts();
  report = std::move(joined);
}

void ConvergenceWorld::sendSync(Worker& worker, const FullSyncMessage& message) {
  const std::shared_ptr<Connection> connection = worker.connection;
  const SessionId session = connection->session;
  if (const auto* batch = std::get_if<FullSyncBatch>(&message)) {
    auto keys = std::make_shared<std::vector<ChunkHash>>(batch->keys.begin(), batch->keys.end());
    sendUnreliably(connection, [this, session, keys, location = std::string(batch->location),
                                incarnation = batch->incarnation, syncId = batch->syncId,
                                number = batch->number] {
      const FullSyncBatch one{location, incarnation, syncId, number, *keys};
      EXPECT_TRUE(take(input::FullSyncBatch{session, one}).ok());
    });
    return;
  }
  send(connection, Direction::kToController, [this, connection, session, message] {
    if (const auto* start = std::get_if<FullSyncStart>(&message)) {
      const auto result = take(input::FullSyncStart{session, *start});
      if (!result.ok()) return;  // the session is over, and the connection soon
      answerWhenCommitted(
          result.value().ticket, [this, connection, outcome = result.value(), start = *start] {
            answer(connection, [outcome, start](Worker&, WorkerStateMachine& machine) {
              machine.fullSyncStarted(start.location, start.syncId, outcome);
            });
          });
      return;
    }
    std::string location;
    uint64_t incarnation = 0;
    uint64_t syncId = 0;
    Result<FullSyncStatus> status = FullSyncStatus{};
    if (const auto* end = std::get_if<FullSyncEnd>(&message)) {
      std::tie(location, incarnation, syncId) =
          std::tie(end->location, end->incarnation, end->syncId);
      status = take(input::FullSyncEnd{session, *end});
    } else {
      const auto& poll = std::get<FullSyncPoll>(message);
      std::tie(location, incarnation, syncId) =
          std::tie(poll.location, poll.incarnation, poll.syncId);
      status = take(input::FullSyncStatus{session, location, incarnation, syncId});
    }
    if (!status.ok()) return;
    if (status.value().complete) {
      const size_t i = location == kLocations[0] ? 0 : 1;
      const Location* held = find(*connection->worker, i);
      promises_[{connection->worker, i}] = {incarnation, held->record.live.generation};
    }
    answer(connection,
           [this, location, syncId, status = status.value()](Worker&, WorkerStateMachine& machine) {
             machine.fullSyncAnswered(location, syncId, status, clock_.nowMs);
           });
  });
}

void ConvergenceWorld::sendHeartbeat(Worker& worker) {
  worker.heartbeatAtMs = clock_.nowMs + kHeartbeatMs;
  const std::shared_ptr<Connection> connection = worker.connection;
  send(connection, Direction::kToController,
       [this, connection, session = connection->session, statements = worker.machine->heartbeat(),
        attempt = connection->attempt] {
         std::vector<uint64_t> before;
         for (size_t i = 0; i < kLocations.size(); ++i) {
           const Location* location = find(*connection->worker, i);
           before.push_back(location == nullptr ? 0 : location->record.live.incarnation);
         }
         const auto result = take(input::Heartbeat{session, statements});
         if (!result.ok()) {
           // Of an older session, or the worker is cut off.
           answer(connection, [this, connection, attempt](Worker& owner, WorkerStateMachine&) {
             if (connection->attempt == attempt) cut(owner);
           });
           return;
         }
         for (size_t i = 0; i < kLocations.size(); ++i) {
           if (result.value().committed[i].incarnation == before[i]) continue;
           ++seen_.clears;
           promises_.erase({connection->worker, i});
         }
         answer(connection, [connection, attempt, outcome = result.value()](
                                Worker&, WorkerStateMachine& machine) {
           if (connection->attempt != attempt) return;
           machine.heartbeatAnswered(outcome.committed, outcome.decisions);
         });
       });
}

void ConvergenceWorld::answer(const std::shared_ptr<Connection>& connection,
                              std::function<void(Worker&, WorkerStateMachine&)> handle) {
  send(connection, Direction::kToWorker, [connection, handle = std::move(handle)] {
    Worker& worker = *connection->worker;
    if (worker.connection == connection) handle(worker, *worker.machine);
  });
}

// --- The controller ---

void ConvergenceWorld::startController() {
  if (captures_) checkpoint_ = store_->disk();
  controller_ = std::make_unique<Controller>(
      controllerOptions(), clock_, *store_, [this] { return random_(); }, notices_);
  controller_->onSettled([this](const Event& event) {
    operations_.settled(event.record);
    const bool done = summarise(event.record).status == EventStatus::kDone;
    ++(done ? seen_.operationsDone : seen_.operationsFailed);
  });
  recorder_ = std::make_unique<Recorder>(*controller_, notices_);
  EXPECT_EQ(controller_->recovered().quarantined, 0u);
  checkPromises();
  operations_.check(controller_->executor().log());
  if (captures_ && chance(random_, 50)) capture("checkpoint");
}

void ConvergenceWorld::crashController() {
  replayCapture();
  recorder_.reset();
  controller_.reset();
  captureWanted_ = false;
  answers_.clear();
  // A power loss may lead back to before.
  whole_.clear();
  for (const auto& worker : workers_) worker->accepted = {};
  for (const auto& connection : connections_) {
    connection->openAtController = false;
    if (connection->openAtWorker) {
      at(clock_.nowMs + below(random_, 100), [this, connection] {
        if (connection->openAtWorker) cut(*connection->worker);
      });
    }
  }
  Ticket survived = 0;
  MemoryStore::Disk disk = store_->afterCrash();
  if (!makeStore_ && chance(random_, 40)) {
    disk = store_->afterPowerLoss(below(random_, store_->unsynced() + 1), survived);
  }
  store_ =
      makeStore_ ? makeStore_(std::move(disk)) : std::make_unique<MemoryStore>(std::move(disk));
  upAtMs_ = clock_.nowMs + below(random_, 1'500);
}

void ConvergenceWorld::answerWhenCommitted(Ticket ticket, std::function<void()> send) {
  answers_.push_back({ticket, std::move(send)});
}

void ConvergenceWorld::controllerWorks() {
  if (controller_ == nullptr) {
    if (clock_.nowMs >= upAtMs_) startController();
    return;
  }
  if (faulty(1)) store_->setHealth({!store_->health().writable, "no space on the device"});
  if (!faults_) store_->setHealth({});
  if (!faulty(30)) store_->complete(faults_ ? 1 + below(random_, 8) : SIZE_MAX);
  if (chance(random_, 5)) store_->sync();
  store_->poll(*controller_);
  take(input::StorePolled{});
  if (clock_.nowMs >= tickAtMs_) {
    tickAtMs_ = clock_.nowMs + 20;
    take(input::Tick{});
  }
  if (!faulty(30)) take(input::Work{});
  if (captures_ && !recorder_->recording()) captureUnderWay();
  std::vector<Answer> later;
  for (Answer& one : std::exchange(answers_, {})) {
    if (registry().ledger().isCommitted(one.ticket)) {
      one.send();
    } else {
      later.push_back(std::move(one));
    }
  }
  answers_.insert(answers_.begin(), std::make_move_iterator(later.begin()),
                  std::make_move_iterator(later.end()));
}

// --- Running ---

void ConvergenceWorld::run() {
  for (uint64_t step = 0; step < kSteps && !::testing::Test::HasFailure(); ++step) {
    clock_.nowMs += below(random_, 12);
    deliverDue();
    for (const auto& worker : workers_) {
      if (chance(random_, 40)) engineWorks(*worker);
      if (faulty(1)) {
        cut(*worker);
        startWorker(*worker, chance(random_, 50));
      }
      if (faulty(1)) cut(*worker);
      if (!faulty(20)) drive(*worker);
    }
    controllerWorks();
    if (controller_ != nullptr && chance(random_, 8)) startOperation();
    if (controller_ != nullptr && faulty(1)) crashController();
    if (controller_ != nullptr && faulty(1)) {
      const Worker& any = *workers_[below(random_, workers_.size())];
      (void)take(input::ForceSync{any.instance, any.rank, ""}).ok();
    }
    check();
  }
  faults_ = false;
  const uint64_t until = clock_.nowMs + kSettleMs;
  while (!converged() && !::testing::Test::HasFailure()) {
    ASSERT_LT(clock_.nowMs, until) << "not in sync in time:" << whatIsLeft();
    clock_.nowMs += 10;
    deliverDue();
    for (const auto& worker : workers_) drive(*worker);
    controllerWorks();
    check();
  }
  if (recorder_ != nullptr && recorder_->recording()) {
    recorder_->end(Recorder::End::kProcessEnded);
    replayCapture();
  }
}

}  // namespace holdfast::test
