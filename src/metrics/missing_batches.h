// Batches that running full syncs have not brought yet, of all of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/queries/worker_walk.h"
#include "core/registry/registry_tree.h"

namespace holdfast::metrics {

class MissingBatches {
 public:
  // Keeps the reference.
  explicit MissingBatches(const RegistryTree& tree) : walk_(tree, {}) {}

  // Looks at some workers. Whether there may be more.
  bool next(size_t work = queries::kWorkOfPiece);
  // So far.
  uint64_t count() const { return count_; }

 private:
  queries::WorkerWalk walk_;
  uint64_t count_ = 0;
};

}  // namespace holdfast::metrics
