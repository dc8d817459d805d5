// What one thread waits for and another one says, once.
#pragma once

#include <chrono>

#include "locks/mutex.h"

namespace holdfast {

// From any thread.
class Flag {
 public:
  // Who waits may destroy it as soon as that returns there: nothing of it is touched afterwards.
  void raise() {
    const MutexLock lock(mutex_);
    raised_ = true;
    changed_.notifyAll();
  }
  void wait() {
    const MutexLock lock(mutex_);
    while (!raised_) changed_.wait(mutex_);
  }
  // False if it was not raised in this time.
  bool waitFor(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    const MutexLock lock(mutex_);
    while (!raised_ && changed_.waitUntil(mutex_, until)) {
    }
    return raised_;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  bool raised_ HOLDFAST_GUARDED_BY(mutex_) = false;
};

}  // namespace holdfast
