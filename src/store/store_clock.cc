#include "store/store_clock.h"

#include <time.h>

#include <algorithm>

#include "os/boot_id.h"

namespace holdfast {
namespace {

uint64_t milliseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace

uint64_t storeTimeAt(const std::optional<TimeRecord>& last, const TimeRecord& now) {
  if (!last) return now.wallMs;
  // Containers may count from another moment than the machine.
  const bool sameBoot = !now.boot.empty() && now.boot == last->boot && now.bootMs >= last->bootMs;
  if (sameBoot) return last->storeMs + (now.bootMs - last->bootMs);
  const uint64_t awayMs = now.wallMs - std::min(now.wallMs, last->wallMs);
  return last->storeMs + std::min(awayMs, kAwayMsMax);
}

void StoreClock::begin(const std::optional<TimeRecord>& last) {
  boot_ = bootId();
  const TimeRecord now = record();
  beforeBootMs_ = storeTimeAt(last, now) - now.bootMs;
}

uint64_t StoreClock::nowMs() const {
  return beforeBootMs_ + milliseconds(CLOCK_BOOTTIME);
}

TimeRecord StoreClock::record() const {
  const uint64_t bootMs = milliseconds(CLOCK_BOOTTIME);
  return {.storeMs = beforeBootMs_ + bootMs,
          .wallMs = milliseconds(CLOCK_REALTIME),
          .bootMs = bootMs,
          .boot = boot_};
}

}  // namespace holdfast
