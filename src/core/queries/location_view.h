// All that is known of a location.
#pragma once

#include <cstdint>
#include <string>

#include "core/messages.h"
#include "core/registry/registry.h"

namespace holdfast::queries {

// Of the full sync that is wanted or under way.
struct FullSyncView {
  FullSyncTracker::Phase phase = FullSyncTracker::Phase::kNone;
  uint32_t failures = 0;       // in a row
  uint32_t queuePosition = 0;  // queued: 0 is next
  // From its start on.
  uint32_t batchCount = 0;
  uint32_t batchesStored = 0;
  uint64_t totalKeys = 0;
  uint64_t keysStored = 0;
  uint64_t runningMs = 0;    // since its start
  uint64_t remainingMs = 0;  // an estimate; 0: none yet
};

struct LocationView {
  std::string name;
  SyncState sync = SyncState::kDiverged;
  Reason reason = Reason::kNone;  // of the last decision
  uint64_t incarnation = 0;
  uint64_t lastSeq = 0;
  uint64_t committedSeq = 0;
  uint64_t count = 0;  // distinct keys
  KeyDigest digest;
  bool hidden = false;             // kept, but not looked up
  uint64_t pins = 0;               // chunks that are pinned
  uint64_t journalOperations = 0;  // since the last fold
  uint64_t heldOperations = 0;     // behind a gap
  FullSyncView fullSync;
};

// As it is now. A location of this registry; nothing that can be observed changes.
LocationView viewOf(const Registry& registry, Location& location);

}  // namespace holdfast::queries
