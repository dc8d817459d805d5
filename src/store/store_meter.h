// How long the store's threads take for what they do, for whoever asks on another thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

#include "core/histogram.h"
#include "core/store_statistics.h"

namespace holdfast {

// Any thread; holds its lock for some instructions.
class StoreMeter {
 public:
  using Clock = std::chrono::steady_clock;

  // It began then and has just ended.
  void committed(Clock::time_point begin, bool synced) {
    record(synced ? syncedCommits_ : commits_, begin);
  }
  void folded(Clock::time_point begin) { record(folds_, begin); }

  void read(StoreStatistics& to) const {
    const std::lock_guard lock(mutex_);
    to.syncedCommits = syncedCommits_;
    to.commits = commits_;
    to.folds = folds_;
  }

 private:
  void record(Histogram& histogram, Clock::time_point begin) {
    const auto took =
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count();
    const std::lock_guard lock(mutex_);
    histogram.record(static_cast<uint64_t>(took));
  }

  mutable std::mutex mutex_;
  Histogram syncedCommits_;
  Histogram commits_;
  Histogram folds_;
};

}  // namespace holdfast
