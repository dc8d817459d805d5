#include "client/worker_state.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/index/prefetch.h"
#include "core/limits.h"

namespace holdfast {
namespace {

// Keys of a report are random addresses in a large table: this many are fetched ahead.
constexpr size_t kPrefetchAhead = 12;

void applyTo(KeySet& keys, KeyDigest& digest, ChunkHash key, uint8_t& flags) {
  const bool evict = (flags & OperationBuffer::kEvict) != 0;
  if (!(evict ? keys.erase(key) : keys.insert(key))) return;
  flags |= OperationBuffer::kEffect;
  evict ? digest.remove(key) : digest.add(key);
}

// `forward`: the operation happens; else it is undone.
void applyTo(WorkerStateMachine::Location::Cut& cut, ChunkHash key, uint8_t flags, bool forward) {
  cut.seq += forward ? 1 : ~uint64_t{0};
  if ((flags & OperationBuffer::kEffect) == 0) return;
  if (((flags & OperationBuffer::kEvict) != 0) == forward) {
    --cut.count;
    cut.digest.remove(key);
  } else {
    ++cut.count;
    cut.digest.add(key);
  }
}

}  // namespace

Report WorkerStateMachine::OutgoingReport::view() const {
  return {location, incarnation, firstSeq, {keys, {evicts.empty() ? nullptr : evicts.data(), 0}}};
}

void WorkerStateMachine::OutgoingReport::append(ChunkHash key, bool evict) {
  const size_t i = keys.size();
  keys.push_back(key);
  if (!evict) return;
  evicts.resize(i / 8 + 1);
  evicts[i / 8] = static_cast<uint8_t>(evicts[i / 8] | (1u << (i % 8)));
}

void WorkerStateMachine::OutgoingReport::trimEvicts() {
  if (!evicts.empty()) evicts.resize((keys.size() + 7) / 8);
}

WorkerStateMachine::WorkerStateMachine(Options options, Random random)
    : options_(std::move(options)), random_(std::move(random)), run_(randomId(0)) {
  HOLDFAST_CHECK(options_.ringOperations > 0, "a ring of nothing");
  HOLDFAST_CHECK(
      options_.batchOperations > 0 && options_.batchOperations <= kOperationsPerReportMax,
      "%zu operations a report", options_.batchOperations);
  HOLDFAST_CHECK(options_.syncBatchKeys > 0 && options_.syncBatchKeys <= kKeysPerSyncBatchMax,
                 "%zu keys a batch", options_.syncBatchKeys);
  locations_.resize(options_.locations.size());
  for (size_t i = 0; i < locations_.size(); ++i) {
    Location& location = locations_[i];
    location.name = options_.locations[i].name;
    location.incarnation = randomId(0);
    location.keys.reserve(options_.locations[i].contents.size());
    for (const ChunkHash key : options_.locations[i].contents) {
      if (location.keys.insert(key)) location.digest.add(key);
    }
    location.beganEmpty = location.keys.empty();
    location.cursor = {0, location.keys.size(), location.digest};
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
    restartNumbering(location);
  }
  if (location.absorbing) absorb(location, 2 * keys.size());
}

void WorkerStateMachine::restartNumbering(Location& location) {
  location.ring.clear();
  location.incarnation = randomId(location.incarnation);
  location.beganEmpty = location.keys.empty();
  location.lastSeq = 0;
  location.cursor = {0, location.keys.size(), location.digest};
  location.stated = false;
  location.absorbing = true;
  location.replays.clear();
  location.sync.reset();
  location.syncCommand.reset();
  location.named = location.committed = 0;
  location.origin = location.accepted - location.queue.size();
  registrationWanted_ = true;
}

void WorkerStateMachine::absorb(Location& location, size_t operations) {
  OperationBuffer& queue = location.queue;
  const size_t n = std::min(operations, queue.size());
  for (size_t i = 0; i < n; ++i) {
    if (i + kPrefetchAhead < n) {
      prefetchLine(location.keys.home(queue.key(i + kPrefetchAhead)));
    }
    uint8_t flags = queue.flags(i);
    applyTo(location.keys, location.digest, queue.key(i), flags);
  }
  queue.pop(n);
  counters_.lost += n;
  location.origin += n;
  location.beganEmpty = location.keys.empty();
  location.cursor = {0, location.keys.size(), location.digest};
}

bool WorkerStateMachine::absorb(size_t operations) {
  for (Location& location : locations_) {
    if (!location.absorbing || location.queue.empty()) continue;
    const size_t before = location.queue.size();
    absorb(location, operations);
    operations -= before - location.queue.size();
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
    if (location.absorbing) absorb(location, location.queue.size());
    location.absorbing = false;
    location.paused = false;
    location.stated = true;
    endSession(location);
    request.statements.push_back({.location = location.name,
                                  .incarnation = location.incarnation,
                                  .beganEmpty = location.beganEmpty,
                                  .lastSeq = location.lastSeq,
                                  .count = location.keys.size(),
                                  .digest = location.digest,
                                  .replayableFrom = location.ringFirst(),
                                  .syncId = location.sync ? location.sync->id() : 0});
  }
  return request;
}

std::optional<Error> WorkerStateMachine::registered(uint64_t attempt,
                                                    std::span<const LocationDecision> decisions) {
  if (phase_ != Phase::kRegistering || attempt != attempt_) return std::nullopt;
  for (const Location& location : locations_) {
    const auto ofThis = [&](const LocationDecision& d) { return d.location == location.name; };
    if (std::count_if(decisions.begin(), decisions.end(), ofThis) != 1) {
      return Error{ErrorCode::kUnavailable,
                   "the answer to the registration has no one decision for location " +
                       location.name};
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
    moveCursor(*location, decision);
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

// The controller has everything before nextSeq. What it misses and the ring no longer has can only
// come by a full sync, so the rest of the ring would be of no use to it either.
void WorkerStateMachine::moveCursor(Location& location, const LocationDecision& decision) {
  uint64_t nextSeq = decision.nextSeq;
  if (nextSeq == 0 || nextSeq > location.lastSeq) nextSeq = location.lastSeq + 1;
  // What a full sync builds may come to nothing yet.
  if (decision.kind != DecisionKind::kSyncing) {
    location.named = std::max(location.named, nextSeq - 1);
  }
  if (nextSeq < location.ringFirst()) nextSeq = location.lastSeq + 1;
  location.cursor = {location.lastSeq, location.keys.size(), location.digest};
  for (size_t i = location.ring.size(); location.cursor.seq >= nextSeq; --i) {
    applyTo(location.cursor, location.ring.key(i - 1), location.ring.flags(i - 1), false);
  }
}

void WorkerStateMachine::disconnected() {
  if (phase_ != Phase::kStopped) phase_ = Phase::kDisconnected;
  for (Location& location : locations_) endSession(location);
}

// What the controller asked for on a session is over with it, and what it has of a full sync must
// be learned anew.
void WorkerStateMachine::endSession(Location& location) {
  location.replays.clear();
  location.syncCommand.reset();
  if (location.sync) location.sync->park();
}

void WorkerStateMachine::stop() {
  phase_ = Phase::kStopped;
  for (Location& location : locations_) {
    location.queue.clear();
    location.ring.clear();
    location.replays.clear();
    location.sync.reset();
    location.syncCommand.reset();
  }
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

bool WorkerStateMachine::mayReport(const Location& location) const {
  return phase_ == Phase::kRegistered && !pausedAll_ && !location.paused && location.stated;
}

uint64_t WorkerStateMachine::window(const Location& location) const {
  // Confirmations are of what look-ups see, so none come before the sync is complete.
  if (location.diverged || location.sync) return UINT64_MAX;
  const uint64_t unconfirmed = location.lastSeq - location.named;
  return options_.ringOperations - std::min<uint64_t>(options_.ringOperations, unconfirmed);
}

bool WorkerStateMachine::confirmationWanted() const {
  return std::any_of(locations_.begin(), locations_.end(), [&](const Location& location) {
    return mayReport(location) && window(location) <= options_.ringOperations / 2;
  });
}

bool WorkerStateMachine::due(const Location& location, uint64_t nowMs, bool flush) const {
  if (!mayReport(location)) return false;
  if (!location.replays.empty() || location.cursor.seq < location.lastSeq) return true;
  if (location.queue.empty() || window(location) == 0) return false;
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
      takeReplay(location, report);
    } else if (location.cursor.seq < location.lastSeq) {
      takeFromRing(location, report);
    } else {
      takeFromQueue(location, report);
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

void WorkerStateMachine::takeFromRing(Location& location, OutgoingReport& report) {
  const size_t n =
      std::min<uint64_t>(options_.batchOperations, location.lastSeq - location.cursor.seq);
  const size_t first = location.cursor.seq + 1 - location.ringFirst();
  for (size_t i = first; i < first + n; ++i) {
    const uint8_t flags = location.ring.flags(i);
    report.append(location.ring.key(i), (flags & OperationBuffer::kEvict) != 0);
    applyTo(location.cursor, location.ring.key(i), flags, true);
  }
}

void WorkerStateMachine::takeFromQueue(Location& location, OutgoingReport& report) {
  OperationBuffer& queue = location.queue;
  const size_t n = std::min<uint64_t>({options_.batchOperations, queue.size(), window(location)});
  for (size_t i = 0; i < n; ++i) {
    if (i + kPrefetchAhead < n) {
      prefetchLine(location.keys.home(queue.key(i + kPrefetchAhead)));
    }
    const ChunkHash key = queue.key(i);
    uint8_t flags = queue.flags(i);
    report.append(key, (flags & OperationBuffer::kEvict) != 0);
    applyTo(location.keys, location.digest, key, flags);
    if (location.ring.size() == options_.ringOperations) location.ring.pop(1);
    location.ring.push(key, flags);
  }
  queue.pop(n);
  location.lastSeq += n;
  location.cursor = {location.lastSeq, location.keys.size(), location.digest};
}

std::optional<uint64_t> WorkerStateMachine::nextDueMs() const {
  std::optional<uint64_t> soonest;
  const auto consider = [&](uint64_t at) { soonest = std::min(soonest.value_or(at), at); };
  for (const Location& location : locations_) {
    if (!mayReport(location)) continue;
    if (location.sync && location.sync->dueMs()) consider(*location.sync->dueMs());
    if (location.queue.empty() || window(location) == 0) continue;
    consider(location.oldestQueuedMs + options_.batchDelayMs);
  }
  return soonest;
}

std::vector<LocationStatement> WorkerStateMachine::heartbeat() const {
  std::vector<LocationStatement> statements;
  for (const Location& location : locations_) {
    statements.push_back({.location = location.name,
                          .incarnation = location.incarnation,
                          .beganEmpty = location.beganEmpty,
                          .lastSeq = location.cursor.seq,
                          .count = location.cursor.count,
                          .digest = location.cursor.digest,
                          .replayableFrom = std::min(location.ringFirst(), location.cursor.seq + 1),
                          .syncId = location.sync ? location.sync->id() : 0});
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
