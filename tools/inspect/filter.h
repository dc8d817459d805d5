// Whether a worker or a location is one of those that were asked for.
#pragma once

#include <algorithm>

#include "inspect/commands.h"

namespace holdfast::inspect {

inline bool wanted(const Filter& filter, const WorkerRecord& worker) {
  return (filter.instance.empty() || filter.instance == worker.instance) &&
         (filter.workers.empty() || std::find(filter.workers.begin(), filter.workers.end(),
                                              worker.worker) != filter.workers.end());
}

inline bool wanted(const Filter& filter, const LocationRecord& location) {
  return filter.locations.empty() || std::find(filter.locations.begin(), filter.locations.end(),
                                               location.name) != filter.locations.end();
}

inline bool asksForAll(const Filter& filter) {
  return filter.instance.empty() && filter.workers.empty() && filter.locations.empty();
}

}  // namespace holdfast::inspect
