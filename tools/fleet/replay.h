// Serves requests on schedule: look-ups, routing, reports, and faults.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "client/lookup_client.h"
#include "fleet/fleet.h"
#include "fleet/options.h"
#include "fleet/report.h"
#include "fleet/request.h"
#include "text/progress.h"

namespace holdfast::fleet {

// A request whose look-up takes longer is routed round-robin.
inline constexpr uint32_t kLookupTimeoutMs = 500;

// The requests' timestamps are stretched or compressed to the options' duration; where the fleet
// cannot keep up it takes longer. Ends early once `stop` is set. Fills in what serving shows:
// requests, look-ups, hits, latencies, seconds, operations, faults.
void serveRequests(const std::vector<Request>& requests, const Options& options, Fleet& fleet,
                   LookupClient& lookups, const std::atomic<bool>& stop, text::Progress& progress,
                   Report& report);

}  // namespace holdfast::fleet
