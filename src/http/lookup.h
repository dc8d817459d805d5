// POST /v1/lookup and /v1/lookups: who has the longest prefix.
#pragma once

#include "http/route.h"
#include "serving/services.h"

namespace holdfast::http {

// `services` outlives the routes.
void addLookups(RouteTable& routes, Services& services);

}  // namespace holdfast::http
