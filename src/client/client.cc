#include "client/client.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include "client/client_shared.h"
#include "client/controller_address.h"
#include "client/one_answer.h"
#include "client/reporter.h"
#include "core/check.h"
#include "core/hash_settings.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/load.h"

namespace holdfast {
namespace {

std::optional<Error> outOfRange(const char* what, size_t value, size_t min, size_t max) {
  if (value >= min && value <= max) return std::nullopt;
  return invalidError(std::string(what) + " is " + std::to_string(value) + ", it must be " +
                      std::to_string(min) + " to " + std::to_string(max));
}

WorkerStateMachine::Options machineOptions(const ClientOptions& options) {
  WorkerStateMachine::Options machine;
  for (const ClientLocation& location : options.locations) {
    machine.locations.push_back({location.name, location.contents});
  }
  machine.batchOperations = options.batchOperations;
  machine.batchDelayMs = options.batchDelayMs;
  machine.queueOperations = options.queueOperations;
  machine.ringOperations = options.ringOperations;
  machine.syncBatchKeys = options.syncBatchKeys;
  return machine;
}

// The state machine draws few numbers, so each comes from the system.
uint64_t drawRandom() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace

std::optional<Error> ClientOptions::validate() const {
  constexpr size_t kAny = std::numeric_limits<uint32_t>::max();
  for (auto& wrong :
       {invalidId("instance id", instance, kInstanceIdBytesMax),
        invalidText("model", model, kModelBytesMax), invalidText("ip", ip, kIpBytesMax),
        invalidText("peer URL", peerUrl, kPeerUrlBytesMax),
        invalidControllerAddresses(controller)}) {
    if (wrong) return invalidError(*wrong);
  }
  if (const auto wrong = invalidLabels(labels)) return invalidError(*wrong);
  if (auto wrong = security.validate()) return wrong;
  if (worldSize != 0 && worker >= worldSize) {
    return invalidError("worker is " + std::to_string(worker) + ", but with a world size of " +
                        std::to_string(worldSize) + " ranks are 0 to " +
                        std::to_string(worldSize - 1));
  }
  if (hashing && hashing->chunkSize == 0) {
    return invalidError("the chunk size is 0, it must be at least 1");
  }
  if (hashing && !parseHashAlgorithm(hashing->algorithm)) {
    return invalidError("hashing.algorithm " + quotedForPeople(hashing->algorithm) +
                        " is none of builtin, sha256_cbor, builtin_none and sha256_cbor_64bit");
  }
  for (const auto& [what, value, min, max] :
       {std::tuple{"the number of locations", locations.size(), size_t{1}, kLocationsPerWorkerMax},
        {"batchOperations", batchOperations, size_t{1}, kOperationsPerReportMax},
        {"queueOperations", queueOperations, size_t{1}, kAny},
        {"ringOperations", ringOperations, size_t{1}, kAny},
        {"backoffMinMs", size_t{backoffMinMs}, size_t{1}, size_t{backoffMaxMs}},
        {"callTimeoutMs", size_t{callTimeoutMs}, size_t{1}, kAny},
        {"operationsAtOnce", operationsAtOnce, size_t{1}, size_t{1'024}},
        {"syncBatchKeys", syncBatchKeys, size_t{1}, kKeysPerSyncBatchMax}}) {
    if (auto wrong = outOfRange(what, value, min, max)) return wrong;
  }
  std::set<std::string_view> names;
  for (const ClientLocation& location : locations) {
    if (const auto wrong = invalidId("location name", location.name, kLocationNameBytesMax)) {
      return invalidError(*wrong);
    }
    if (!names.insert(location.name).second) {
      return invalidError("location " + quotedForPeople(location.name) + " is named twice");
    }
  }
  return std::nullopt;
}

std::string_view clientStateName(ClientState state) {
  switch (state) {
    case ClientState::kConnecting:
      return "connecting";
    case ClientState::kRegistered:
      return "registered";
    case ClientState::kPaused:
      return "paused";
    case ClientState::kSuperseded:
      return "superseded";
    case ClientState::kRefused:
      return "refused";
    case ClientState::kLeft:
      return "left";
    case ClientState::kForked:
      return "forked";
  }
  return "unknown";
}

void Verdict::give(bool verdict) {
  const MutexLock lock(mutex_);
  if (std::exchange(isGiven_, true)) return;
  verdict_ = verdict;
  given_.notifyAll();
}

bool Verdict::wait(uint32_t timeoutMs) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeoutMs);
  const MutexLock lock(mutex_);
  while (!isGiven_ && given_.waitUntil(mutex_, until)) {
  }
  return verdict_;
}

ClientShared::ClientShared(ClientThread::Loop& theLoop, ClientOptions theOptions,
                           Client::StateCallback theCallback)
    : loop(theLoop),
      options(std::move(theOptions)),
      onState(std::move(theCallback)),
      inbox(options.locations.size()),
      machine(machineOptions(options), drawRandom),
      run(machine.run()) {}

ClientShared::~ClientShared() = default;

Result<std::unique_ptr<Client>> Client::create(ClientThread& thread, ClientOptions options,
                                               StateCallback onState) {
  if (auto wrong = options.validate()) return *std::move(wrong);
  if (thread.loop().forked()) return Error{ErrorCode::kUnavailable, kForkedMessage};
  return std::make_unique<Client>(thread, std::move(options), std::move(onState));
}

Client::Client(ClientThread& thread, ClientOptions options, StateCallback onState) {
  const auto wrong = options.validate();
  HOLDFAST_CHECK(!wrong, "%s", wrong->message.c_str());
  shared_ = std::make_shared<ClientShared>(thread.loop(), std::move(options), std::move(onState));
  ++shared_->loop.users;
  shared_->operationEndings->open(shared_);
  shared_->loop.post([shared = shared_] {
    shared->reporter = std::make_unique<Reporter>(*shared);
    shared->reporter->start();
  });
}

Client::~Client() {
  if (shared_->loop.forked()) {
    // Kept for ever: destroying it would speak to the parent's controller.
    (void)new (std::nothrow) std::shared_ptr<ClientShared>(std::move(shared_));
    return;
  }
  shared_->operationEndings->close();
  shared_->loop.run([this] { shared_->reporter = nullptr; });
  // Or the loop would go on taking over what is of no use any more.
  shared_->stopped = true;
  shared_->inbox.drop();
  --shared_->loop.users;
}

LocationHandle Client::location(std::string_view name) const {
  const auto found = findLocation(name);
  HOLDFAST_CHECK(found, "no location %s", quotedForPeople(name).c_str());
  return *found;
}

std::optional<LocationHandle> Client::findLocation(std::string_view name) const {
  for (size_t i = 0; i < shared_->options.locations.size(); ++i) {
    if (shared_->options.locations[i].name == name) return LocationHandle{static_cast<uint32_t>(i)};
  }
  return std::nullopt;
}

namespace {

// Where the inbox is crowded its operations are taken over even if they cannot be sent.
void lookAtInbox(const std::shared_ptr<ClientShared>& shared) {
  shared->wakePosted = false;
  if (shared->inbox.waiting().operations >= Inbox::kCrowded) {
    {
      const MutexLock lock(shared->mutex);
      shared->inbox.drainTo(shared->machine, ClientShared::kPiece);
    }
    // Posted, so that others on the loop have their turn.
    const bool stillCrowded = shared->inbox.waiting().operations >= Inbox::kCrowded;
    if (stillCrowded && !shared->wakePosted.exchange(true)) {
      shared->loop.post([shared] { lookAtInbox(shared); });
    }
  }
  if (shared->reporter) shared->reporter->wake();
}

// Whether the client takes changes of the location, which there must be.
bool takes(const ClientShared& shared, LocationHandle location) {
  const auto index = static_cast<size_t>(location);
  HOLDFAST_CHECK(index < shared.options.locations.size(), "no location %zu", index);
  return !shared.loop.forked() && !shared.stopped.load(std::memory_order_relaxed);
}

// The loop has to look at the inbox when its first operations come, to send them in time, when
// there is enough for a report, and when it gets crowded.
void grew(const std::shared_ptr<ClientShared>& shared, const Inbox::Level& level) {
  const auto crosses = [&](size_t mark) { return level.before < mark && level.after >= mark; };
  if (!crosses(1) && !crosses(shared->options.batchOperations) && !crosses(Inbox::kCrowded)) return;
  if (!shared->wakePosted.exchange(true)) shared->loop.post([shared] { lookAtInbox(shared); });
}

void change(const std::shared_ptr<ClientShared>& shared, LocationHandle location,
            std::span<const ChunkHash> keys, bool evict) {
  if (!takes(*shared, location) || keys.empty()) return;
  grew(shared, shared->inbox.push(static_cast<size_t>(location), keys, evict,
                                  !shared->loop.isCurrentThread()));
}

}  // namespace

void Client::admit(LocationHandle location, std::span<const ChunkHash> keys) {
  change(shared_, location, keys, false);
}

void Client::evict(LocationHandle location, std::span<const ChunkHash> keys) {
  change(shared_, location, keys, true);
}

void Client::clear(LocationHandle location) {
  if (!takes(*shared_, location)) return;
  grew(shared_, shared_->inbox.clear(static_cast<size_t>(location)));
}

void Client::setLoad(double load) {
  if (shared_->loop.forked()) return;
  if (std::isnan(load)) {
    shared_->load = kLoadUnknown;
    return;
  }
  shared_->load = static_cast<Load>(
      std::lround(std::clamp(load, 0.0, double{kLoadMax} / kLoadSaturated) * kLoadSaturated));
}

ClientOutcome Client::flush(uint32_t timeoutMs) {
  if (shared_->loop.forked()) return {.why = kForkedMessage};
  const std::vector<uint64_t> position = shared_->inbox.position();
  auto verdict = std::make_shared<Verdict>();
  shared_->loop.post([shared = shared_, position, verdict] {
    if (!shared->reporter) return verdict->give(false);
    shared->reporter->flush(position, verdict);
  });
  if (verdict->wait(timeoutMs)) return {.done = true};
  std::string why = whyNotDone();
  shared_->loop.post([shared = shared_, verdict] {
    if (shared->reporter) shared->reporter->cancelFlush(verdict);
  });
  if (!shared_->stopped) {
    why = "not confirmed by the controller within " + std::to_string(timeoutMs) + " ms: " + why;
  }
  return {.why = std::move(why)};
}

std::string Client::whyNotDone() const {
  const ClientState now = state();
  if (const std::string error = lastError(); !error.empty()) return error;
  const std::string& controller = shared_->options.controller;
  if (now == ClientState::kConnecting) {
    return "the controller at " + controller + " has not answered";
  }
  if (shared_->stopped) return "the client has " + std::string(clientStateName(now));
  for (const ClientLocationStatus& location : locations()) {
    if (location.decided && location.decision != DecisionKind::kInSync) {
      return "location " + quotedForPeople(location.name) +
             " is not in sync yet, the controller repairs it";
    }
  }
  return "the controller at " + controller + " has not confirmed everything";
}

Result<std::vector<Client::Peer>> Client::p2pLookup(std::span<const ChunkHash> hashes,
                                                    uint32_t timeoutMs) {
  if (shared_->loop.forked()) return Error{ErrorCode::kUnavailable, kForkedMessage};
  AwaitedAnswer<std::vector<Peer>> awaited;
  p2pLookup(std::vector<ChunkHash>(hashes.begin(), hashes.end()), awaited.callback());
  if (auto answer = awaited.wait(std::chrono::milliseconds(timeoutMs))) return *std::move(answer);
  return Error{ErrorCode::kUnavailable, "no answer within " + std::to_string(timeoutMs) + " ms"};
}

void Client::p2pLookup(std::vector<ChunkHash> hashes,
                       std::function<void(Result<std::vector<Peer>>)> callback) {
  if (shared_->loop.forked()) return callback(Error{ErrorCode::kUnavailable, kForkedMessage});
  if (hashes.empty() || hashes.size() > kHashesPerLookupMax) {
    shared_->loop.post([callback = std::move(callback), size = hashes.size()] {
      callback(Error{ErrorCode::kInvalid, "a look-up takes 1 to " +
                                              std::to_string(kHashesPerLookupMax) +
                                              " hashes, not " + std::to_string(size)});
    });
    return;
  }
  auto list = std::make_shared<std::vector<ChunkHash>>(std::move(hashes));
  shared_->loop.post([shared = shared_, list, callback = std::move(callback)] {
    if (shared->reporter) return shared->reporter->p2pLookup(*list, callback);
    callback(Error{ErrorCode::kUnavailable, "the client is closed"});
  });
}

ClientOutcome Client::leave(uint32_t timeoutMs) {
  if (shared_->loop.forked()) return {.why = kForkedMessage};
  auto verdict = std::make_shared<Verdict>();
  shared_->loop.post([shared = shared_, verdict] {
    if (!shared->reporter) return verdict->give(false);
    shared->reporter->leave(verdict);
  });
  const bool done = verdict->wait(timeoutMs);
  const std::string why = done ? "" : "the controller could not be told: " + whyNotDone();
  shared_->loop.run([this] { shared_->reporter->abandonLeave(); });
  return {.done = done, .why = why};
}

ClientState Client::state() const {
  if (shared_->loop.forked()) return ClientState::kForked;
  const MutexLock lock(shared_->stateMutex);
  return shared_->state;
}

std::string Client::lastError() const {
  if (shared_->loop.forked()) return kForkedMessage;
  const MutexLock lock(shared_->stateMutex);
  return shared_->stateReason;
}

ClientCounters Client::counters() const {
  if (shared_->loop.forked()) return {};
  const MutexLock lock(shared_->mutex);
  const WorkerStateMachine::Counters& from = shared_->machine.counters();
  ClientCounters counters;
  counters.connections = shared_->connections;
  counters.registrations = from.registrations;
  counters.reconnects = shared_->reconnects;
  counters.registrationsInSync = from.registrationsInSync;
  counters.decisionsInSync = from.decisionsInSync;
  counters.decisionsReplay = from.decisionsReplay;
  counters.decisionsDiverged = from.decisionsDiverged;
  counters.decisionsSyncing = from.decisionsSyncing;
  counters.decisionsByReason = std::to_array(from.decisionsByReason);
  counters.pauses = from.pauses;
  const std::vector<uint64_t> accepted = shared_->inbox.position();
  counters.operationsAccepted = std::accumulate(accepted.begin(), accepted.end(), uint64_t{0});
  counters.operationsSent = from.sent;
  counters.operationsMoot = from.moot;
  counters.operationsResent = from.resent;
  counters.operationsLost = from.lost;
  counters.losses = from.losses;
  counters.clears = from.clears;
  counters.reports = from.reports;
  counters.heartbeats = shared_->heartbeats;
  counters.replays = from.replays;
  counters.replaysRefused = from.replaysRefused;
  counters.replayedOperations = from.replayedOperations;
  counters.fullSyncs = from.fullSyncs;
  counters.fullSyncsCompleted = from.fullSyncsCompleted;
  counters.fullSyncBatches = from.fullSyncBatches;
  counters.fullSyncKeys = from.fullSyncKeys;
  return counters;
}

std::vector<ClientLocationStatus> Client::locations() const {
  std::vector<ClientLocationStatus> all;
  if (shared_->loop.forked()) {
    for (const ClientLocation& location : shared_->options.locations) {
      all.push_back({.name = location.name});
    }
    return all;
  }
  const MutexLock lock(shared_->mutex);
  for (const WorkerStateMachine::Location& location : shared_->machine.locations()) {
    all.push_back({.name = location.name,
                   .incarnation = location.incarnation,
                   .lastSeq = location.lastSeq,
                   .committedSeq = location.committed,
                   .queued = location.queue.size(),
                   .count = location.keys.size(),
                   .digest = location.digest,
                   .decided = location.decided,
                   .decision = location.decision,
                   .reason = location.reason,
                   .syncId = location.sync ? location.sync->id() : 0,
                   .syncRefusal = location.syncRefusal});
  }
  return all;
}

uint64_t Client::run() const {
  return shared_->run;
}

}  // namespace holdfast
