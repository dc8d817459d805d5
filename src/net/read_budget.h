// Limits the work done for workers between two polls of the sockets, and the loop's own work that
// can wait. A connection that sends faster than its data is handled would otherwise keep the loop
// from ever looking at another; with one budget for all, a look-up waits for one piece at most.
//
// Whoever asks for a short answer that is too dear to be given at once, a status, does not wait
// behind all the reports that came before: both have their turns alternately.
//
// Workers have their turn when the loop has nothing else to do, and not while there may be sockets
// that the last poll had no room to report: one of them may bring a look-up. An answer is given
// even then, one a turn: it takes about as long as the look-ups that it makes wait.
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

  // Resolves when it is the caller's turn, in the order of the calls. `known`: the bytes that it
  // will spend, where that is known; they are charged with the turn.
  kj::Promise<void> ready(size_t known = 0);
  // The same for an answer of at most a turn, in the order of these calls.
  kj::Promise<void> readyToAnswer();
  // Resolves when one piece of the loop's own work may run, alone in its turn. While readers wait,
  // every second turn is theirs. One call at a time.
  kj::Promise<void> readyToWork();
  // Charges bytes that were read or are about to be worked on.
  void spent(size_t bytes);

  // About 0.1 ms of reports.
  static constexpr size_t kBytesPerTurn = 8 << 10;

 private:
  struct Waiting {
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
    size_t known;
  };
  using Queue = std::deque<Waiting>;

  bool hasRoom();
  kj::Promise<void> enter(Queue& queue, size_t known);
  void beginToServe();
  kj::Promise<void> serve();
  bool release();

  kj::Timer& timer_;
  LoopTurns& turns_;
  kj::TimePoint turn_;  // in which spent_ was spent
  size_t spent_ = 0;
  Queue reading_;
  Queue asking_;
  kj::Own<kj::PromiseFulfiller<void>> work_;  // null: there is none
  bool workedLast_ = false;
  bool answeredLast_ = false;  // not read
  bool serving_ = false;
  kj::Promise<void> service_ = kj::READY_NOW;
};

}  // namespace holdfast
