// The handlers of the HTTP door, asked as its server asks them; behind them a real registry with
// workers that are connected by RPC.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "http/body.h"
#include "http/operation_routes.h"
#include "http/operator_routes.h"
#include "http/query_routes.h"
#include "http/route.h"
#include "http/watch_routes.h"
#include "serving/watch_log.h"
#include "tests/rpc/operations_fixture.h"

namespace holdfast::http::test {

using namespace holdfast::test;
using Query = std::map<std::string, std::string, std::less<>>;

class RoutesTest : public OperationsTest {
 protected:
  RoutesTest() {
    addQueryRoutes(routes, services());
    addOperationRoutes(routes, services());
    addOperatorRoutes(routes, services());
    addWatchRoutes(routes, services(), watch, io.provider->getTimer());
  }
  ~RoutesTest() noexcept override = default;

  Services& services() { return server->services(); }

  std::shared_ptr<Request> request(const Query& query, std::string_view body) {
    const auto made = std::make_shared<Request>();
    made->query = query;
    made->buffer = kj::heapArray<kj::byte>(body.size() + kBodyPadding);
    std::copy(body.begin(), body.end(), made->buffer.begin());
    made->bodyBytes = body.size();
    made->bodies = &bodies;
    return made;
  }
  kj::Promise<Reply> asking(kj::HttpMethod method, std::string_view path, const Query& query = {},
                            std::string_view body = {}) {
    auto found = routes.find(method, path);
    EXPECT_NE(found.route, nullptr) << path;
    const auto what = request(query, body);
    what->path = std::move(found.path);
    return kj::evalNow([&]() { return found.route->handle(what); });
  }
  std::string get(std::string_view path, const Query& query = {}) {
    return await(asking(kj::HttpMethod::GET, path, query)).body;
  }
  std::string post(std::string_view path, std::string_view body) {
    return await(asking(kj::HttpMethod::POST, path, {}, body)).body;
  }
  std::string errorOfGet(std::string_view path, const Query& query = {}) {
    return errorOf(asking(kj::HttpMethod::GET, path, query));
  }
  std::string errorOfPost(std::string_view path, std::string_view body) {
    return errorOf(asking(kj::HttpMethod::POST, path, {}, body));
  }
  // What the log of the daemon does as they come.
  void tellWatchers() {
    for (; told < notices.all.size(); ++told) watch.notice(notices.all[told]);
  }

  static constexpr uint64_t kEpoch = 0xC0FFEE;
  IgnoredNotices ignored;
  WatchLog watch{ignored, clock, kEpoch, 8};
  size_t told = 0;
  SideThread bodies;
  RouteTable routes;
};

}  // namespace holdfast::http::test
