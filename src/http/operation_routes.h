// Cache operations: begun, found again, listed.
#pragma once

#include "http/route.h"
#include "serving/services.h"

namespace holdfast::http {

// `services` outlives the table.
void addOperationRoutes(RouteTable& routes, Services& services);

}  // namespace holdfast::http
