#include "http/lmcache/routes.h"

#include "http/lmcache/failures.h"

namespace holdfast::http::lmcache {

void addRoutes(RouteTable& routes, Services& services) {
  routes.addSchema("LmcacheFailure", kFailureSchema);
  routes.addSchema("LmcacheInvalid", kInvalidSchema);
  addLookup(routes, services);
  addOperations(routes, services);
  addQueries(routes, services);
  addPage(routes);
}

}  // namespace holdfast::http::lmcache
