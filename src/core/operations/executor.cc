#include "core/operations/executor.h"

#include <algorithm>
#include <tuple>

#include "core/check.h"
#include "core/notice.h"
#include "core/operations/event_summary.h"

namespace holdfast {
namespace {

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

}  // namespace

Executor::Executor(const RegistryTree& tree, Pins& pins, TicketLedger& store, Clock& clock,
                   NoticeSink& notices, const Options& options, std::function<uint64_t()> random)
    : tree_(tree),
      pins_(pins),
      store_(store),
      clock_(clock),
      notices_(notices),
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
    dropTokens(*event);
    event->deadlineMs = deadlineOf(event->record);
    for (RankRecord& rank : event->record.ranks) {
      if (!rank.final()) rank.status = RankStatus::kUnknown;
    }
  }
}

void Executor::track(Event& event) {
  event.openRanks = 0;
  for (const RankRecord& rank : event.record.ranks) {
    if (rank.final()) continue;
    ++event.openRanks;
    openByWorker_[{event.record.instance, rank.worker}].insert(event.serial);
  }
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
  dropTokens(event);
}

void Executor::dropTokens(Event& event) {
  if (event.tokens == nullptr) return;
  tokensWaiting_ -= event.tokens->size();
  event.tokens = nullptr;
}

void Executor::settle(Event& event) {
  event.settled = true;
  noticeEnd(event.record);
  if (onSettled_) onSettled_(event);
}

void Executor::noticeEnd(const EventRecord& event) {
  const EventSummary summary = summarise(event);
  const uint64_t durationMs = event.finishedMs() - std::min(event.finishedMs(), event.createdMs());
  if (summary.status == EventStatus::kDone) {
    notices_.notice(notice::OperationDone{event.id, event.kind, event.instance, event.ranks.size(),
                                          summary.numTokens, durationMs});
  } else {
    notices_.notice(
        notice::OperationFailed{event.id, event.kind, event.instance, summary.error, durationMs});
  }
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
        // A pin's chunks are wanted when its ranks answer.
        if (event != nullptr) event->record.toPin.empty() ? dropChunks(*event) : dropTokens(*event);
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
