// GET /metrics: what Prometheus scrapes.
#pragma once

#include "http/route.h"
#include "serving/services.h"

namespace holdfast::http {

// `services` outlives the table.
void addMetricsRoute(RouteTable& routes, Services& services);

}  // namespace holdfast::http
