// The workers that there are, with all that is known of their locations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/queries/location_view.h"
#include "core/queries/worker_walk.h"
#include "core/registry/registry.h"

namespace holdfast::queries {

struct WorkerView {
  std::string instance;
  uint32_t worker = 0;
  std::string ip;
  uint32_t port = 0;
  std::string peerUrl;  // empty: none
  std::string model;
  WorkerState state = WorkerState::kActive;
  uint64_t registeredWallMs = 0;
  uint64_t lastSeenWallMs = 0;  // last message of any kind
  uint64_t run = 0;
  uint64_t attempt = 0;
  std::string quarantined;  // why its stored records could not be read; empty: they could
  bool drained = false;     // look-ups do not name its instance
  Labels labels;
  Load load = kLoadUnknown;
  uint32_t worldSize = 0;     // as the worker states it; 0: unknown
  std::string contradiction;  // which ranks of its instance state which; empty: they agree
  std::vector<LocationView> locations;
};

// By instance and worker id.
class WorkerCursor {
 public:
  using Found = std::vector<WorkerView>;

  // Keeps the reference.
  WorkerCursor(const Registry& registry, WorkerFilter filter)
      : registry_(registry), walk_(registry.tree(), std::move(filter)) {}

  // Appends what a piece finds. Whether there may be more.
  bool next(Found& found, size_t work = kWorkOfPiece);

 private:
  WorkerView viewOf(const Worker& worker);

  const Registry& registry_;
  WorkerWalk walk_;
  // Naming ranks takes a look at all of an instance: once for each.
  std::string contradicting_;  // the instance
  std::string contradiction_;
};

}  // namespace holdfast::queries
