// A lower bound on when data reported by a poll of the sockets arrived.
//
// The kernel does not tell when bytes reached a socket, and a look-up must not seem fast because
// the loop was busy elsewhere while it waited. What is known is when the loop polled the sockets:
// what this turn's poll reported was not there at the one before. So it arrived after the previous
// poll, and the time of that poll is the bound; if the loop slept in this turn's poll, the bytes
// woke it, and the bound is the wake-up.
//
// One poll reports at most 16 sockets; after a turn with that many, others may have been ready too,
// and the bound stays where it was. Sockets that nobody is waiting for are reported but not counted
// here: where several workers send faster than they are read, the bound may be a turn late.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

#include <cstdint>

#include "core/histogram.h"

namespace holdfast {

// One per event loop, used on its thread.
class LoopTurns {
 public:
  // `timer` is the loop's own: it stands still between two polls.
  explicit LoopTurns(kj::Timer& timer);

  // Call it first in everything that the loop does on behalf of others: timers, completions of the
  // store. Cheap after the first call of a turn.
  void observe() {
    if (timer_.now() != start_) beginTurn();
  }
  // The same, for a socket that this turn's poll reported.
  void observeReport() {
    observe();
    ++reports_;
  }
  // Whether sockets may be ready that this turn's poll had no room to report. False after many such
  // turns in a row, so that nobody waits for ever.
  bool moreToReport() const { return reports_ >= kReportedByOnePoll && fullTurns_ < kFullTurnsMax; }
  // The bound, for this turn. Requires observe() in it.
  kj::TimePoint earliestArrival() const { return earliest_; }
  // Nanoseconds of each turn that was observed, from the end of its poll until it had nothing left
  // to do.
  const Histogram& durations() const { return durations_; }

 private:
  void beginTurn();

  static constexpr uint32_t kReportedByOnePoll = 16;  // of kj::UnixEventPort
  static constexpr uint32_t kFullTurnsMax = 64;
  // A poll that returns sooner did not sleep, or not long enough to matter.
  static constexpr kj::Duration kShortPoll = 10 * kj::MICROSECONDS;

  kj::Timer& timer_;
  kj::TimePoint start_;     // when the poll that began this turn returned
  kj::TimePoint earliest_;  // see above
  uint32_t reports_ = 0;    // in this turn
  uint32_t fullTurns_ = 0;  // in a row before this one, each with that many
  kj::TimePoint turnEnd_;  // of the turn before, about when the poll that began this one was called
  int64_t sleepsAtEnd_ = 0;
  Histogram durations_;
  kj::Promise<void> end_;
};

}  // namespace holdfast
