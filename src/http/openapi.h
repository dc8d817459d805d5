// The description of the HTTP interface, made from its table of routes.
#pragma once

#include <string>
#include <string_view>

#include "http/route.h"

namespace holdfast::http {

// The OpenAPI 3.1 document. Paths are relative to where it was read from.
std::string openApi(const RouteTable& routes, std::string_view version);

// GET /openapi.json. `routes` outlives the route and may get more behind it: the document is made
// when it is asked for first.
void addOpenApi(RouteTable& routes, std::string_view version);

}  // namespace holdfast::http
