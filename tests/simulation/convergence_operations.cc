// What operators do to the fleet: cache operations, and captures.
#include "capture/log_reader.h"
#include "capture/player.h"
#include "tests/simulation/convergence_world.h"

namespace holdfast::test {

// --- Cache operations ---

void ConvergenceWorld::startOperation() {
  constexpr OperationKind kKinds[] = {OperationKind::kClear, OperationKind::kPin,
                                      OperationKind::kMove, OperationKind::kHealth};
  OperationRequest request;
  request.eventId = "operation " + std::to_string(below(random_, 30));
  request.kind = kKinds[below(random_, 4)];
  request.instance = chance(random_, 50) ? "alpha" : "beta";
  const size_t location = below(random_, kLocations.size());
  if (request.kind != OperationKind::kHealth) request.location = kLocations[location];
  if (request.kind == OperationKind::kMove) {
    request.toInstance = request.instance;
    request.toLocation = kLocations[1 - location];
    request.copy = chance(random_, 50);
  }
  if (request.kind == OperationKind::kPin) {
    request.ttlSeconds = below(random_, 3);
    request.allChunks = false;
    for (uint64_t i = below(random_, 4); i < kKeys; i += 4) request.chunks.push_back(keyOf(i));
  }
  // May well be refused.
  (void)take(input::Operation{request});
}

void ConvergenceWorld::operate(Worker& worker, const std::shared_ptr<Connection>& connection,
                               SessionId session, const CacheOperation& operation,
                               WorkerOperation::Ask ask) {
  const auto reply = [this, connection, session,
                      number = operation.number](const OperationOutcome& outcome) {
    send(connection, Direction::kToController, [this, session, number, outcome] {
      take(input::Answered{session, number, outcome});
    });
  };
  if (ask == WorkerOperation::Ask::kBegin) {
    worker.operations->ask(operation, reply);
  } else {
    worker.operations->check(operation.number, ask == WorkerOperation::Ask::kAwait, reply);
  }
}

void ConvergenceWorld::begin(Worker& worker, const CacheOperation& operation) {
  operations_.began(worker.run, operation.number);
  const std::weak_ptr<OperationLedger> process = worker.operations;
  at(clock_.nowMs + below(random_, 60), [this, &worker, operation, run = worker.run, process] {
    const auto ledger = process.lock();
    if (ledger == nullptr) return;
    const OperationOutcome outcome = perform(worker, operation);
    operations_.ended(run, operation.number, outcome);
    ledger->ended(operation.number, outcome);
  });
}

OperationOutcome ConvergenceWorld::perform(Worker& worker, const CacheOperation& operation) {
  if (chance(random_, 10)) {
    return {.status = OperationOutcome::Status::kFailed, .error = "the engine is busy"};
  }
  const size_t location = indexOf(operation.location);
  const Keys& held = worker.truths[location].keys();
  const std::vector<ChunkHash> keys(held.begin(), held.end());
  const bool leave = operation.kind == OperationKind::kClear ||
                     (operation.kind == OperationKind::kMove && !operation.copy);
  if (operation.kind == OperationKind::kMove && !keys.empty()) {
    change(worker, 1 - location, keys, false);
  }
  if (operation.kind == OperationKind::kClear && chance(random_, 50)) {
    clear(worker, location);
  } else if (leave && !keys.empty()) {
    change(worker, location, keys, true);
  }
  return {.status = OperationOutcome::Status::kDone, .numTokens = 16, .error = {}};
}

// --- Captures ---

void ConvergenceWorld::capture(const std::string& checkpoint) {
  LogOptions options;
  options.directory = captures_->path();
  auto log = LogWriter::open(options);
  ASSERT_TRUE(log.ok()) << log.error().message;
  recorder_->begin(std::move(log.value()),
                   {.clusterId = {}, .checkpoint = checkpoint, .redact = false});
  captureFolder_ = recorder_->folder();
  capturedUnderWay_ = false;
}

// As the daemon does it.
void ConvergenceWorld::captureUnderWay() {
  if (!captureWanted_) {
    if (!chance(random_, 3)) return;
    captureWanted_ = true;
    controller_->holdFolds(true);
  }
  if (!controller_->quiet() || !store_->health().writable) return;
  captureWanted_ = false;
  controller_->restart("a capture begins");
  store_->complete();
  store_->poll(*controller_);
  ASSERT_TRUE(registry().ledger().allCommitted());
  checkpoint_ = store_->afterCrash();
  capture("checkpoint");
  capturedUnderWay_ = true;
}

void ConvergenceWorld::replayCapture() {
  if (captureFolder_.empty()) return;
  recorder_.reset();
  auto log = LogReader::open({std::exchange(captureFolder_, {})});
  ASSERT_TRUE(log.ok()) << log.error().message;
  Player player({.recovery = [this](RecoverySink& sink) { MemoryStore(checkpoint_).recover(sink); },
                 .into = nullptr,
                 .faulter = nullptr},
                notices_);
  while (log.value()->next()) {
    const auto why = player.play(log.value()->entry());
    ASSERT_FALSE(why) << *why << testing::PrintToString(player.differences());
  }
  EXPECT_EQ(testing::PrintToString(player.differences()), "{}");
  ASSERT_NE(player.registry(), nullptr);
  EXPECT_EQ(player.registry()->registryDigest().hex(), registry().registryDigest().hex());
  ++(capturedUnderWay_ ? seen_.logsFromUnderWay : seen_.logsFromAStart);
}

void ConvergenceWorld::addTo(Seen& all) const {
  all.operationsDone += seen_.operationsDone;
  all.operationsFailed += seen_.operationsFailed;
  all.logsFromAStart += seen_.logsFromAStart;
  all.logsFromUnderWay += seen_.logsFromUnderWay;
  all.clears += seen_.clears;
}

}  // namespace holdfast::test
