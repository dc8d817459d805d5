#include "rpc/read_budget.h"

namespace holdfast {

bool ReadBudget::hasRoom() {
  if (timer_.now() != turn_) {
    turn_ = timer_.now();
    spent_ = 0;
  }
  return spent_ < kBytesPerTurn;
}

kj::Promise<void> ReadBudget::ready() {
  if (waiting_.empty() && hasRoom()) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  waiting_.push_back(kj::mv(paf.fulfiller));
  if (!serving_) {
    serving_ = true;
    service_ = serve().eagerlyEvaluate(nullptr);
  }
  return kj::mv(paf.promise);
}

void ReadBudget::spent(size_t bytes) {
  hasRoom();
  spent_ += bytes;
}

// One waits no longer in each turn: what it reads is not known before.
kj::Promise<void> ReadBudget::serve() {
  return timer_.afterDelay(1 * kj::NANOSECONDS).then([this]() -> kj::Promise<void> {
    while (!waiting_.empty()) {
      // Those whose connection has ended meanwhile take no turn.
      const bool waits = waiting_.front()->isWaiting();
      if (waits) waiting_.front()->fulfill();
      waiting_.pop_front();
      if (waits) break;
    }
    if (!waiting_.empty()) return serve();
    serving_ = false;
    return kj::READY_NOW;
  });
}

}  // namespace holdfast
