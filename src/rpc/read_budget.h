// What workers may send between two polls of the sockets. A connection whose data comes faster than
// it is handled would keep the loop from ever looking at another one; with a budget for all of them
// a look-up waits for one piece of their work at most.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

#include <cstddef>
#include <deque>

namespace holdfast {

// On the loop's thread.
class ReadBudget {
 public:
  // `timer` is the loop's own: it stands still between two polls.
  explicit ReadBudget(kj::Timer& timer) : timer_(timer), turn_(timer.now()) {}

  // Resolves when the caller may read, in the order of the calls; at once where this turn of the
  // loop has room. `known`: what it will spend, if that is known; it is spent with it.
  kj::Promise<void> ready(size_t known = 0);
  // So much was read.
  void spent(size_t bytes);

 private:
  // About 0.3 ms of reports.
  static constexpr size_t kBytesPerTurn = 32 << 10;

  bool hasRoom();
  kj::Promise<void> serve();

  kj::Timer& timer_;
  kj::TimePoint turn_;  // in which spent_ was spent
  size_t spent_ = 0;
  struct Waiting {
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
    size_t known;
  };
  std::deque<Waiting> waiting_;
  bool serving_ = false;
  kj::Promise<void> service_ = kj::READY_NOW;
};

}  // namespace holdfast
