// An operator's orders: forget, drain, sync, backup, capture, log level.
#pragma once

#include "http/route.h"
#include "serving/services.h"

namespace holdfast::http {

// `services` outlives the table.
void addOperatorRoutes(RouteTable& routes, Services& services);

}  // namespace holdfast::http
