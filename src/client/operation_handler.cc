#include "client/operation_handler.h"

#include <atomic>
#include <utility>

namespace holdfast {

struct Completion::Ending {
  explicit Ending(std::function<void(OperationOutcome)> theGive) : give(std::move(theGive)) {}
  ~Ending() {
    end({.status = OperationOutcome::Status::kFailed,
         .error = "the engine dropped the operation without an answer"});
  }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  void end(OperationOutcome outcome) {
    if (!ended.exchange(true)) give(std::move(outcome));
  }

  const std::function<void(OperationOutcome)> give;
  std::atomic<bool> ended = false;
};

Completion::Completion(std::function<void(OperationOutcome)> give)
    : ending_(std::make_shared<Ending>(std::move(give))) {}

void Completion::done(uint64_t numTokens) const {
  ending_->end({.status = OperationOutcome::Status::kDone, .numTokens = numTokens, .error = {}});
}

void Completion::fail(std::string why) const {
  ending_->end({.status = OperationOutcome::Status::kFailed, .error = std::move(why)});
}

void Completion::unhealthy(int32_t code, std::string why) const {
  ending_->end(
      {.status = OperationOutcome::Status::kFailed, .errorCode = code, .error = std::move(why)});
}

namespace {

void refuse(const CacheOperation& operation, Completion&& completion) {
  completion.fail("unsupported: this engine does not implement " +
                  std::string(operationName(operation.kind)));
}

}  // namespace

void OperationHandler::clear(const CacheOperation& operation, Completion completion) {
  refuse(operation, std::move(completion));
}
void OperationHandler::pin(const CacheOperation& operation, Completion completion) {
  refuse(operation, std::move(completion));
}
void OperationHandler::compress(const CacheOperation& operation, Completion completion) {
  refuse(operation, std::move(completion));
}
void OperationHandler::decompress(const CacheOperation& operation, Completion completion) {
  refuse(operation, std::move(completion));
}
void OperationHandler::move(const CacheOperation& operation, Completion completion) {
  refuse(operation, std::move(completion));
}
void OperationHandler::health(const CacheOperation&, Completion completion) {
  const Completion mine = std::move(completion);
  mine.done(0);
}

void handle(OperationHandler& handler, const CacheOperation& operation, Completion completion) {
  switch (operation.kind) {
    case OperationKind::kClear:
      return handler.clear(operation, std::move(completion));
    case OperationKind::kPin:
      return handler.pin(operation, std::move(completion));
    case OperationKind::kCompress:
      return handler.compress(operation, std::move(completion));
    case OperationKind::kDecompress:
      return handler.decompress(operation, std::move(completion));
    case OperationKind::kMove:
      return handler.move(operation, std::move(completion));
    case OperationKind::kHealth:
      return handler.health(operation, std::move(completion));
  }
  completion.fail("unsupported: this client library does not know the operation; update it");
}

}  // namespace holdfast
