// What this process takes of the machine.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <cstdint>
#include <memory>

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

// Counts the files that are open, which takes about a microsecond for each, in pieces.
class OpenFileCount {
 public:
  OpenFileCount();

  // Looks at some more, at most `max`. False when all were seen.
  bool next(size_t max);
  uint64_t count() const { return count_; }

 private:
  struct Close {
    void operator()(DIR* directory) const { closedir(directory); }
  };
  std::unique_ptr<DIR, Close> directory_;
  uint64_t count_ = 0;
};

}  // namespace holdfast
