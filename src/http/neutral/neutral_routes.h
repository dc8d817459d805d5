// The API that indexers of KV events share (README.md).
#pragma once

#include "core/source_table.h"
#include "http/route.h"
#include "serving/services.h"

namespace holdfast::http {

// `services` and `sources` outlive the routes; null: nothing here takes events, and whoever
// registers an engine is told so.
void addNeutralRoutes(RouteTable& routes, Services& services, SourceTable* sources);

// Parts of it.
void addSourceRoutes(RouteTable& routes, Services& services, SourceTable* sources);
void addTierQueries(RouteTable& routes, Services& services, const SourceTable* sources);
void addDump(RouteTable& routes, Services& services, const SourceTable* sources);

}  // namespace holdfast::http
