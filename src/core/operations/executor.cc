#include "core/operations/executor.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "core/check.h"
#include "core/ids.h"
#include "core/registry/instance_ranks.h"

namespace holdfast {
namespace {

std::string drawnId(uint64_t random) {
  char id[32];
  std::snprintf(id, sizeof id, "event-%016lx", random);
  return id;
}

int32_t healthOf(RankStatus status, int32_t answered) {
  switch (status) {
    case RankStatus::kDone:
      return answered;
    case RankStatus::kFailed:
      return answered != 0 ? answered : kHealthError;
    case RankStatus::kTimedOut:
      return kHealthNoAnswer;
    default:
      return kHealthLost;
  }
}

// Health changes nothing and must work while the store cannot write: it is not recorded.
bool leavesEvent(OperationKind kind) {
  return kind != OperationKind::kHealth;
}

}  // namespace

Executor::Executor(const RegistryTree& tree, Pins& pins, TicketLedger& store, Clock& clock,
                   const Options& options, std::function<uint64_t()> random)
    : tree_(tree),
      pins_(pins),
      store_(store),
      clock_(clock),
      options_(options),
      random_(std::move(random)) {}

void Executor::recover(std::vector<EventRecord> events) {
  std::sort(events.begin(), events.end(), [](const EventRecord& a, const EventRecord& b) {
    const uint64_t createdA = a.createdMs();
    const uint64_t createdB = b.createdMs();
    return std::tie(createdA, a.id) < std::tie(createdB, b.id);
  });
  std::vector<Event*> finished;
  for (EventRecord& record : events) {
    if (log_.byId(record.id) != nullptr) continue;
    Event& event = log_.add(std::move(record));
    event.modelSalt = modelOf(event.record);
    event.recorded = true;
    if (event.record.finishedWallMs != 0 && event.record.final()) {
      finished.push_back(&event);
      continue;
    }
    event.deadlineMs = deadlineOf(event.record);
    // Nothing tells what was sent from what was not: the workers will.
    for (RankRecord& rank : event.record.ranks) {
      if (!rank.final()) rank.status = RankStatus::kUnknown;
    }
    track(event);
    keysWaiting_ += event.record.toPin.size();
    for (RankRecord& rank : event.record.ranks) {
      if (!rank.final() && tree_.findWorker(event.record.instance, rank.worker) == nullptr) {
        finishRank(event, rank, RankStatus::kLost, "the worker was forgotten");
      }
    }
    if (event.openRanks == 0 && !event.finished) finish(event);
  }
  std::stable_sort(finished.begin(), finished.end(), [](const Event* a, const Event* b) {
    return a->record.finishedMs() < b->record.finishedMs();
  });
  for (Event* event : finished) {
    event->settled = true;
    log_.finish(*event, true);
  }
}

uint64_t Executor::deadlineOf(const EventRecord& record) const {
  const uint64_t timeout = options_.timeoutMs[static_cast<size_t>(record.kind)];
  const uint64_t now = clock_.storeMs();
  const uint64_t passed = now - std::min(now, record.createdMs());
  const uint64_t left = timeout - std::min(timeout, passed);
  return clock_.steadyMs() + std::max(left, std::min(timeout, kAnswersAfterRestartMs));
}

bool Executor::quiet() const {
  return writes_.empty() && pinned_.empty() && settledHealth_.empty() &&
         std::none_of(log_.unfinished().begin(), log_.unfinished().end(), [](const auto& one) {
           return one.second->record.kind == OperationKind::kHealth;
         });
}

void Executor::restart() {
  HOLDFAST_CHECK(quiet(), "%zu writes wait", writes_.size());
  sending_.clear();
  checks_.clear();
  for (const auto& [number, event] : log_.unfinished()) {
    // Those of a pin are in its record.
    keysWaiting_ -= event->chunks.size();
    event->chunks = {};
    event->deadlineMs = deadlineOf(event->record);
    for (RankRecord& rank : event->record.ranks) {
      if (!rank.final()) rank.status = RankStatus::kUnknown;
    }
  }
}

// --- what is asked for ---

Result<const Event*> Executor::start(OperationRequest request) {
  if (auto bad = invalidRequest(request)) return Error{ErrorCode::kInvalid, *bad};
  if (const Event* known = find(request.eventId); !request.eventId.empty() && known != nullptr) {
    if (known->record.arguments == digestOf(request)) return known;
    return Error{ErrorCode::kInvalid, "event id " + quotedForPeople(request.eventId) +
                                          " names another operation (" +
                                          std::string(operationName(known->record.kind)) + " of " +
                                          "instance " + quotedForPeople(known->record.instance) +
                                          "); choose another id, or none to have one drawn"};
  }
  if (const StoreHealth health = store_.health(); leavesEvent(request.kind) && !health.writable) {
    return Error{ErrorCode::kUnavailable, health.reason};
  }
  if (auto error = notReady(request)) return *error;
  if (log_.unfinished().size() >= kEventsRunningMax) {
    return Error{ErrorCode::kUnavailable, std::to_string(kEventsRunningMax) +
                                              " operations are under way, which is the limit; "
                                              "try again when some have ended"};
  }
  if (keysWaiting_ + request.chunks.size() > kOperationKeysWaitingMax) {
    return Error{ErrorCode::kUnavailable, "operations on " + std::to_string(keysWaiting_) +
                                              " chunks are under way, at most " +
                                              std::to_string(kOperationKeysWaitingMax) +
                                              " may; try again soon"};
  }
  if (request.kind == OperationKind::kPin) {
    if (auto error = tooManyPins(request)) return *error;
  }
  Event& event = add(request);
  keysWaiting_ += request.chunks.size();
  const bool pins = request.kind == OperationKind::kPin;
  (pins ? event.record.toPin : event.chunks) = std::move(request.chunks);
  if (leavesEvent(event.record.kind)) {
    write(event, true);
  } else {
    event.recorded = true;
    sending_.push_back({event.serial, 0});
    advance();
  }
  return &event;
}

Event& Executor::add(const OperationRequest& request) {
  EventRecord record;
  record.id = request.eventId;
  while (record.id.empty() || log_.byId(record.id) != nullptr) record.id = drawnId(random_());
  do {
    record.number = random_();
  } while (record.number == 0 || log_.unfinishedByNumber(record.number) != nullptr);
  record.kind = request.kind;
  record.instance = request.instance;
  record.location = request.location;
  record.toInstance = request.toInstance;
  record.toLocation = request.toLocation;
  record.method = request.method;
  record.copy = request.copy;
  record.ttlSeconds = request.ttlSeconds;
  record.chunks = request.allChunks ? 0 : static_cast<uint32_t>(request.chunks.size());
  record.arguments = digestOf(request);
  record.createdWallMs = clock_.wallMs();
  record.createdStoreMs = clock_.storeMs();
  const std::vector<const Worker*> ranks = ranksOf(*tree_.findInstance(request.instance));
  record.ranks.reserve(ranks.size());
  for (const Worker* worker : ranks) {
    RankRecord rank;
    rank.worker = worker->record.worker;
    rank.run = worker->record.run;
    record.ranks.push_back(std::move(rank));
  }
  Event& event = log_.add(std::move(record));
  event.modelSalt = modelOf(event.record);
  event.deadlineMs = deadlineOf(event.record);
  track(event);
  return event;
}

void Executor::track(Event& event) {
  event.openRanks = 0;
  for (const RankRecord& rank : event.record.ranks) {
    if (rank.final()) continue;
    ++event.openRanks;
    openByWorker_[{event.record.instance, rank.worker}].insert(event.serial);
  }
}

// --- workers ---

void Executor::send(Event& event, size_t index) {
  RankRecord& rank = event.record.ranks[index];
  if (rank.final()) return;
  if (const std::string why = whyNotSent(event, rank); !why.empty()) {
    return finishRank(event, rank, RankStatus::kNeverRun, "not sent: " + why);
  }
  const EventRecord& record = event.record;
  WorkerOperation operation;
  operation.number = record.number;
  operation.kind = record.kind;
  operation.location = record.location;
  operation.allChunks = record.chunks == 0;
  operation.chunks = record.kind == OperationKind::kPin ? record.toPin : event.chunks;
  operation.ttlSeconds = record.ttlSeconds;
  operation.method = record.method;
  operation.copy = record.copy;
  const Worker& worker = *tree_.findWorker(record.instance, rank.worker);
  if (record.kind == OperationKind::kMove) {
    const Worker& to = *tree_.findWorker(record.toInstance, rank.worker);
    operation.destination = {record.toInstance, rank.worker, record.toLocation,
                             &to == &worker ? std::string() : to.record.peerUrl};
  }
  rank.status = RankStatus::kRunning;
  worker.link->operate(operation);
}

// Asks what became of it, unless that is known by now.
void Executor::check(Event& event, size_t index) {
  const RankRecord& rank = event.record.ranks[index];
  const Worker* worker = tree_.findWorker(event.record.instance, rank.worker);
  if (rank.status != RankStatus::kUnknown || worker == nullptr || worker->session == kNoSession ||
      worker->record.run != rank.run) {
    return;
  }
  WorkerOperation question;
  question.ask = WorkerOperation::Ask::kCheck;
  question.number = event.record.number;
  worker->link->operate(question);
}

void Executor::answered(SessionId session, uint64_t number, const OperationOutcome& outcome) {
  const Worker* worker = tree_.bySession(session);
  Event* event = log_.unfinishedByNumber(number);
  if (worker == nullptr || event == nullptr || worker->record.instance != event->record.instance) {
    return;
  }
  auto& ranks = event->record.ranks;
  const auto rank = std::find_if(ranks.begin(), ranks.end(), [&](const RankRecord& one) {
    return one.worker == worker->record.worker && one.run == worker->record.run;
  });
  // What was never asked is not answered.
  if (rank == ranks.end() || rank->final() || rank->status == RankStatus::kPending) return;
  switch (outcome.status) {
    case OperationOutcome::Status::kRunning: {
      if (rank->status != RankStatus::kUnknown) return;
      rank->status = RankStatus::kRunning;
      WorkerOperation question;
      question.ask = WorkerOperation::Ask::kAwait;
      question.number = number;
      worker->link->operate(question);
      return;
    }
    case OperationOutcome::Status::kNeverRun:
      return finishRank(*event, *rank, RankStatus::kNeverRun,
                        oneLineForPeople(outcome.error, kOutcomeErrorBytesMax));
    case OperationOutcome::Status::kDone:
      if (event->record.kind == OperationKind::kPin && outcome.numTokens != 0) {
        const bool isNext = pinned_.empty();
        pinned_.push_back(
            {{event->serial, static_cast<size_t>(rank - ranks.begin())}, outcome.numTokens});
        if (isNext) recordPins();
        return;
      }
      rank->numTokens = outcome.numTokens;
      rank->errorCode = outcome.errorCode;
      return finishRank(*event, *rank, RankStatus::kDone, {});
    case OperationOutcome::Status::kFailed:
      rank->errorCode = outcome.errorCode;
      return finishRank(*event, *rank, RankStatus::kFailed,
                        oneLineForPeople(outcome.error, kOutcomeErrorBytesMax));
  }
}

template <typename Visit>
void Executor::forOpenRanks(const Worker& worker, Visit visit) {
  const auto open = openByWorker_.find({worker.record.instance, worker.record.worker});
  if (open == openByWorker_.end()) return;
  const std::set<uint64_t> serials = open->second;  // visit() may end some
  for (const uint64_t serial : serials) {
    Event& event = *log_.bySerial(serial);
    for (size_t i = 0; i < event.record.ranks.size(); ++i) {
      if (event.record.ranks[i].worker == worker.record.worker) visit(event, i);
    }
  }
}

void Executor::sessionOpened(const Worker& worker) {
  forOpenRanks(worker, [&](Event& event, size_t index) {
    RankRecord& rank = event.record.ranks[index];
    if (rank.run == worker.record.run) {
      if (rank.status == RankStatus::kUnknown) checks_.push_back({event.serial, index});
    } else if (rank.status == RankStatus::kPending) {
      finishRank(event, rank, RankStatus::kNeverRun,
                 "not sent: another process registered as this worker");
    } else {
      finishRank(event, rank, RankStatus::kLost, "another process registered as this worker");
    }
  });
}

void Executor::sessionClosed(const Worker& worker) {
  forOpenRanks(worker, [](Event& event, size_t index) {
    RankRecord& rank = event.record.ranks[index];
    if (rank.status == RankStatus::kRunning) rank.status = RankStatus::kUnknown;
  });
}

void Executor::workerForgotten(const Worker& worker) {
  forOpenRanks(worker, [&](Event& event, size_t index) {
    RankRecord& rank = event.record.ranks[index];
    finishRank(event, rank,
               rank.status == RankStatus::kPending ? RankStatus::kNeverRun : RankStatus::kLost,
               "the worker left or was forgotten");
  });
}

// --- the end of an event ---

void Executor::finishRank(Event& event, RankRecord& rank, RankStatus status,
                          std::string_view error) {
  HOLDFAST_CHECK(!rank.final(), "rank %u ends twice", rank.worker);
  rank.status = status;
  rank.error = error;
  if (event.record.kind == OperationKind::kHealth) {
    rank.errorCode = healthOf(status, rank.errorCode);
  }
  const auto open = openByWorker_.find({event.record.instance, rank.worker});
  open->second.erase(event.serial);
  if (open->second.empty()) openByWorker_.erase(open);
  if (--event.openRanks == 0) return finish(event);
  if (!leavesEvent(event.record.kind)) return;
  // At most one write of an event waits for the disk, however many ranks answer meanwhile.
  if (store_.isCommitted(event.ticket)) {
    write(event, false);
  } else {
    event.stale = true;
  }
}

void Executor::finish(Event& event) {
  event.record.finishedWallMs = std::max<uint64_t>(clock_.wallMs(), 1);
  event.record.finishedStoreMs = std::max<uint64_t>(clock_.storeMs(), 1);
  dropChunks(event);
  log_.finish(event, leavesEvent(event.record.kind));
  if (leavesEvent(event.record.kind)) return write(event, true);
  settledHealth_.push_back(event.serial);
  settle(event);
}

void Executor::dropChunks(Event& event) {
  keysWaiting_ -= event.chunks.size() + event.record.toPin.size();
  event.chunks = {};
  event.record.toPin = {};
}

void Executor::settle(Event& event) {
  event.settled = true;
  if (onSettled_) onSettled_(event);
}

void Executor::write(Event& event, bool synced) {
  StoreBatch batch;
  batch.steps.emplace_back(PutEvent{event.record});
  batch.synced = synced;
  event.ticket = store_.write(std::move(batch));
  event.stale = false;
  writes_.emplace_back(event.ticket, event.serial);
}

bool Executor::takeCommitted() {
  const auto [ticket, serial] = writes_.front();
  writes_.pop_front();
  Event* event = log_.bySerial(serial);
  if (event == nullptr) return false;
  if (!event->recorded) {
    event->recorded = true;
    if (!event->finished) sending_.push_back({event->serial, 0});
  }
  if (ticket != event->ticket) return false;
  if (event->finished) {
    settle(*event);
    return true;
  }
  if (event->stale) write(*event, false);
  return false;
}

// --- time ---

void Executor::expire(Event& event) {
  const std::string after =
      " within " + std::to_string(options_.timeoutMs[static_cast<size_t>(event.record.kind)]) +
      " ms";
  for (RankRecord& rank : event.record.ranks) {
    switch (rank.status) {
      case RankStatus::kPending:
        finishRank(event, rank, RankStatus::kNeverRun, "not sent" + after);
        break;
      case RankStatus::kRunning:
        finishRank(event, rank, RankStatus::kTimedOut, "no answer" + after);
        break;
      case RankStatus::kUnknown:
        finishRank(event, rank, RankStatus::kLost,
                   "its session ended before it answered, and it did not come back" + after);
        break;
      default:
        break;
    }
  }
}

void Executor::tick() {
  const uint64_t now = clock_.steadyMs();
  std::vector<uint64_t> late;
  for (const auto& [number, event] : log_.unfinished()) {
    if (now >= event->deadlineMs) late.push_back(event->serial);
  }
  std::sort(late.begin(), late.end());
  for (const uint64_t serial : late) expire(*log_.bySerial(serial));
}

bool Executor::forgetOld() {
  while (!settledHealth_.empty()) {
    log_.erase(*log_.bySerial(settledHealth_.front()));
    settledHealth_.pop_front();
  }
  StoreBatch batch;
  const uint64_t now = clock_.storeMs();
  while (batch.steps.size() < kForgottenPerTurn) {
    const Event* oldest = log_.oldestFinished();
    if (oldest == nullptr || !oldest->settled) break;
    const uint64_t finished = oldest->record.finishedMs();
    const bool old = now >= finished && now - finished >= options_.retentionMs;
    if (!old && log_.finished() <= options_.eventsKeptMax) break;
    batch.steps.emplace_back(DropEvent{oldest->record.id});
    log_.erase(*oldest);
  }
  if (batch.steps.empty()) return false;
  const bool more = batch.steps.size() == kForgottenPerTurn;
  store_.write(std::move(batch));
  return more;
}

bool Executor::work() {
  const bool messages = advance();
  const bool pins = recordPins();
  return forgetOld() || messages || pins;
}

bool Executor::advance() {
  size_t messages = 0;
  size_t keys = 0;
  while (messages < kMessagesPerTurn && keys < kKeysPerTurn) {
    if (!writes_.empty() && store_.isCommitted(writes_.front().first)) {
      if (!takeCommitted()) continue;
    } else if (!checks_.empty()) {
      const RankOf next = checks_.front();
      checks_.pop_front();
      if (Event* event = log_.bySerial(next.serial)) check(*event, next.rank);
    } else if (!sending_.empty()) {
      RankOf& next = sending_.front();
      Event* event = log_.bySerial(next.serial);
      if (event == nullptr || event->finished || next.rank == event->record.ranks.size()) {
        // A pin's are wanted when its ranks answer.
        if (event != nullptr && event->record.toPin.empty()) dropChunks(*event);
        sending_.pop_front();
        continue;
      }
      keys += event->chunks.size() + event->record.toPin.size();
      send(*event, next.rank++);
    } else {
      return false;
    }
    ++messages;
  }
  return true;
}

}  // namespace holdfast
