// An HTTP server with routes of the test's own, on the loop of its clients.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>

#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "http/server.h"
#include "net/listen_address.h"
#include "serving/audit.h"
#include "tests/http/http_client.h"
#include "tests/support/fake_group.h"
#include "tests/support/recorded_notices.h"
#include "tests/support/scratch.h"
#include "wire/errors.h"

namespace holdfast::test {

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest()
      : io(kj::setupAsyncIo()),
        timer(io.lowLevelProvider->getTimer()),
        turns(timer),
        budget(timer, turns),
        warnings(notices, timer),
        audit(notices, warnings) {}
  ~HttpServerTest() noexcept override {
    if (server != nullptr) server->stop();
  }

  // To be called when the routes are there.
  void serve(Trust trust = Trust::kLocal) {
    server = std::make_unique<http::Server>(routes,
                                            http::Grounds{.sockets = {.port = io.unixEventPort,
                                                                      .turns = turns,
                                                                      .budget = budget,
                                                                      .held = held,
                                                                      .tls = nullptr},
                                                          .access = access,
                                                          .audit = audit,
                                                          .warnings = warnings,
                                                          .ends = ends,
                                                          .addresses = addresses,
                                                          .connections = connections,
                                                          .connectionsMax = connectionsMax,
                                                          .bodies = bodies,
                                                          .group = &group},
                                            bounds);
    auto sockets = listenOn("127.0.0.1:0");
    ASSERT_TRUE(sockets.ok());
    ListeningSocket& socket = sockets.value().front();
    socket.trust = trust;
    address = socket.name;
    server->listen(kj::mv(socket));
  }
  HttpClient connect() { return HttpClient(io, address); }

  http::Route& route(kj::HttpMethod method, std::string_view path,
                     Permission permission = Permission::kOpen) {
    made = {};
    made.method = method;
    made.path = path;
    made.permission = permission;
    return made;
  }
  // GET with an answer that is always the same.
  void addFixed(std::string_view path, const std::string& body,
                Permission permission = Permission::kOpen) {
    http::Route fixed = route(kj::HttpMethod::GET, path, permission);
    fixed.handle = [body](const auto&) -> kj::Promise<http::Reply> {
      return http::Reply{.body = body};
    };
    routes.add(std::move(fixed));
  }
  // POST that answers with the bytes of its body.
  void addEcho() {
    http::Route echo = route(kj::HttpMethod::POST, "/echo");
    echo.body = "{}";
    echo.handle = [](const std::shared_ptr<http::Request>& request) -> kj::Promise<http::Reply> {
      const auto* bytes = reinterpret_cast<const char*>(request->buffer.begin());
      return http::Reply{.body = std::string(bytes, request->bodyBytes)};
    };
    routes.add(std::move(echo));
  }
  // Lets the loop do what it can until it is true.
  template <typename Condition>
  void until(Condition condition) {
    while (!condition()) timer.afterDelay(1 * kj::MILLISECONDS).wait(io.waitScope);
  }

  kj::AsyncIoContext io;
  kj::Timer& timer;
  LoopTurns turns;
  ReadBudget budget;
  RecordedNotices notices;
  LimitedWarnings warnings;
  Audit audit;
  HeldBytes held{{.each = size_t{16} << 20, .all = size_t{32} << 20}};
  AddressCounts addresses{20'000};
  ConnectionEnds ends;
  FakeGroup group;  // alone, until a test says otherwise
  AccessControl access = AccessControl::open({}).value();
  size_t connections = 0;
  size_t connectionsMax = 20'000;
  SideThread bodies;
  http::RouteTable routes;
  http::Bounds bounds;
  http::Route made;
  std::unique_ptr<http::Server> server;
  std::string address;
};

}  // namespace holdfast::test
