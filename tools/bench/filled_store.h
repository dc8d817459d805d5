// A store of 100 workers with 1 M distinct chunks each, for the rows that read one.
#pragma once

#include <cstdint>
#include <string>

#include "bench/bench.h"

namespace holdfast::bench {

struct FilledStore {
  std::string dataDir;
  size_t workers = 0;
  uint64_t memberships = 0;
  std::string error;  // why there is none; empty: there is one
};

// Made at the first call and kept until the program ends: making it takes longer than what the rows
// measure.
const FilledStore& filledStore(const RunOptions& options);

}  // namespace holdfast::bench
