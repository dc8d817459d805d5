// A store with a little of everything, as the program of the day writes it: what is kept of each
// format when that is released.
#pragma once

#include <string>

namespace holdfast::test {

// In a directory that is new: instances, workers, locations with segments, batches and journals,
// full syncs under way, events; some of it in the write-ahead log.
void makeStore(const std::string& dataDir);

}  // namespace holdfast::test
