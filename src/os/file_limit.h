// Every table file stays open, so a store of thousands of families needs thousands of descriptors.
#pragma once

#include <cstdint>

namespace holdfast {

// Raises this process's limit of open files as far as it may.
void raiseFileLimit();

// Has the kernel make its table of this process's descriptors large enough for so many, as far as
// the limit goes. A table that grows later makes whoever opens the next file wait for a grace
// period of RCU, some milliseconds, and it grows by doubling while connections come.
void reserveFiles(uint64_t count);

}  // namespace holdfast
