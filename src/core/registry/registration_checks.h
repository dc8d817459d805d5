// Whether a registration can be taken: what is wrong with it by itself, whether the registry has
// room for it, and whether a newer one is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/messages.h"
#include "core/registry/registry_tree.h"
#include "core/result.h"

namespace holdfast {

// kInvalid, with what exceeds which limit or is out of range.
std::optional<Error> invalidRegistration(const Registration& registration);
// The same of a heartbeat's statements, and of a registration's.
std::optional<Error> invalidStatements(const std::vector<LocationStatement>& statements);

// `worker` is the one that registers, as it is known; null: it is not. kUnavailable: too many
// location names or workers, none of them LOST; kSuperseded: a newer registration is known.
std::optional<Error> notAcceptable(const RegistryTree& tree, const Registration& registration,
                                   const Worker* worker, size_t workersMax);
// Whether another process registers with the run id of the worker's former one.
bool repeatsRun(const Registration& registration, const Worker& worker);

// The LOST worker that is missed least: one that holds nothing, else the one LOST for longest. Null
// where nobody is LOST.
Worker* lostWorkerToForget(const RegistryTree& tree);
// Of all its locations.
uint64_t chunksOf(const Worker& worker);

}  // namespace holdfast
