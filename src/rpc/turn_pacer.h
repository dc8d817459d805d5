// Work that comes in crowds and takes long enough to be felt, one piece at a time with a pause in
// between: when hundreds of workers connect and register at once, look-ups are answered meanwhile.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

#include <deque>

namespace holdfast {

// On the loop's thread.
class TurnPacer {
 public:
  // `timer` is the loop's own: it stands still between two polls of the sockets.
  explicit TurnPacer(kj::Timer& timer) : timer_(timer), lastTurn_(timer.now()) {}

  // The loop belongs to others at least that long between two pieces.
  static constexpr kj::Duration kInterval = 1 * kj::MILLISECONDS;

  // Resolves when it is the caller's turn, in the order of the calls; at once if the last one was
  // long enough ago.
  kj::Promise<void> myTurn();

 private:
  kj::Promise<void> serve();

  kj::Timer& timer_;
  kj::TimePoint lastTurn_;  // that somebody had
  std::deque<kj::Own<kj::PromiseFulfiller<void>>> waiting_;
  bool serving_ = false;
  kj::Promise<void> service_ = kj::READY_NOW;
};

}  // namespace holdfast
