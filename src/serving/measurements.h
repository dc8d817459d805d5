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

  // Of the gateway for LMCache's workers.
  struct Lmcache {
    uint64_t registrations = 0;
    uint64_t deregistrations = 0;
    uint64_t heartbeats = 0;
    uint64_t reports = 0;  // in pieces of a turn
    uint64_t operations = 0;
    uint64_t peerLookups = 0;
    uint64_t syncMessages = 0;
    // Not taken: no message of the wire, or none that belongs there; of nobody who is registered;
    // of another process than the one that is; operations that were given up for lost before.
    uint64_t malformed = 0;
    uint64_t fromNobody = 0;
    uint64_t fromOthers = 0;
    uint64_t late = 0;
    uint64_t gaps = 0;  // in the numbers of reports
    // Full syncs: that workers were asked for, that went into core, that were given up.
    uint64_t syncsAsked = 0;
    uint64_t syncsTaken = 0;
    uint64_t syncsDropped = 0;
    uint64_t addressesRefused = 0;  // connections
  };
  Lmcache lmcache;

  void settled(const EventRecord& event);
};

}  // namespace holdfast
