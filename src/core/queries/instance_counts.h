// Some numbers of every instance, for metrics that name them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/queries/worker_walk.h"
#include "core/registry/registry_tree.h"
#include "core/states.h"

namespace holdfast::queries {

struct InstanceCounts {
  std::string instance;
  std::array<uint64_t, kWorkerStates> workers{};  // by WorkerState
  uint64_t memberships = 0;
  uint64_t locationsBehind = 0;  // that are neither in sync nor caught up
};

// By instance, in pieces; each worker as of its piece.
class InstanceCountsCursor {
 public:
  using Found = std::vector<InstanceCounts>;

  // Keeps the reference.
  explicit InstanceCountsCursor(const RegistryTree& tree) : walk_(tree, {}) {}

  // Adds a piece to `found`, which is the same in every call. False: all were seen.
  bool next(Found& found);

 private:
  WorkerWalk walk_;
};

}  // namespace holdfast::queries
