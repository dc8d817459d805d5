// How long the store's threads take for what they do, for whoever asks on another thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/histogram.h"
#include "core/store_statistics.h"
#include "locks/mutex.h"

namespace holdfast {

// Any thread; holds its lock for some instructions.
class StoreMeter {
 public:
  using Clock = std::chrono::steady_clock;

  // It began then and has just ended.
  void committed(Clock::time_point begin, bool synced) {
    const uint64_t took = nanosecondsSince(begin);
    const MutexLock lock(mutex_);
    (synced ? syncedCommits_ : commits_).record(took);
  }
  void folded(Clock::time_point begin) {
    const uint64_t took = nanosecondsSince(begin);
    const MutexLock lock(mutex_);
    folds_.record(took);
  }

  void read(StoreStatistics& to) const {
    const MutexLock lock(mutex_);
    to.syncedCommits = syncedCommits_;
    to.commits = commits_;
    to.folds = folds_;
  }

 private:
  static uint64_t nanosecondsSince(Clock::time_point begin) {
    const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin);
    return static_cast<uint64_t>(took.count());
  }

  mutable Mutex mutex_;
  Histogram syncedCommits_ HOLDFAST_GUARDED_BY(mutex_);
  Histogram commits_ HOLDFAST_GUARDED_BY(mutex_);
  Histogram folds_ HOLDFAST_GUARDED_BY(mutex_);
};

}  // namespace holdfast
