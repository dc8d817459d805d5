// Spreads work that comes in crowds and is long enough to be felt: piece by piece, with a pause in
// between. When hundreds of workers connect and register at once, look-ups are still answered.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

#include <deque>

namespace holdfast {

// On the loop's thread.
class TurnPacer {
 public:
  // `timer` is the loop's own: it stands still between two polls of the sockets. One piece per
  // `interval`; 0: no pauses.
  TurnPacer(kj::Timer& timer, kj::Duration interval)
      : timer_(timer), interval_(interval), lastTurn_(timer.now()) {}

  // Resolves when it is the caller's turn, in the order of the calls; at once if the last one was
  // long enough ago.
  kj::Promise<void> myTurn();

 private:
  // Where the loop's own turns are longer than the interval, a few pieces follow each other, so
  // that a crowd is served in time all the same.
  static constexpr int64_t kPiecesAtOnceMax = 16;

  kj::Promise<void> serve();
  void release();

  kj::Timer& timer_;
  const kj::Duration interval_;
  kj::TimePoint lastTurn_;  // when somebody last had one
  std::deque<kj::Own<kj::PromiseFulfiller<void>>> waiting_;
  bool serving_ = false;
  kj::Promise<void> service_ = kj::READY_NOW;
};

}  // namespace holdfast
