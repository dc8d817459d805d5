#include "net/loop_turns.h"

#include <kj/time.h>
#include <sys/resource.h>

#include <algorithm>

namespace holdfast {
namespace {

// How often this thread gave up the processor to wait for something.
int64_t sleeps() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

}  // namespace

LoopTurns::LoopTurns(kj::Timer& timer)
    : timer_(timer),
      start_(timer.now()),
      earliest_(timer.now()),
      turnEnd_(timer.now()),
      end_(kj::READY_NOW) {}

void LoopTurns::beginTurn() {
  const kj::TimePoint now = timer_.now();
  // A call of the system: not made where the loop is busy, which is where it would cost most.
  if (now - turnEnd_ >= kShortPoll && sleeps() != sleepsAtEnd_) {
    earliest_ = now;
  } else if (reports_ < kReportedByOnePoll) {
    earliest_ = start_;
  }
  fullTurns_ = reports_ < kReportedByOnePoll || fullTurns_ == kFullTurnsMax ? 0 : fullTurns_ + 1;
  start_ = now;
  reports_ = 0;
  // Runs when nothing else is left to do, just before the next poll: what slept from here on slept
  // in that poll.
  end_ = kj::evalLast([this]() {
           sleepsAtEnd_ = sleeps();
           turnEnd_ = kj::systemPreciseMonotonicClock().now();
           const int64_t took = (turnEnd_ - start_) / kj::NANOSECONDS;
           durations_.record(static_cast<uint64_t>(std::max<int64_t>(0, took)));
         }).eagerlyEvaluate(nullptr);
}

}  // namespace holdfast
