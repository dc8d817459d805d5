// The HTTP routes of LMCache's controller (lmcache 0.5.6), with its bodies and answers field by
// field: scripts and routers that ask it can ask here.
#pragma once

#include "http/route.h"
#include "serving/services.h"

namespace holdfast::http::lmcache {

// All of them. `services` outlives the table.
void addRoutes(RouteTable& routes, Services& services);

// Its parts.
void addLookup(RouteTable& routes, Services& services);
void addOperations(RouteTable& routes, Services& services);
void addQueries(RouteTable& routes, Services& services);
void addPage(RouteTable& routes);

}  // namespace holdfast::http::lmcache
