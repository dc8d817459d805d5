#include "net/turn_pacer.h"

#include <algorithm>

namespace holdfast {

kj::Promise<void> TurnPacer::myTurn() {
  if (!serving_ && timer_.now() - lastTurn_ >= interval_) {
    lastTurn_ = timer_.now();
    return kj::READY_NOW;
  }
  auto paf = kj::newPromiseAndFulfiller<void>();
  waiting_.push_back(kj::mv(paf.fulfiller));
  if (!serving_) {
    serving_ = true;
    service_ = serve().eagerlyEvaluate(nullptr);
  }
  return kj::mv(paf.promise);
}

kj::Promise<void> TurnPacer::serve() {
  return timer_.afterDelay(interval_).then([this]() {
    const int64_t due = (timer_.now() - lastTurn_) / interval_;
    for (int64_t i = std::clamp<int64_t>(due, 1, kPiecesAtOnceMax); i > 0; --i) release();
    lastTurn_ = timer_.now();
    if (!waiting_.empty()) return serve();
    serving_ = false;
    return kj::Promise<void>(kj::READY_NOW);
  });
}

void TurnPacer::release() {
  // Those whose connection has ended meanwhile take no turn.
  while (!waiting_.empty() && !waiting_.front()->isWaiting()) waiting_.pop_front();
  if (waiting_.empty()) return;
  waiting_.front()->fulfill();
  waiting_.pop_front();
}

}  // namespace holdfast
