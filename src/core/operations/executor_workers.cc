// What workers are sent, what they answer, and what their sessions' comings and goings tell.
#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "core/ids.h"
#include "core/operations/executor.h"

namespace holdfast {

// Nothing where it may be sent.
std::optional<std::string> Executor::whyNotSent(const Event& event, const RankRecord& rank) const {
  const EventRecord& record = event.record;
  const Worker* worker = tree_.findWorker(record.instance, rank.worker);
  if (worker == nullptr || worker->session == kNoSession) return "it is LOST";
  if (worker->record.run != rank.run) return "another process registered as this worker";
  if (record.kind == OperationKind::kHealth) return std::nullopt;
  const auto changed = [&](const Worker& one, const std::string& location) -> const char* {
    if (one.modelSalt != event.modelSalt &&
        (record.chunks != 0 || record.kind == OperationKind::kMove)) {
      return "has another model now";
    }
    return one.find(location) == nullptr ? "does not state the location any more" : nullptr;
  };
  if (const char* why = changed(*worker, record.location)) return std::string("it ") + why;
  if (record.kind != OperationKind::kMove) return std::nullopt;
  const Worker* to = tree_.findWorker(record.toInstance, rank.worker);
  if (to == nullptr || to->session == kNoSession) return "the rank that was to receive it is LOST";
  if (const char* why = changed(*to, record.toLocation)) {
    return std::string("the rank that was to receive it ") + why;
  }
  return std::nullopt;
}

void Executor::send(Event& event, size_t index) {
  RankRecord& rank = event.record.ranks[index];
  if (rank.final()) return;
  if (const auto why = whyNotSent(event, rank)) {
    return finishRank(event, rank, RankStatus::kNeverRun, "not sent: " + *why);
  }
  const EventRecord& record = event.record;
  WorkerOperation operation;
  operation.number = record.number;
  operation.kind = record.kind;
  operation.location = record.location;
  operation.allChunks = record.chunks == 0;
  operation.chunks = record.kind == OperationKind::kPin ? record.toPin : event.chunks;
  operation.tokens = event.tokens;
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
    case OperationOutcome::Status::kForgotten:
      return finishRank(*event, *rank, RankStatus::kLost,
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

}  // namespace holdfast
