// What is measured around core since the start, for scrapes. Recording costs some additions and
// allocates nothing.
#pragma once

#include <array>
#include <cstdint>

#include "core/cache_operations.h"
#include "core/event_record.h"
#include "core/histogram.h"

namespace holdfast {

// On the loop's thread.
struct Measurements {
  // Of one kind of cache operation, as events that have settled.
  struct Operations {
    Histogram milliseconds;  // from the request to the last answer
    uint64_t done = 0;
    uint64_t failed = 0;
  };
  std::array<Operations, kOperationKinds> operations;
  Histogram scrapeTurns;  // nanoseconds that pieces of scrapes took of the loop

  void settled(const EventRecord& event);
};

}  // namespace holdfast
