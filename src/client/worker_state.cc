#include "client/worker_state.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/limits.h"

namespace holdfast {

WorkerStateMachine::WorkerStateMachine(Options options, Random random)
    : options_(std::move(options)), random_(std::move(random)), run_(randomId(0)) {
  HOLDFAST_CHECK(options_.ringOperations > 0, "a ring of nothing");
  HOLDFAST_CHECK(
      options_.batchOperations > 0 && options_.batchOperations <= kOperationsPerReportMax,
      "%zu operations a report", options_.batchOperations);
  HOLDFAST_CHECK(options_.syncBatchKeys > 0 && options_.syncBatchKeys <= kKeysPerSyncBatchMax,
                 "%zu keys a batch", options_.syncBatchKeys);
  locations_.reserve(options_.locations.size());
  for (const LocationSetup& setup : options_.locations) {
    locations_.emplace_back(setup.name, setup.contents, randomId(0));
  }
}

uint64_t WorkerStateMachine::randomId(uint64_t other) const {
  uint64_t id = 0;
  while (id == 0 || id == other) id = random_();
  return id;
}

void WorkerStateMachine::enqueue(size_t index, std::span<const ChunkHash> keys, bool evict,
                                 uint64_t nowMs) {
  if (phase_ == Phase::kStopped || keys.empty()) return;
  Location& location = locations_[index];
  location.accepted += keys.size();
  counters_.accepted += keys.size();
  if (location.queue.empty()) location.oldestQueuedMs = nowMs;
  location.queue.push(keys, evict ? OperationBuffer::kEvict : uint8_t{0});
  if (!location.absorbing && location.queue.size() > options_.queueOperations) {
    ++counters_.losses;
    location.restartNumbering(randomId(location.incarnation));
    registrationWanted_ = true;
  }
  if (location.absorbing) counters_.lost += location.absorb(2 * keys.size());
}

void WorkerStateMachine::clear(size_t index) {
  if (phase_ == Phase::kStopped) return;
  Location& location = locations_[index];
  ++location.accepted;
  ++counters_.accepted;
  ++counters_.clears;
  if (location.knownEmpty()) {
    ++location.origin;
    return;
  }
  // Of an incarnation that is not stated nothing was reported: it may begin once more. So a caller
  // that clears all the time does not outrun the answers.
  const bool keeps = !location.stated;
  counters_.moot += location.clear(keeps ? location.incarnation : randomId(location.incarnation));
}

bool WorkerStateMachine::absorb(size_t operations) {
  for (Location& location : locations_) {
    if (!location.absorbing || location.queue.empty()) continue;
    const size_t absorbed = location.absorb(operations);
    counters_.lost += absorbed;
    operations -= absorbed;
    if (!location.queue.empty()) return true;
  }
  return false;
}

bool WorkerStateMachine::absorbing() const {
  return std::any_of(locations_.begin(), locations_.end(),
                     [](const Location& location) { return location.absorbing; });
}

WorkerStateMachine::RegistrationRequest WorkerStateMachine::beginRegistration() {
  phase_ = Phase::kRegistering;
  registrationWanted_ = false;
  pausedAll_ = false;
  RegistrationRequest request{run_, ++attempt_, {}};
  for (Location& location : locations_) {
    if (location.absorbing) counters_.lost += location.absorb(location.queue.size());
    location.absorbing = false;
    location.paused = false;
    location.stated = true;
    location.endSession();
    request.statements.push_back(location.statement());
  }
  return request;
}

std::optional<Error> WorkerStateMachine::registered(uint64_t attempt,
                                                    std::span<const LocationDecision> decisions) {
  if (phase_ != Phase::kRegistering || attempt != attempt_) return std::nullopt;
  for (const Location& location : locations_) {
    const auto ofThis = [&](const LocationDecision& d) { return d.location == location.name; };
    if (std::count_if(decisions.begin(), decisions.end(), ofThis) != 1) {
      return Error{
          ErrorCode::kUnavailable,
          "the answer to the registration has no one decision for location " + location.name};
    }
  }
  phase_ = Phase::kRegistered;
  ++counters_.registrations;
  bool allInSync = true;
  for (const LocationDecision& decision : decisions) {
    Location* location = find(decision.location);
    // Numbering that started anew since the statement: the next registration settles it.
    if (location == nullptr || !location->stated) continue;
    decide(*location, decision);
    if (decision.kind != DecisionKind::kSyncing) location->sync.reset();
    allInSync = allInSync && decision.kind == DecisionKind::kInSync;
    switch (decision.kind) {
      case DecisionKind::kInSync:
        ++counters_.decisionsInSync;
        break;
      case DecisionKind::kReplay:
        ++counters_.decisionsReplay;
        break;
      case DecisionKind::kDiverged:
        ++counters_.decisionsDiverged;
        break;
      case DecisionKind::kSyncing:
        ++counters_.decisionsSyncing;
        break;
    }
    if (static_cast<size_t>(decision.reason) < kReasons) {
      ++counters_.decisionsByReason[static_cast<size_t>(decision.reason)];
    }
    location->moveCursor(decision);
  }
  if (allInSync) ++counters_.registrationsInSync;
  return std::nullopt;
}

void WorkerStateMachine::decide(Location& location, const LocationDecision& decision) {
  location.decided = true;
  location.decision = decision.kind;
  location.reason = decision.reason;
  location.diverged =
      decision.kind == DecisionKind::kDiverged || decision.kind == DecisionKind::kSyncing;
}

void WorkerStateMachine::disconnected() {
  if (phase_ != Phase::kStopped) phase_ = Phase::kDisconnected;
  for (Location& location : locations_) location.endSession();
}

void WorkerStateMachine::stop() {
  phase_ = Phase::kStopped;
  for (Location& location : locations_) location.stop();
}

void WorkerStateMachine::pause(std::string_view name) {
  ++counters_.pauses;
  if (name.empty()) {
    pausedAll_ = true;
  } else if (Location* location = find(name); location != nullptr) {
    location->paused = true;
  }
}

bool WorkerStateMachine::paused() const {
  return pausedAll_ || std::any_of(locations_.begin(), locations_.end(),
                                   [](const Location& location) { return location.paused; });
}

// Of the location anything may be said at all.
bool WorkerStateMachine::isOpen(const Location& location) const {
  return phase_ == Phase::kRegistered && !pausedAll_ && !location.paused;
}

bool WorkerStateMachine::mayReport(const Location& location) const {
  return isOpen(location) && location.stated;
}

// Whether a heartbeat would bring on what the controller does not know of a clear.
bool WorkerStateMachine::mayTell(const Location& location) const {
  return isOpen(location) && !location.stated && !registrationWanted_;
}

bool WorkerStateMachine::confirmationWanted() const {
  return std::any_of(locations_.begin(), locations_.end(), [&](const Location& location) {
    return mayTell(location) || (mayReport(location) && location.window(options_.ringOperations) <=
                                                            options_.ringOperations / 2);
  });
}

bool WorkerStateMachine::due(const Location& location, uint64_t nowMs, bool flush) const {
  if (!mayReport(location)) return false;
  if (!location.replays.empty() || location.cursor.seq < location.lastSeq) return true;
  if (location.queue.empty() || location.window(options_.ringOperations) == 0) return false;
  return flush || location.queue.size() >= options_.batchOperations ||
         nowMs >= location.oldestQueuedMs + options_.batchDelayMs;
}

bool WorkerStateMachine::nextReport(uint64_t nowMs, bool flush, OutgoingReport& report) {
  for (size_t i = 0; i < locations_.size(); ++i) {
    Location& location = locations_[(turn_ + i) % locations_.size()];
    if (!due(location, nowMs, flush)) continue;
    turn_ = (turn_ + i + 1) % locations_.size();
    report.location = location.name;
    report.incarnation = location.incarnation;
    report.firstSeq = location.cursor.seq + 1;
    report.keys.clear();
    report.evicts.clear();
    // In this order: nothing is numbered, so nothing leaves the ring, while any of it is waited
    // for.
    if (!location.replays.empty()) {
      location.takeReplay(options_.batchOperations, report);
      counters_.replayedOperations += report.keys.size();
    } else if (location.cursor.seq < location.lastSeq) {
      location.takeFromRing(options_.batchOperations, report);
    } else {
      location.takeFromQueue(options_.batchOperations, options_.ringOperations, report);
    }
    report.trimEvicts();
    counters_.sent += report.keys.size();
    ++counters_.reports;
    if (report.firstSeq <= location.named) {
      counters_.resent +=
          std::min<uint64_t>(location.named - report.firstSeq + 1, report.keys.size());
    }
    return true;
  }
  return false;
}

std::optional<uint64_t> WorkerStateMachine::nextDueMs() const {
  std::optional<uint64_t> soonest;
  const auto consider = [&](uint64_t at) { soonest = std::min(soonest.value_or(at), at); };
  for (const Location& location : locations_) {
    if (!mayReport(location)) continue;
    if (location.sync && location.sync->dueMs()) consider(*location.sync->dueMs());
    if (location.queue.empty() || location.window(options_.ringOperations) == 0) continue;
    consider(location.oldestQueuedMs + options_.batchDelayMs);
  }
  return soonest;
}

std::vector<LocationStatement> WorkerStateMachine::heartbeat() {
  std::vector<LocationStatement> statements;
  for (Location& location : locations_) {
    location.told = location.stated ? 0 : location.incarnation;
    statements.push_back(location.statementOfCursor());
  }
  return statements;
}

void WorkerStateMachine::heartbeatAnswered(std::span<const CommittedSeq> committed,
                                           std::span<const LocationDecision> decisions) {
  for (const CommittedSeq& confirmed : committed) {
    Location* location = find(confirmed.location);
    if (location == nullptr || location->incarnation != confirmed.incarnation) continue;
    location->committed = std::max(location->committed, std::min(confirmed.seq, location->lastSeq));
    location->named = std::max(location->named, location->committed);
  }
  for (Location& location : locations_) clearAnswered(location, committed);
  // Only those not in sync are listed.
  for (Location& location : locations_) {
    location.diverged = false;
    if (!location.decided) continue;
    location.decision = DecisionKind::kInSync;
    location.reason = Reason::kEqual;
  }
  for (const LocationDecision& decision : decisions) {
    Location* location = find(decision.location);
    if (location != nullptr) decide(*location, decision);
  }
  // In sync by other means: nobody will ask for the rest.
  for (Location& location : locations_) {
    const bool inSync = location.decided && location.decision == DecisionKind::kInSync;
    if (inSync && location.sync && location.sync->parked()) location.sync.reset();
  }
}

// A heartbeat had told the incarnation that a clear began.
void WorkerStateMachine::clearAnswered(Location& location,
                                       std::span<const CommittedSeq> committed) {
  if (location.told != location.incarnation || !mayTell(location)) return;
  const auto known = std::find_if(committed.begin(), committed.end(), [&](const CommittedSeq& one) {
    return one.location == location.name && one.incarnation == location.incarnation;
  });
  if (known == committed.end()) {
    registrationWanted_ = true;
  } else if (location.committed == location.lastSeq) {
    location.stated = true;
  }
}

std::vector<uint64_t> WorkerStateMachine::position() const {
  std::vector<uint64_t> position;
  for (const Location& location : locations_) position.push_back(location.accepted);
  return position;
}

bool WorkerStateMachine::committed(std::span<const uint64_t> position) const {
  if (phase_ != Phase::kRegistered) return false;
  for (size_t i = 0; i < locations_.size(); ++i) {
    const Location& location = locations_[i];
    if (!location.stated || location.diverged || location.sync || location.syncCommand)
      return false;
    if (location.origin + location.committed < position[i]) return false;
  }
  return true;
}

bool WorkerStateMachine::sent(std::span<const uint64_t> position) const {
  if (phase_ != Phase::kRegistered) return false;
  for (size_t i = 0; i < locations_.size(); ++i) {
    const Location& location = locations_[i];
    if (!location.stated || location.origin + location.cursor.seq < position[i]) return false;
  }
  return true;
}

const WorkerStateMachine::Location* WorkerStateMachine::find(std::string_view name) const {
  for (const Location& location : locations_) {
    if (location.name == name) return &location;
  }
  return nullptr;
}

WorkerStateMachine::Location* WorkerStateMachine::find(std::string_view name) {
  return const_cast<Location*>(std::as_const(*this).find(name));
}

}  // namespace holdfast
