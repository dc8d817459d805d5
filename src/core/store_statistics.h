// What a store tells of itself beyond what it holds.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/histogram.h"
#include "core/ticket.h"

namespace holdfast {

struct StoreStatistics {
  size_t queueBytes = 0;      // queued and not yet committed
  uint32_t familiesUsed = 0;  // including damaged ones
  uint32_t familiesFree = 0;
  // A few seconds old: of the directory, of the write-ahead log in it, and of the disk, what this
  // process may still use of it and its size (0: not known).
  uint64_t bytesOnDisk = 0;
  uint64_t walBytes = 0;
  uint64_t diskFreeBytes = 0;
  uint64_t diskBytes = 0;
  uint64_t lastSyncAgeMs = 0;  // since everything committed was on stable storage
  Ticket committed = 0;
  // Nanoseconds, since the start: groups of writes that waited for stable storage, those that did
  // not, and folds, broken off ones included.
  Histogram syncedCommits;
  Histogram commits;
  Histogram folds;
};

}  // namespace holdfast
