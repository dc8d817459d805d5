// The clock that core sees: time as the event loop lives it.
#pragma once

#include <functional>

#include "core/clock.h"

namespace holdfast {

// The steady clock stands still between ticks, and a tick moves it on by `stepMsMax` at most: if
// the process was stopped or the loop was held up for longer, that time does not count as silence
// of the workers, whose messages wait in the sockets and are read before the next time-out is
// judged.
class LoopClock final : public Clock {
 public:
  static constexpr uint64_t kStepMsMax = 1'000;

  // `storeTime` gives the store's time, see Clock::storeMs; it is asked at every tick.
  explicit LoopClock(std::function<uint64_t()> storeTime, uint64_t stepMsMax = kStepMsMax);

  // Of the system's steady clock, now: for ages that are told.
  static uint64_t systemMs();

  void tick();
  uint64_t steadyMs() const override { return nowMs_; }
  uint64_t wallMs() const override;
  uint64_t storeMs() const override { return storeMs_; }

 private:
  const std::function<uint64_t()> storeTime_;
  const uint64_t stepMsMax_;
  uint64_t tickedMs_ = 0;  // of the system's steady clock, at the last tick
  uint64_t nowMs_ = 1;
  uint64_t storeMs_ = 0;
};

}  // namespace holdfast
