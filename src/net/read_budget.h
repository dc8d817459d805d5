// What workers may have done between two polls of the sockets, and the loop's own work that may
// wait. A connection whose data comes faster than it is handled would keep the loop from ever
// looking at another one; with a budget for all of them a look-up waits for one piece at most.
//
// Their turn comes when the loop has nothing else to do, and not while there may be sockets that
// the last poll had no room to report: one of them may have a look-up.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

#include <cstddef>
#include <deque>

#include "net/loop_turns.h"

namespace holdfast {

// On the loop's thread.
class ReadBudget {
 public:
  // `timer` is the loop's own: it stands still between two polls. Both outlive the budget.
  ReadBudget(kj::Timer& timer, LoopTurns& turns)
      : timer_(timer), turns_(turns), turn_(timer.now()) {}

  // Resolves when it is the caller's turn, in the order of the calls. `known`: what it will spend,
  // if that is known; it is spent with it.
  kj::Promise<void> ready(size_t known = 0);
  // Resolves when a piece of the loop's own work may be done, which is all that is done in its
  // turn; in every other one where readers wait too. One call at a time.
  kj::Promise<void> readyToWork();
  // So much was read, or is about to be worked on.
  void spent(size_t bytes);

  // About 0.1 ms of reports.
  static constexpr size_t kBytesPerTurn = 8 << 10;

 private:
  bool hasRoom();
  void beginToServe();
  kj::Promise<void> serve();
  bool release();

  kj::Timer& timer_;
  LoopTurns& turns_;
  kj::TimePoint turn_;  // in which spent_ was spent
  size_t spent_ = 0;
  struct Waiting {
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
    size_t known;
  };
  std::deque<Waiting> waiting_;
  kj::Own<kj::PromiseFulfiller<void>> work_;  // null: there is none
  bool workedLast_ = false;
  bool serving_ = false;
  kj::Promise<void> service_ = kj::READY_NOW;
};

}  // namespace holdfast
