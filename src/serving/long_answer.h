// Answers that may take more than a turn of the loop: lists of thousands of entries. What fits a
// piece (about 0.1 ms) is answered in the next turn that is free; the rest goes on piece by piece,
// one such answer of all connections at a time, so that the memory for what they collect is
// bounded.
#pragma once

#include <capnp/capability.h>
#include <kj/async.h>

#include <cstddef>
#include <type_traits>
#include <utility>

#include "core/queries/worker_walk.h"
#include "net/read_budget.h"
#include "serving/call_queue.h"
#include "serving/in_turns.h"
#include "serving/services.h"

namespace holdfast {

// What an answer that waits has collected in its first piece, or a little more.
inline constexpr size_t kLongAnswerBytes = 64 << 10;

// Calls `step()` until it returns false, each time in a turn of its own; `afterFirst()` once, when
// there is more to do. Ends with its promise.
template <typename Step, typename AfterFirst>
kj::Promise<void> runInPieces(Services& services, Step step, AfterFirst afterFirst) {
  auto own = kj::heap<Step>(kj::mv(step));
  Step& all = *own;
  return services.budget.ready(ReadBudget::kBytesPerTurn)
      .then([&services, &all, afterFirst]() mutable -> kj::Promise<void> {
        if (!all()) return kj::READY_NOW;
        afterFirst();
        return services.queries.enter(kLongAnswerBytes)
            .then([&services, &all](kj::Own<CallQueue::Turn>&& turn) {
              return restInTurns(services, all).attach(kj::mv(turn));
            });
      })
      .attach(kj::mv(own));
}

template <typename Step>
kj::Promise<void> inPieces(Services& services, Step step) {
  return runInPieces(services, kj::mv(step), []() {});
}

// The same for a call of RPC: what does not fit a turn ends with its connection.
template <typename Params, typename Results, typename Step>
kj::Promise<void> inPieces(Services& services, capnp::CallContext<Params, Results> context,
                           Step step) {
  return runInPieces(services, kj::mv(step), [context]() mutable {
    context.releaseParams();
    context.allowCancellation();
  });
}

// A step for inPieces(): collects what a cursor of core/queries finds, then writes it into a list.
//   List begin(cursor, size)   makes the answer and its list
//   size_t write(entry, to)    writes one; about how many workers or locations it has
template <typename Cursor, typename Begin, typename Write>
class ListAnswer {
 public:
  ListAnswer(Cursor cursor, Begin begin, Write write)
      : cursor_(std::move(cursor)), begin_(std::move(begin)), write_(std::move(write)) {}

  bool operator()() {
    if (collecting_) {
      collecting_ = cursor_.next(found_);
      if (collecting_) return true;
      list_ = begin_(cursor_, static_cast<kj::uint>(found_.size()));
      // To make room for many takes a piece, too.
      if (found_.size() > queries::kWorkOfPiece) return true;
    }
    for (size_t spent = 0; written_ < found_.size() && spent < queries::kWorkOfPiece; ++written_) {
      auto& entry = found_[written_];
      spent += write_(entry, list_[static_cast<kj::uint>(written_)]);
      entry = {};
    }
    return written_ < found_.size();
  }

 private:
  using Found = typename Cursor::Found;
  using List = std::invoke_result_t<Begin&, const Cursor&, kj::uint>;

  Cursor cursor_;
  Begin begin_;
  Write write_;
  Found found_;
  List list_;
  bool collecting_ = true;
  size_t written_ = 0;
};

}  // namespace holdfast
