// Says every second how far a start is.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "store/rocks_store.h"

namespace holdfast {

inline constexpr std::chrono::milliseconds kProgressInterval{1000};
// The rest is forecast when one of so many parts is done.
inline constexpr uint64_t kForecastShare = 20;

// Of one phase, on the thread of open() or recover().
class StartMeter {
 public:
  // `phase` and `unit` are literals; `total` 0: unknown.
  StartMeter(const StoreOptions& options, const char* phase, const char* unit, uint64_t total)
      : options_(options) {
    progress_.phase = phase;
    progress_.unit = unit;
    progress_.total = total;
  }

  // So much of it is done. Costs little: it may be called for each of many.
  void show(uint64_t done) {
    progress_.done = done;
    const auto now = Clock::now();
    if (now < next_ || !options_.progress) return;
    next_ = now + kProgressInterval;
    progress_.seconds = std::chrono::duration<double>(now - began_).count();
    progress_.perSecond = static_cast<double>(done) / progress_.seconds;
    progress_.secondsRemaining = 0;
    // Before that it would be a guess.
    if (progress_.total > done && done * kForecastShare >= progress_.total) {
      progress_.secondsRemaining =
          static_cast<double>(progress_.total - done) / progress_.perSecond;
    }
    options_.progress(progress_);
  }
  void add(uint64_t more) { show(progress_.done + more); }

 private:
  using Clock = std::chrono::steady_clock;
  const StoreOptions& options_;
  StartProgress progress_;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point next_ = began_ + kProgressInterval;
};

// Runs `work` on a thread of its own and calls `waiting` on this one every second until it is done.
void runShowing(const std::function<void()>& work, const std::function<void()>& waiting);

}  // namespace holdfast
