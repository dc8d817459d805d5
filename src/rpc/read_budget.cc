#include "rpc/read_budget.h"

namespace holdfast {

bool ReadBudget::hasRoom() {
  if (timer_.now() != turn_) {
    turn_ = timer_.now();
    spent_ = 0;
  }
  return spent_ < kBytesPerTurn;
}

kj::Promise<void> ReadBudget::ready(size_t known) {
  if (waiting_.empty() && hasRoom()) {
    spent_ += known;
    return kj::READY_NOW;
  }
  auto paf = kj::newPromiseAndFulfiller<void>();
  waiting_.push_back({kj::mv(paf.fulfiller), known});
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

// At least one waits no longer in each turn. Who reads is the last in it, since what that spends is
// not known before.
kj::Promise<void> ReadBudget::serve() {
  return timer_.afterDelay(1 * kj::NANOSECONDS).then([this]() -> kj::Promise<void> {
    hasRoom();  // a new turn has begun
    bool more = true;
    while (!waiting_.empty() && more) {
      // Those whose connection has ended meanwhile take no turn.
      Waiting next = kj::mv(waiting_.front());
      waiting_.pop_front();
      if (!next.fulfiller->isWaiting()) continue;
      spent_ += next.known;
      next.fulfiller->fulfill();
      more = next.known != 0 && hasRoom();
    }
    if (!waiting_.empty()) return serve();
    serving_ = false;
    return kj::READY_NOW;
  });
}

}  // namespace holdfast
