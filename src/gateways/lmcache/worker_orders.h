// Core's cache operations as orders to one worker of LMCache, and its answers as outcomes.
//
// What the wire cannot say: hashes (its orders name chunks by tokens), a pin's time to live, a move
// within a worker, and what became of an order whose answer was lost, as no version of its workers
// knows CheckFinishWorkerMsg.
#pragma once

#include <kj/async.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/cache_operations.h"
#include "gateways/lmcache/orders.h"

namespace holdfast::lmcache {

// How long a pin lasts that a worker was asked for (`pin_timeout_sec`, its default): for
// Registration::pinSecondsMax.
inline constexpr uint32_t kPinSeconds = 300;

// For as long as a worker's process lives, over all its sessions: what it was asked in one of them
// may be answered in the next. When it is destroyed nothing more is sent or answered.
class WorkerOrders final : private kj::TaskSet::ErrorHandler {
 public:
  struct Worker {
    std::string endpoint;  // see endpointOf
    // From operate() to the end, by OperationKind: no less than the controller's own (see
    // Executor::Options), which says of an operation that it timed out.
    std::array<uint64_t, kOperationKinds> timeoutMs{};
  };
  // Called in a turn of its own with each operation that has ended, to become an input::Answered of
  // the session that is in force, if one is.
  using Answered = std::function<void(uint64_t number, const OperationOutcome& outcome)>;

  // `orders` outlives this.
  WorkerOrders(Orders& orders, Worker worker, Answered answered);

  // WorkerLink::operate.
  void operate(const WorkerOperation& operation);
  // Whether the worker answers at all. One that has an order under way does: its end is noticed
  // there, and a question would wait behind it.
  kj::Promise<bool> answers(kj::Duration timeout);

 private:
  // Ended ones whose outcome may be asked for again.
  static constexpr size_t kRemembered = 64;

  void begin(const WorkerOperation& operation);
  // What became of one that was begun, or may have been.
  void tell(const WorkerOperation& question);
  void answerLater(uint64_t number, OperationOutcome outcome);
  void ended(uint64_t number, OperationOutcome outcome);
  void taskFailed(kj::Exception&& exception) override;

  Orders& orders_;
  const Worker worker_;
  const Answered answered_;
  std::map<uint64_t, std::optional<OperationOutcome>> asked_;  // by number; nothing: under way
  std::deque<uint64_t> ended_;                                 // oldest first
  kj::TaskSet tasks_;
};

}  // namespace holdfast::lmcache
