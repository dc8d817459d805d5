#include "daemon/loop_clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace holdfast {
namespace {

template <typename SomeClock>
uint64_t milliseconds() {
  const auto since = SomeClock::now().time_since_epoch();
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

}  // namespace

LoopClock::LoopClock(std::function<uint64_t()> storeTime, uint64_t stepMsMax)
    : storeTime_(std::move(storeTime)),
      stepMsMax_(stepMsMax),
      tickedMs_(systemMs()),
      storeMs_(storeTime_()) {}

uint64_t LoopClock::systemMs() {
  return milliseconds<std::chrono::steady_clock>();
}

void LoopClock::tick() {
  const uint64_t nowMs = systemMs();
  nowMs_ += std::min(nowMs - tickedMs_, stepMsMax_);
  tickedMs_ = nowMs;
  storeMs_ = std::max(storeMs_, storeTime_());
}

uint64_t LoopClock::wallMs() const {
  return milliseconds<std::chrono::system_clock>();
}

}  // namespace holdfast
