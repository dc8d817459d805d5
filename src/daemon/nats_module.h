// The engine of a group's log as a library beside this program, lib/holdfast/holdfast-nats.so: it
// is loaded where a group is configured, so that nobody else has libnats in the process.
#pragma once

#include "core/result.h"
#include "replication/nats/module.h"

namespace holdfast {

// Loads it with the first call, for good. kRefused: it is not there, cannot be loaded or is of
// another build; says which file, and which package has what is missing. On the loop's thread.
Result<const replication::nats::Module*> natsModule();

}  // namespace holdfast
