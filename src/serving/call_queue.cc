#include "serving/call_queue.h"

#include <string>

#include "core/limits.h"
#include "wire/errors.h"

namespace holdfast {

CallQueue::Turn::Turn(CallQueue& queue, size_t bytes) : queue_(queue), bytes_(bytes) {
  queue_.bytesOfAll_ += bytes_;
}

CallQueue::Turn::~Turn() {
  queue_.bytesOfAll_ -= bytes_;
  if (begun_) queue_.next();
}

kj::Promise<kj::Own<CallQueue::Turn>> CallQueue::enter(size_t bytes) {
  if (bytes > kLongCallBytesMax - bytesOfAll_) {
    return wireError({ErrorCode::kUnavailable,
                      "long calls of " + std::to_string(bytesOfAll_) +
                          " bytes are under way, at most " + std::to_string(kLongCallBytesMax) +
                          " are allowed; ask again when some are answered"});
  }
  auto turn = kj::heap<Turn>(*this, bytes);
  if (!busy_) {
    busy_ = true;
    turn->begun_ = true;
    return kj::mv(turn);
  }
  auto paf = kj::newPromiseAndFulfiller<void>();
  waiting_.push_back({kj::mv(paf.fulfiller), turn.get()});
  return paf.promise.then([turn = kj::mv(turn)]() mutable { return kj::mv(turn); });
}

void CallQueue::next() {
  // Calls that were cancelled take no turn.
  while (!waiting_.empty() && !waiting_.front().fulfiller->isWaiting()) waiting_.pop_front();
  busy_ = !waiting_.empty();
  if (!busy_) return;
  Waiting first = kj::mv(waiting_.front());
  waiting_.pop_front();
  first.turn->begun_ = true;
  first.fulfiller->fulfill();
}

}  // namespace holdfast
