// Finding a route, and reading the target of a request.
#include "http/route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kj/debug.h>

#include "http/error_reply.h"
#include "http/target.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Route routeOf(kj::HttpMethod method, std::string_view path) {
  Route route;
  route.method = method;
  route.path = path;
  return route;
}

RouteTable someRoutes() {
  RouteTable routes;
  routes.add(routeOf(kj::HttpMethod::GET, "/v1/operations/{id}"));
  routes.add(routeOf(kj::HttpMethod::POST, "/v1/operations/{kind}"));
  routes.add(routeOf(kj::HttpMethod::GET, "/v1/operations"));
  routes.add(routeOf(kj::HttpMethod::GET, "/v1/operations/all"));
  return routes;
}

TEST(RouteTable, FindsByMethodAndPath) {
  const RouteTable routes = someRoutes();
  EXPECT_EQ(routes.find(kj::HttpMethod::GET, "/v1/operations").route->path, "/v1/operations");
  EXPECT_EQ(routes.find(kj::HttpMethod::HEAD, "/v1/operations").route->path, "/v1/operations");
  const auto one = routes.find(kj::HttpMethod::GET, "/v1/operations/a%20b%2Fc");
  ASSERT_NE(one.route, nullptr);
  EXPECT_EQ(one.route->path, "/v1/operations/{id}");
  EXPECT_THAT(one.path, ElementsAre("a b/c"));
  EXPECT_EQ(routes.find(kj::HttpMethod::POST, "/v1/operations/clear").route->path,
            "/v1/operations/{kind}");
}

TEST(RouteTable, TakesAFixedPathBeforeOneWithParameters) {
  EXPECT_EQ(someRoutes().find(kj::HttpMethod::GET, "/v1/operations/all").route->path,
            "/v1/operations/all");
}

TEST(RouteTable, FindsNothingElse) {
  const RouteTable routes = someRoutes();
  for (const char* path : {"/", "", "/v1", "/v1/operations/", "/v1/operations/a/b",
                           "/v1/operations/%", "/v1/operations/%ff", "/V1/operations"}) {
    EXPECT_EQ(routes.find(kj::HttpMethod::GET, path).route, nullptr) << path;
  }
  EXPECT_EQ(routes.find(kj::HttpMethod::DELETE, "/v1/operations").route, nullptr);
}

TEST(RouteTable, SaysWhichMethodsAPathHas) {
  const RouteTable routes = someRoutes();
  EXPECT_EQ(routes.methodsOf("/v1/operations"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(routes.methodsOf("/v1/operations/x"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(routes.methodsOf("/v2"), "");
}

TEST(Target, IsPathAndQuery) {
  EXPECT_EQ(targetOf("/a?b=c").path, "/a");
  EXPECT_EQ(targetOf("/a?b=c").query, "b=c");
  EXPECT_EQ(targetOf("/a?").query, "");
  EXPECT_EQ(targetOf("http://host:1/a?b").path, "/a");
  EXPECT_EQ(targetOf("http://host").path, "/");
  EXPECT_EQ(targetOf("/a?url=http://x/").path, "/a");
}

TEST(Target, HasAQueryOfPairs) {
  const auto query = parseQuery("a=1&b=x+y%26z&c&&d=%C3%BC");
  ASSERT_TRUE(query.ok());
  EXPECT_THAT(query.value(), ElementsAre(std::pair("a", "1"), std::pair("b", "x y&z"),
                                         std::pair("c", ""), std::pair("d", "ü")));
  EXPECT_THAT(parseQuery("").value(), IsEmpty());
  EXPECT_THAT(parseQuery("a=1&a=2").error().message, HasSubstr("\"a\" twice"));
  for (const char* bad : {"a=%", "a=%4", "a=%zz", "%ff=1"}) {
    EXPECT_THAT(parseQuery(bad).error().message, HasSubstr("no UTF-8")) << bad;
  }
}

TEST(ErrorReply, HasTheStatusOfItsCode) {
  const std::pair<ErrorCode, uint32_t> kCases[] = {
      {ErrorCode::kInvalid, 400},        {ErrorCode::kRefused, 409},  {ErrorCode::kSuperseded, 409},
      {ErrorCode::kUnavailable, 503},    {ErrorCode::kNotFound, 404}, {ErrorCode::kDenied, 403},
      {ErrorCode::kUnauthenticated, 401}};
  for (const auto& [code, status] : kCases) {
    // A handler throws it; the word in front is the code of the reply.
    const Reply reply = errorReply(wireError({code, "the \"reason\": why"}));
    EXPECT_EQ(reply.status, status);
    EXPECT_THAT(reply.body, HasSubstr(R"("message":"the \"reason\": why")"));
  }
  EXPECT_EQ(errorReply(wireError({ErrorCode::kSuperseded, "x"})).body,
            R"({"error":{"code":"superseded","message":"x"}})");
  EXPECT_EQ(errorReply(KJ_EXCEPTION(FAILED, "a fault")).status, 500u);
}

}  // namespace
}  // namespace holdfast::http
