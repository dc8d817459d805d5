// What this process takes of the machine.
#pragma once

#include <cstdint>

namespace holdfast {

struct ProcessUsage {
  double cpuSeconds = 0;        // of all threads, in user and system mode
  double startTimeSeconds = 0;  // since the epoch; the same for the life of the process
  uint64_t residentBytes = 0;
  uint64_t virtualBytes = 0;
  uint64_t filesMax = 0;  // that may be open
};

// Some tens of microseconds. What cannot be read is 0.
ProcessUsage processUsage();

// Counts the files that are open, which takes the kernel a microsecond or two for each, in pieces.
class OpenFileCount {
 public:
  OpenFileCount();
  ~OpenFileCount();
  OpenFileCount(const OpenFileCount&) = delete;
  OpenFileCount& operator=(const OpenFileCount&) = delete;

  // Looks at some more: about 0.1 ms. False when all were seen.
  bool next();
  uint64_t count() const { return count_; }

 private:
  int directory_;  // -1: done
  uint64_t count_ = 0;
};

}  // namespace holdfast
