// GET of what there is: instances, workers, pins, what has diverged, the status.
#pragma once

#include "http/route.h"
#include "serving/services.h"

namespace holdfast::http {

// `services` outlives the table.
void addQueryRoutes(RouteTable& routes, Services& services);

}  // namespace holdfast::http
