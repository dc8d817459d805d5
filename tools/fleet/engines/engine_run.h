// A simulated fleet of engines that publish KV events, against a controller that takes them.
#pragma once

#include <atomic>
#include <vector>

#include "fleet/options.h"
#include "fleet/request.h"

namespace holdfast::fleet {

// Publishes, registers, serves the requests on schedule until `stop` becomes true, waits until the
// controller has what the caches hold, asks it for some prompts by their tokens, prints what came
// of it, and unregisters. The exit code.
int runEngines(const Options& options, const std::vector<Request>& requests,
               const std::atomic<bool>& stop);

}  // namespace holdfast::fleet
