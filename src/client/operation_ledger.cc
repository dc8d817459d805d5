#include "client/operation_ledger.h"

#include <string>

namespace holdfast {

void OperationLedger::ask(CacheOperation operation, Answer answer) {
  if (entries_.contains(operation.number)) return check(operation.number, true, std::move(answer));
  if (waiting_.size() == kWaitingMax) {
    return answer({.status = OperationOutcome::Status::kFailed,
                   .error = std::to_string(kWaitingMax) +
                            " operations wait at this worker already; try again later"});
  }
  entries_[operation.number].answers.push_back(std::move(answer));
  waiting_.push_back(std::move(operation));
  beginNext();
}

void OperationLedger::check(uint64_t number, bool wait, Answer answer) {
  const auto found = entries_.find(number);
  if (found == entries_.end()) {
    return answer(
        {.status = OperationOutcome::Status::kNeverRun, .error = "the worker has not begun it"});
  }
  Entry& entry = found->second;
  if (entry.ended) return answer(entry.outcome);
  if (wait) {
    entry.answers.push_back(std::move(answer));
  } else {
    answer({.status = OperationOutcome::Status::kRunning, .error = {}});
  }
}

void OperationLedger::ended(uint64_t number, OperationOutcome outcome) {
  Entry& entry = entries_[number];
  entry.ended = true;
  entry.outcome = std::move(outcome);
  const std::vector<Answer> answers = std::exchange(entry.answers, {});
  for (const Answer& answer : answers) answer(entry.outcome);
  endedOrder_.push_back(number);
  if (endedOrder_.size() > kEndedKept) {
    entries_.erase(endedOrder_.front());
    endedOrder_.pop_front();
  }
  --running_;
  beginNext();
}

void OperationLedger::sessionOver() {
  for (const CacheOperation& operation : waiting_) entries_.erase(operation.number);
  waiting_.clear();
  for (auto& [number, entry] : entries_) entry.answers.clear();
}

void OperationLedger::beginNext() {
  while (running_ < atOnce_ && !waiting_.empty()) {
    ++running_;
    const CacheOperation operation = std::move(waiting_.front());
    waiting_.pop_front();
    begin_(operation);
  }
}

}  // namespace holdfast
