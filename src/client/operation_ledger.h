// Which operations the controller asked for and what became of them: so that it can ask again after
// a lost connection or its own restart, and nothing is begun twice or after it was given up.
// Deterministic; on the client's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client/operation_handler.h"

namespace holdfast {

class OperationLedger {
 public:
  using Answer = std::function<void(const OperationOutcome&)>;

  static constexpr size_t kWaitingMax = 1'024;
  // Of those that have ended, so that a controller that missed the answer can ask for it.
  static constexpr size_t kEndedKept = 1'024;

  // At most `atOnce` are begun and not ended; `begin` is called with each.
  OperationLedger(size_t atOnce, std::function<void(const CacheOperation&)> begin)
      : atOnce_(atOnce), begin_(std::move(begin)) {}

  // Begins it when there is room; answered when it has ended.
  void ask(CacheOperation operation, Answer answer);
  // What became of it, answered at once; with `wait`, when it has ended. One that is not known has
  // not been begun, nor will it be.
  void check(uint64_t number, bool wait, Answer answer);
  // The engine has done with it.
  void ended(uint64_t number, OperationOutcome outcome);
  // Nobody waits for answers any more, and what has not begun is not begun.
  void sessionOver();

 private:
  struct Entry {
    bool ended = false;
    OperationOutcome outcome;
    std::vector<Answer> answers;
  };
  void beginNext();

  const size_t atOnce_;
  const std::function<void(const CacheOperation&)> begin_;
  std::unordered_map<uint64_t, Entry> entries_;  // waiting, running, ended
  std::deque<CacheOperation> waiting_;
  std::deque<uint64_t> endedOrder_;
  size_t running_ = 0;
};

}  // namespace holdfast
