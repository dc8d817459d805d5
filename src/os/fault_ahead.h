// A thread that touches memory before the loop does.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/index/page_faulter.h"

namespace holdfast {

class FaultAhead : public PageFaulter {
 public:
  FaultAhead();
  // Drops what is still to be touched.
  ~FaultAhead() override;

  void populate(char* at, size_t bytes) override;
  void forget(char* at, size_t bytes) override;
  // Returns when everything asked for is present. For tests and measurements.
  void wait();

 private:
  struct Range {
    char* at;
    size_t bytes;
  };
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Range> ranges_;  // in the order asked for
  char* touching_ = nullptr;  // the page being touched outside the lock
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace holdfast
