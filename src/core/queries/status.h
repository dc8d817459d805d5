// The state of the controller in a few dozen numbers, which it keeps as they change: asking costs
// the same with 10 and with 10,000 locations.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/messages.h"
#include "core/operations/executor.h"
#include "core/registry/registry.h"

namespace holdfast::queries {

struct Status {
  uint64_t instances = 0;
  uint64_t instancesContradicting = 0;  // whose ranks contradict each other about the world size
  uint64_t instancesDrained = 0;
  uint64_t workersActive = 0;
  uint64_t workersLost = 0;
  uint64_t workersRecovered = 0;
  uint64_t workersQuarantined = 0;
  uint64_t locations = 0;
  std::array<uint64_t, kSyncStates> locationsBySync{};  // by SyncState
  uint64_t locationsHidden = 0;                         // not looked up: LOST, drained, diverged
  uint64_t chunks = 0;                                  // distinct
  uint64_t memberships = 0;                             // (holder, chunk) pairs
  uint64_t indexBytes = 0;
  uint64_t pins = 0;
  uint32_t fullSyncsRunning = 0;  // asked for or running: these have a slot
  uint32_t fullSyncsQueued = 0;
  double globalProgress = 0;      // 0 to 1
  uint64_t eventsUnfinished = 0;  // of cache operations
  uint64_t eventsFinished = 0;    // of those kept
  bool committed = false;         // whether everything applied is also committed
  RegistryDigest contentDigest;
  RegistryDigest registryDigest;
  Counters counters;
  std::vector<LimitUse> limits;  // what the fleet may fill up

  uint64_t locationsIn(SyncState state) const {
    return locationsBySync[static_cast<size_t>(state)];
  }
};

Status statusOf(const Registry& registry, const Executor& executor);

}  // namespace holdfast::queries
