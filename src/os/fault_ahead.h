// A thread that touches memory before the loop does.
#pragma once

#include <deque>
#include <thread>

#include "core/index/page_faulter.h"
#include "locks/mutex.h"

namespace holdfast {

class FaultAhead : public PageFaulter {
 public:
  FaultAhead();
  // Drops what is still to be touched.
  ~FaultAhead() override;

  void populate(char* at, size_t bytes) override;
  bool isComing(const char* at, size_t bytes) override;
  void forget(char* at, size_t bytes) override;
  // Returns when everything asked for is present. For tests and measurements.
  void wait();

 private:
  struct Range {
    char* at;
    size_t bytes;
  };
  void run();
  // Waits for the next page, which is then touching_; of nothing when this thread is to end.
  Range take();

  Mutex mutex_;
  Condition changed_;
  std::deque<Range> ranges_ HOLDFAST_GUARDED_BY(mutex_);  // in the order asked for
  char* touching_ HOLDFAST_GUARDED_BY(mutex_) = nullptr;  // the page being touched outside the lock
  bool stop_ HOLDFAST_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace holdfast
