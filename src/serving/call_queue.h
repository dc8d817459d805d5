// Calls of one connection that must not overtake each other: one at a time, in the order they came.
// Those that need more than a turn of the loop go through one, so that each connection has one of
// them under way, and all connections take turns, piece by piece (read_budget.h).
#pragma once

#include <kj/async.h>

#include <cstddef>
#include <deque>

namespace holdfast {

// On the loop's thread.
class CallQueue {
 public:
  // `bytesOfAll`: of the messages that all queues keep; outlives the queue.
  explicit CallQueue(size_t& bytesOfAll) : bytesOfAll_(bytesOfAll) {}
  CallQueue(const CallQueue&) = delete;
  CallQueue& operator=(const CallQueue&) = delete;

  // A call's turn: the next one's begins when it is destroyed. The queue outlives it.
  class Turn {
   public:
    Turn(CallQueue& queue, size_t bytes);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    friend class CallQueue;
    CallQueue& queue_;
    const size_t bytes_;
    bool begun_ = false;
  };

  // Resolves when it is the call's turn, at once if no other is under way. `bytes` of its message
  // are kept until the turn ends; fails with "unavailable:" where too many are (limits.h).
  kj::Promise<kj::Own<Turn>> enter(size_t bytes);

 private:
  struct Waiting {
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
    Turn* turn;  // valid while the fulfiller is waited for
  };
  void next();

  size_t& bytesOfAll_;
  bool busy_ = false;
  std::deque<Waiting> waiting_;
};

}  // namespace holdfast
