// GET /v1/watch: what comes and goes, as server-sent events.
#pragma once

#include <kj/timer.h>

#include "http/route.h"
#include "serving/services.h"
#include "serving/watch_log.h"

namespace holdfast::http {

// Between two lines where nothing happens: proxies close a connection that is quiet for a minute.
inline constexpr kj::Duration kWatchPing = 15 * kj::SECONDS;

// All references outlive the table.
void addWatchRoutes(RouteTable& routes, Services& services, WatchLog& log, kj::Timer& timer);

}  // namespace holdfast::http
