// What the registry counts since its start.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/decisions.h"
#include "core/histogram.h"
#include "core/types.h"

namespace holdfast {

struct Counters {
  uint64_t registrations = 0;
  uint64_t supersessions = 0;
  uint64_t deregistrations = 0;
  uint64_t heartbeats = 0;
  uint64_t workersLost = 0;
  uint64_t workersExpired = 0;
  uint64_t workersMadeRoom = 0;  // LOST, forgotten for another one
  uint64_t reports = 0;
  uint64_t reportsApplied = 0;
  uint64_t operations = 0;  // applied
  uint64_t evicts = 0;      // of those; the others are admits
  uint64_t reportsRetransmitted = 0;
  uint64_t reportsDropped = 0;           // those of the next two, and of sessions that are over
  uint64_t reportsNotStated = 0;         // for a location that the worker did not state
  uint64_t reportsOtherIncarnation = 0;  // than the worker stated
  uint64_t reportsHeld = 0;
  uint64_t reportsGap = 0;
  uint64_t reportsRefused = 0;
  uint64_t clears = 0;  // of locations, as one operation or as a worker stated it
  uint64_t lookups = 0;
  // Of those, that found nobody (LookupMiss). `hidden` by what most of the holders are.
  uint64_t lookupMissesNoChunk = 0;
  uint64_t lookupMissesUnknownModel = 0;
  uint64_t lookupMissesNotHeld = 0;
  uint64_t lookupMissesHiddenDrained = 0;
  uint64_t lookupMissesHiddenLost = 0;
  uint64_t lookupMissesHiddenDiverged = 0;
  uint64_t lookupMissesHashingDiffers = 0;
  uint64_t p2pLookups = 0;
  uint64_t lookupChunks = 0;        // that look-ups asked for
  uint64_t replays = 0;             // asked for
  uint64_t replaysFilled = 0;       // came to their end
  uint64_t replayedOperations = 0;  // that filled gaps
  uint64_t replaysFailed = 0;       // refused, or not come in time
  uint64_t replaysTimedOut = 0;     // of those
  uint64_t fullSyncsAsked = 0;
  uint64_t fullSyncsStarted = 0;
  uint64_t fullSyncsResumed = 0;
  uint64_t fullSyncsCompleted = 0;
  uint64_t fullSyncsFailed = 0;
  uint64_t fullSyncsAbandoned = 0;
  uint64_t resyncedKeys = 0;      // stored by batches, each counted once
  uint64_t digestMismatches = 0;  // of a statement at the same seq, or of a full sync's content
  uint64_t foldsStarted = 0;
  uint64_t foldsCommitted = 0;
  uint64_t foldsAbandoned = 0;
  uint64_t decisions[kReasons] = {};  // of the resume policy, by reason
  // By look-up, the chunks of the best match; 0: nobody was found. Has no name.
  Histogram matchedChunks;

  void applied(const Operations& reported) {
    operations += reported.size();
    evicts += reported.evicted();
  }
};

// Each with its name, for people and programs.
using NamedCounters = std::vector<std::pair<std::string, uint64_t>>;
NamedCounters named(const Counters& counters);

}  // namespace holdfast
