// What supervisors see before, during and after the start.
#include "http/probes.h"

#include <simdjson.h>

#include "http/openapi.h"
#include "http/probe_server.h"
#include "tests/http/http_fixture.h"

namespace holdfast::test {
namespace {

using http::Readiness;
using testing::HasSubstr;

class ProbesTest : public HttpServerTest {
 protected:
  ProbesTest() {
    http::addProbes(routes, "1.2.3", [this]() { return now; });
  }
  // A listening socket, and its address in `address`.
  std::vector<ListeningSocket> listening() {
    auto sockets = listenOn("127.0.0.1:0");
    EXPECT_TRUE(sockets.ok());
    address = sockets.value().front().name;
    return kj::mv(sockets.value());
  }

  Readiness now;
};

TEST_F(ProbesTest, SayWhetherTheControllerCanBeUsed) {
  serve();
  HttpClient client = connect();
  EXPECT_EQ(client.get("/livez").body, R"({"alive":true})");
  EXPECT_EQ(client.get("/version").body, R"({"version":"1.2.3"})");
  for (const char* path : {"/readyz", "/healthz", "/health"}) {
    now = {};
    const HttpAnswer ready = client.get(path);
    EXPECT_EQ(ready.status, 200);
    EXPECT_EQ(ready.body, R"({"state":"ready"})");
    now.state = Readiness::State::kReadOnly;
    now.reason = "the disk is full";
    const HttpAnswer readOnly = client.get(path);
    EXPECT_EQ(readOnly.status, 503);
    EXPECT_EQ(readOnly.headers.at("retry-after"), "1");
    EXPECT_EQ(readOnly.body, R"({"state":"read-only","reason":"the disk is full"})");
    now = {};
    now.state = Readiness::State::kStandby;
    now.role = "follower";
    const HttpAnswer standby = client.get(path);
    EXPECT_EQ(standby.status, 503);
    EXPECT_EQ(standby.body, R"({"state":"standby","role":"follower"})");
  }
}

TEST_F(ProbesTest, AnswerWhileTheLoopIsBusyAndHandTheSocketsOver) {
  http::ProbeServer probes(listening(), "1.2.3", nullptr, access, notices);
  HttpClient client = connect();
  EXPECT_EQ(client.get("/readyz").body, R"({"state":"recovering"})");
  Readiness reported;
  reported.state = Readiness::State::kRecovering;
  reported.done = 0.412;
  reported.etaSeconds = 2.4;
  probes.report(reported);
  EXPECT_EQ(client.get("/readyz").body, R"({"state":"recovering","done":0.41,"etaSeconds":2})");
  EXPECT_EQ(client.get("/livez").status, 200);
  const HttpAnswer other = client.ask("POST", "/v1/lookup", "{}");
  EXPECT_EQ(other.status, 503);
  EXPECT_EQ(other.headers.at("retry-after"), "1");
  EXPECT_THAT(other.body, HasSubstr("the controller is recovering, 41 % done"));

  auto sockets = probes.take();
  ASSERT_EQ(sockets.size(), 1u);
  EXPECT_EQ(client.rest(), "");  // it connects again
  // Who connects in between waits for whoever listens next.
  HttpClient early = connect();
  early.send(HttpClient::requestOf("GET", "/readyz"));
  const std::string before = address;
  serve();
  server->listen(kj::mv(sockets.front()));
  EXPECT_EQ(early.receive().body, R"({"state":"ready"})");
  address = before;
  EXPECT_EQ(connect().get("/readyz").status, 200);
}

TEST_F(ProbesTest, KeepAUnixSocketWhenItIsHandedOver) {
  Scratch scratch;
  const std::string path = scratch.path() / "http";
  auto bound = listenOn("unix:" + path);
  ASSERT_TRUE(bound.ok());
  {
    http::ProbeServer probes(kj::mv(bound.value()), "1.2.3", nullptr, access, notices);
    auto sockets = probes.take();
    EXPECT_TRUE(std::filesystem::exists(path));
    auto again =
        std::make_unique<http::ProbeServer>(kj::mv(sockets), "1.2.3", nullptr, access, notices);
    EXPECT_EQ(HttpClient(io, "unix:" + path).get("/livez").status, 200);
    again.reset();
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ProbesTest, AreInTheDescription) {
  addFixed("/v1/status", "{}", Permission::kStatus);
  http::addOpenApi(routes, "1.2.3");
  serve();
  const std::string text = connect().get("/openapi.json").body;
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  ASSERT_EQ(parser.parse(text).get(document), simdjson::SUCCESS) << text;
  std::string_view version;
  ASSERT_EQ(document["openapi"].get(version), simdjson::SUCCESS);
  EXPECT_EQ(version, "3.1.0");
  const auto responses = document["paths"]["/readyz"]["get"]["responses"];
  EXPECT_EQ(responses["200"].error(), simdjson::SUCCESS);
  std::string_view schema;
  ASSERT_EQ(responses["503"]["content"]["application/json"]["schema"]["$ref"].get(schema),
            simdjson::SUCCESS);
  EXPECT_EQ(schema, "#/components/schemas/Readiness");
  const auto status = document["paths"]["/v1/status"]["get"];
  for (const char* error : {"401", "403", "503"}) {
    EXPECT_EQ(status["responses"][error].error(), simdjson::SUCCESS) << error;
  }
  std::string_view who;
  ASSERT_EQ(status["description"].get(who), simdjson::SUCCESS);
  EXPECT_EQ(who, "For roles: router, operator, viewer.");
}

}  // namespace
}  // namespace holdfast::test
