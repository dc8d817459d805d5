#include "gateways/lmcache/worker_orders.h"

#include <limits>
#include <utility>

#include "core/check.h"
#include "gateways/lmcache/encoder.h"

namespace holdfast::lmcache {
namespace {

// Behind the controller's own time-out, which says more.
constexpr kj::Duration kGrace = 1 * kj::SECONDS;

using Status = OperationOutcome::Status;

// Why it cannot be an order; nothing where it can.
std::optional<std::string> cannotSay(const WorkerOperation& operation) {
  const bool namesChunks =
      operation.kind != OperationKind::kClear && operation.kind != OperationKind::kHealth;
  if (namesChunks && !operation.allChunks && operation.tokens == nullptr) {
    return "LMCache's workers are told tokens, not hashes";
  }
  if (operation.kind == OperationKind::kMove && operation.destination.peerUrl.empty()) {
    return "LMCache's workers move chunks to other workers only, not between their own locations";
  }
  return std::nullopt;
}

// Runs on the socket thread.
struct OrderText {
  OperationKind kind;
  std::string id;
  std::string location;
  std::string method;
  std::string url;
  std::string newLocation;
  PromptTokens tokens;  // null: all chunks
  bool copy;

  std::string operator()() const {
    const auto about = tokens == nullptr ? std::nullopt : std::optional<Tokens>(*tokens);
    switch (kind) {
      case OperationKind::kClear:
        return clear(id, location);
      case OperationKind::kPin:
        return pin(id, location, about.value_or(Tokens()));
      case OperationKind::kCompress:
        return compress(id, method, location, about);
      case OperationKind::kDecompress:
        return decompress(id, method, location, about);
      case OperationKind::kMove:
        return move(id, location, {url, newLocation}, about, copy);
      case OperationKind::kHealth:
        return health(id);
    }
    return {};
  }
};

OperationOutcome failed(int32_t errorCode, std::string why) {
  return {Status::kFailed, 0, errorCode, std::move(why)};
}

OperationOutcome outcomeOf(OperationKind kind, OrderAnswer& answer) {
  const bool isHealth = kind == OperationKind::kHealth;
  switch (answer.end) {
    case OrderAnswer::End::kNotSent:
      return {Status::kNeverRun, 0, 0, "not sent: " + answer.text};
    case OrderAnswer::End::kNoAnswer:
      return {Status::kForgotten, 0, 0, std::move(answer.text)};
    case OrderAnswer::End::kUnreadable:
      return failed(isHealth ? kHealthUnreadable : 0, std::move(answer.text));
    case OrderAnswer::End::kAnswered:
      break;
  }
  if (answer.type == Type::kError) {
    return failed(isHealth ? kHealthError : 0, std::move(answer.text));
  }
  if (isHealth && answer.type == Type::kHealth) {
    const bool fits = answer.errorCode >= std::numeric_limits<int32_t>::min() &&
                      answer.errorCode <= std::numeric_limits<int32_t>::max();
    return {
        Status::kDone, 0, fits ? static_cast<int32_t>(answer.errorCode) : kHealthUnexpected, {}};
  }
  if (!isHealth && answer.type == Type::kTokensDone) return {Status::kDone, answer.tokens, 0, {}};
  return failed(isHealth ? kHealthUnexpected : 0, "it answered with a message of another order");
}

}  // namespace

WorkerOrders::WorkerOrders(Orders& orders, Worker worker, Answered answered)
    : orders_(orders), worker_(std::move(worker)), answered_(std::move(answered)), tasks_(*this) {}

void WorkerOrders::operate(const WorkerOperation& operation) {
  if (operation.ask != WorkerOperation::Ask::kBegin) return tell(operation);
  if (auto why = cannotSay(operation)) {
    return answerLater(operation.number, {Status::kNeverRun, 0, 0, std::move(*why)});
  }
  begin(operation);
}

void WorkerOrders::begin(const WorkerOperation& operation) {
  asked_.try_emplace(operation.number);
  const kj::Duration timeout =
      worker_.timeoutMs[static_cast<size_t>(operation.kind)] * kj::MILLISECONDS + kGrace;
  OrderText text{operation.kind,
                 std::to_string(operation.number),
                 std::string(operation.location),
                 std::string(operation.method),
                 operation.destination.peerUrl,
                 operation.destination.location,
                 operation.allChunks ? nullptr : operation.tokens,
                 operation.copy};
  tasks_.add(
      orders_.send(worker_.endpoint, std::move(text), timeout)
          .then([this, number = operation.number, kind = operation.kind](
                    kj::Own<OrderAnswer>&& answer) { ended(number, outcomeOf(kind, *answer)); }));
}

void WorkerOrders::tell(const WorkerOperation& question) {
  const auto asked = asked_.find(question.number);
  if (asked == asked_.end()) {
    return answerLater(question.number,
                       {Status::kForgotten, 0, 0,
                        "the controller ended while the worker had it to do, and LMCache's workers "
                        "do not remember what became of an order"});
  }
  if (asked->second) return answerLater(question.number, *asked->second);
  // Else it is answered when it has ended.
  if (question.ask == WorkerOperation::Ask::kCheck) {
    answerLater(question.number, {Status::kRunning, 0, 0, {}});
  }
}

// Whoever asks is within an input of the controller.
void WorkerOrders::answerLater(uint64_t number, OperationOutcome outcome) {
  tasks_.add(kj::evalLater(
      [this, number, outcome = std::move(outcome)]() { answered_(number, outcome); }));
}

void WorkerOrders::ended(uint64_t number, OperationOutcome outcome) {
  auto& kept = asked_[number];
  kept = std::move(outcome);
  ended_.push_back(number);
  answered_(number, *kept);
  if (ended_.size() <= kRemembered) return;
  asked_.erase(ended_.front());
  ended_.pop_front();
}

kj::Promise<bool> WorkerOrders::answers(kj::Duration timeout) {
  if (asked_.size() > ended_.size()) return true;
  return orders_
      .send(
          worker_.endpoint, []() { return health("probe"); }, timeout)
      .then([](kj::Own<OrderAnswer>&& answer) {
        return answer->end == OrderAnswer::End::kAnswered ||
               answer->end == OrderAnswer::End::kUnreadable;
      });
}

// Orders do not fail, nor may whoever takes their answers.
void WorkerOrders::taskFailed(kj::Exception&& exception) {
  HOLDFAST_CHECK(false, "an order failed: %s", exception.getDescription().cStr());
}

}  // namespace holdfast::lmcache
