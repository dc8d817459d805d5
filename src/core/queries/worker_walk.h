// The workers of a registry in order, one by one, while the registry changes between the steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/registry/registry_tree.h"

namespace holdfast::queries {

// How much a cursor does in a piece, where a worker or location that is looked at counts one: about
// 0.1 ms.
inline constexpr size_t kWorkOfPiece = 128;

struct WorkerFilter {
  std::string instance;           // empty: of all instances
  std::vector<uint32_t> workers;  // empty: all
  // Only those that come behind this one, which need not be there; nothing: from the first on.
  std::optional<std::pair<std::string, uint32_t>> after = {};
};

// By instance and worker id. Who is there all the time is met once.
class WorkerWalk {
 public:
  // Keeps the reference.
  WorkerWalk(const RegistryTree& tree, WorkerFilter filter);

  // The next one of the filter's instance, or of any; null when there is none. Valid until the
  // registry changes.
  const Worker* next();
  // Whether the filter's worker ids include it.
  bool wants(const Worker& worker) const;

 private:
  const RegistryTree& tree_;
  WorkerFilter filter_;
  std::string instance_;            // of the last one
  std::optional<uint32_t> worker_;  // the last one; nothing: before the first
};

}  // namespace holdfast::queries
