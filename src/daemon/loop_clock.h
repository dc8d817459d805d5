// The clock that core sees: time as the event loop lives it.
#pragma once

#include "core/clock.h"

namespace holdfast {

// The steady clock stands still between ticks, and a tick moves it on by kStepMsMax at most: if the
// process was stopped or the loop was held up for longer, that time does not count as silence of
// the workers, whose messages wait in the sockets and are read before the next time-out is judged.
class LoopClock final : public Clock {
 public:
  static constexpr uint64_t kStepMsMax = 1'000;

  LoopClock();

  void tick();
  uint64_t steadyMs() const override { return nowMs_; }
  uint64_t wallMs() const override;

 private:
  uint64_t systemMs_ = 0;  // of the system's steady clock, at the last tick
  uint64_t nowMs_ = 1;
};

}  // namespace holdfast
