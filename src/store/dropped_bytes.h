// What RocksDB says of bytes in logs that it cannot read, in our words. It warns of them in its own
// log, among much that is routine.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "locks/mutex.h"

namespace holdfast {

// Any thread.
class DroppedBytes {
 public:
  // A line of RocksDB's log; one that speaks of something else is ignored.
  void take(std::string_view line);
  // One for each log, and as of now none.
  std::vector<std::string> takeSentences();

 private:
  struct Log {
    uint64_t bytes = 0;
    std::string reason;  // the first one
  };
  Mutex mutex_;
  std::map<std::string, Log> logs_ HOLDFAST_GUARDED_BY(mutex_);  // by name
};

}  // namespace holdfast
