// What the registry knows of workers, as messages. Other messages are src/wire's.
#pragma once

#include <cstdint>

#include "core/registry/registry.h"
#include "schema/messages.capnp.h"

namespace holdfast {

// What the registry knows of a worker and its locations. `nowMs` of the steady clock.
void write(const Registry& registry, const Worker& worker, uint64_t nowMs,
           schema::WorkerInfo::Builder to);
void write(const Registry& registry, Location& location, uint64_t nowMs,
           schema::LocationInfo::Builder to);

}  // namespace holdfast
