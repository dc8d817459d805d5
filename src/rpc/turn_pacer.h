// Work that comes in crowds and takes long enough to be felt, one piece for each turn of the event
// loop: when hundreds of workers connect and register at once, look-ups are answered in between.
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

  // Resolves when it is the caller's turn, in the order of the calls; at once if nobody else had
  // this one.
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
