// How far the write-ahead logs of a store can be trusted: up to the first record that is damaged,
// torn or missing, in all of them together. What is behind that may rest on what is gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"

namespace holdfast {

struct LogPrefix {
  uint64_t firstSequence = 0;  // RocksDB's number of the first write in them; 0: there is none
  uint64_t lastSequence = 0;
  std::string damage;  // what ends them early, with the file's name; empty: nothing does
};

// Copies the logs of the directory `from` into `to`, that far. Writes nothing to `from`. The error
// says what cannot be read or written.
Result<LogPrefix> copyTrustedLogs(const std::string& from, const std::string& to);

// How a log begins.
struct LogBegin {
  bool whole = false;  // its first record can be read
  uint64_t first = 0;  // number of its first write, as that record says it, be it damaged or not
};

// Of an empty log: not whole, number 0. Nothing if it cannot be opened.
std::optional<LogBegin> readLogBegin(const std::string& path);

}  // namespace holdfast
