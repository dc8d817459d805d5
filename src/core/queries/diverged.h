// The locations that are being repaired or wait for it.
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

struct DivergedView {
  std::string instance;
  uint32_t worker = 0;
  LocationView location;
};

// By instance and worker id.
class DivergedCursor {
 public:
  using Found = std::vector<DivergedView>;

  // Keeps the reference.
  explicit DivergedCursor(const Registry& registry, WorkerFilter filter = {})
      : registry_(registry), walk_(registry.tree(), std::move(filter)) {}

  // Appends what a piece finds. Whether there may be more.
  bool next(Found& found, size_t work = kWorkOfPiece);

 private:
  const Registry& registry_;
  WorkerWalk walk_;
};

}  // namespace holdfast::queries
