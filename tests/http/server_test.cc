// What a well-behaved client sees of the server.
#include <kj/debug.h>

#include <filesystem>

#include "core/notice.h"
#include "http/error_reply.h"
#include "http/event_stream.h"
#include "tests/http/http_fixture.h"

namespace holdfast::test {
namespace {

using http::Reply;
using http::Request;
using testing::HasSubstr;

TEST_F(HttpServerTest, AnswersOneRequestAfterTheOther) {
  addFixed("/a", R"({"a":1})");
  addEcho();
  serve();
  HttpClient client = connect();
  const HttpAnswer answer = client.get("/a");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"a":1})");
  EXPECT_EQ(answer.headers.at("content-type"), "application/json");
  EXPECT_EQ(client.ask("POST", "/echo", "hello").body, "hello");
  EXPECT_EQ(connections, 1u);
  // Two at once are answered in their order.
  client.send(HttpClient::requestOf("POST", "/echo", "first") +
              HttpClient::requestOf("POST", "/echo", "second"));
  EXPECT_EQ(client.receive().body, "first");
  EXPECT_EQ(client.receive().body, "second");
}

TEST_F(HttpServerTest, SaysWhatIsNotThere) {
  addFixed("/a", "{}");
  serve();
  HttpClient client = connect();
  const HttpAnswer unknown = client.get("/b\"");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body, HasSubstr(R"("code":"unknown")"));
  const HttpAnswer method = client.ask("POST", "/a", "{}");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.headers.at("allow"), "GET, HEAD, OPTIONS");
  const HttpAnswer parameter = client.get("/a?x=1");
  EXPECT_EQ(parameter.status, 400);
  EXPECT_THAT(parameter.body, HasSubstr("this route has none"));
}

TEST_F(HttpServerTest, AnswersHeadAndOptions) {
  addFixed("/a", "12345");
  serve();
  HttpClient client = connect();
  const HttpAnswer head = client.ask("HEAD", "/a");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "5");
  const HttpAnswer options = client.ask("OPTIONS", "/a");
  EXPECT_EQ(options.status, 200);
  EXPECT_EQ(options.headers.at("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(options.body, "");
  EXPECT_EQ(client.get("/a").body, "12345");
}

TEST_F(HttpServerTest, GivesHandlersPathAndQuery) {
  http::Route one = route(kj::HttpMethod::GET, "/things/{id}");
  one.parameters = {{"id", "which"}, {"hashes", "how"}};
  one.handle = [](const std::shared_ptr<Request>& request) -> kj::Promise<Reply> {
    const auto how = request->query.find("hashes");
    return Reply{.body =
                     request->path[0] + "," + (how == request->query.end() ? "none" : how->second)};
  };
  routes.add(std::move(one));
  serve();
  HttpClient client = connect();
  EXPECT_EQ(client.get("/things/a%20b?hashes=string").body, "a b,string");
  EXPECT_EQ(client.get("/things/x").body, "x,none");
  EXPECT_THAT(client.get("/things/x?hash=string").body, HasSubstr(R"(did you mean \"hashes\"?)"));
  // What stands in the path is no parameter of the query.
  EXPECT_EQ(client.get("/things/x?id=y").status, 400);
}

TEST_F(HttpServerTest, TurnsErrorsOfHandlersIntoAnswers) {
  http::Route late = route(kj::HttpMethod::GET, "/late");
  late.handle = [](const auto&) -> kj::Promise<Reply> {
    return kj::evalLater([]() -> Reply {
      kj::throwFatalException(wireError({ErrorCode::kUnavailable, "the store cannot write"}));
    });
  };
  routes.add(std::move(late));
  http::Route fault = route(kj::HttpMethod::GET, "/fault");
  fault.handle = [](const auto&) -> kj::Promise<Reply> { return KJ_EXCEPTION(FAILED, "a fault"); };
  routes.add(std::move(fault));
  serve();
  HttpClient client = connect();
  const HttpAnswer unavailable = client.get("/late");
  EXPECT_EQ(unavailable.status, 503);
  EXPECT_EQ(unavailable.headers.at("retry-after"), "1");
  EXPECT_EQ(unavailable.body,
            R"({"error":{"code":"unavailable","message":"the store cannot write"}})");
  EXPECT_EQ(client.get("/fault").status, 500);
}

TEST_F(HttpServerTest, ARouteMayHaveErrorsOfItsOwn) {
  http::Route own = route(kj::HttpMethod::GET, "/own", Permission::kOperate);
  own.handle = [](const auto&) -> kj::Promise<http::Reply> {
    return wireError({ErrorCode::kNotFound, "no such thing"});
  };
  own.failed = [](const kj::Exception& why) {
    return http::Reply{.status = 422, .body = http::errorWithin(why)->message};
  };
  routes.add(std::move(own));
  serve();
  const HttpAnswer answer = connect().get("/own");
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.body, "no such thing");
  EXPECT_THAT(notices.last<notice::OperatorCall>().error, HasSubstr("no such thing"));
}

TEST_F(HttpServerTest, WhatOnlyTheLeaderDoesNamesIt) {
  addFixed("/look", "looked", Permission::kLookUp);
  addFixed("/drain", "drained", Permission::kManage);
  http::Route level = route(kj::HttpMethod::GET, "/level", Permission::kManage);
  level.leaderOnly = false;
  level.handle = [](const auto&) -> kj::Promise<Reply> { return Reply{.body = "info"}; };
  routes.add(std::move(level));
  http::Route operations = route(kj::HttpMethod::GET, "/operations", Permission::kQuery);
  operations.leaderOnly = true;
  operations.handle = [](const auto&) -> kj::Promise<Reply> { return Reply{.body = "[]"}; };
  routes.add(std::move(operations));
  serve();
  HttpClient client = connect();
  EXPECT_EQ(client.get("/drain").body, "drained");
  group.now = follower("leader.example:7440");
  EXPECT_EQ(client.get("/look").body, "looked");
  EXPECT_EQ(client.get("/level").body, "info");
  const HttpAnswer elsewhere = client.get("/drain");
  EXPECT_EQ(elsewhere.status, 503);
  EXPECT_THAT(elsewhere.body, HasSubstr(R"("code":"unavailable")"));
  EXPECT_THAT(elsewhere.body, HasSubstr(R"("leader":"leader.example:7440")"));
  EXPECT_THAT(notices.last<notice::OperatorCall>().error, HasSubstr("the leader is"));
  EXPECT_EQ(client.get("/operations").status, 503);
  group.now.leader.clear();
  EXPECT_THAT(client.get("/drain").body, testing::Not(HasSubstr(R"("leader")")));
  group.now = leader("here:7440");
  EXPECT_EQ(client.get("/operations").body, "[]");
}

TEST_F(HttpServerTest, AListenerMayHaveRoutesOfItsOwn) {
  addFixed("/all", "1");
  http::RouteTable others;
  http::Route other = route(kj::HttpMethod::GET, "/other");
  other.handle = [](const auto&) -> kj::Promise<http::Reply> { return http::Reply{.body = "2"}; };
  others.add(std::move(other));
  serve();
  auto sockets = listenOn("127.0.0.1:0");
  ASSERT_TRUE(sockets.ok());
  const std::string there = sockets.value().front().name;
  server->listen(kj::mv(sockets.value().front()), others);
  EXPECT_EQ(connect().get("/all").status, 200);
  EXPECT_EQ(connect().get("/other").status, 404);
  EXPECT_EQ(HttpClient(io, there).get("/other").body, "2");
  EXPECT_EQ(HttpClient(io, there).get("/all").status, 404);
}

TEST_F(HttpServerTest, ReadsBodiesInChunksAndWaitsToBeAsked) {
  addEcho();
  serve();
  HttpClient client = connect();
  client.send(HttpClient::requestOf("POST", "/echo", {}, "Transfer-Encoding: chunked\r\n"));
  client.send("3\r\nabc\r\n");
  client.send("4\r\ndefg\r\n0\r\n\r\n");
  EXPECT_EQ(client.receive().body, "abcdefg");
  client.send(
      HttpClient::requestOf("POST", "/echo", {}, "Content-Length: 2\r\nExpect: 100-continue\r\n"));
  const HttpAnswer go = client.receive();
  EXPECT_EQ(go.status, 100);
  client.send("ok");
  EXPECT_EQ(client.receive().body, "ok");
  // One that is larger than what is read at once, in pieces that come as they like.
  const std::string large(300'000, 'x');
  EXPECT_EQ(client.ask("POST", "/echo", large).body, large);
  client.send(HttpClient::requestOf("POST", "/echo", {}, "Transfer-Encoding: chunked\r\n"));
  client.send("493e0\r\n" + large + "\r\n0\r\n\r\n");
  EXPECT_EQ(client.receive().body, large);
}

TEST_F(HttpServerTest, EndsWhenTheClientWantsNoMore) {
  addFixed("/a", "{}");
  serve();
  HttpClient client = connect();
  client.send(HttpClient::requestOf("GET", "/a", {}, "Connection: close\r\n"));
  EXPECT_THAT(client.rest(), HasSubstr("200 OK"));
  until([&]() { return connections == 0; });
  // Who leaves half of the connection open still gets the answer.
  HttpClient half = connect();
  half.send(HttpClient::requestOf("GET", "/a"));
  half.stream().shutdownWrite();
  EXPECT_THAT(half.rest(), HasSubstr("200 OK"));
  until([&]() { return connections == 0; });
}

TEST_F(HttpServerTest, AsksForATokenWhereOneIsNeeded) {
  Scratch scratch;
  const std::string file = scratch.path() / "tokens";
  addFixed("/open", "open");
  addFixed("/status", "status", Permission::kStatus);
  addFixed("/forget", "forget", Permission::kManage);
  const TokenEntry entry{
      .role = Role::kViewer, .name = "dashboard", .sha256 = hashOfToken("right"), .instances = {}};
  std::ofstream(file) << lineOf(entry) << "\n";
  auto opened = AccessControl::open({.tokenFile = file, .off = false});
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  access = std::move(opened.value());
  serve(Trust::kNetwork);
  HttpClient client = connect();
  EXPECT_EQ(client.get("/open").body, "open");
  const HttpAnswer none = client.get("/status");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.headers.at("www-authenticate"), "Bearer");
  EXPECT_EQ(client.ask("GET", "/status", {}, "Authorization: Bearer wrong\r\n").status, 401);
  EXPECT_EQ(client.ask("GET", "/status", {}, "Authorization: Basic right\r\n").status, 401);
  EXPECT_EQ(client.ask("GET", "/status", {}, "Authorization: Bearer\r\n").status, 401);
  EXPECT_EQ(client.ask("GET", "/status", {}, "Authorization: bearer right\r\n").body, "status");
  EXPECT_EQ(client.ask("GET", "/status", {}, "Authorization: Bearer right\r\n").body, "status");
  const HttpAnswer denied = client.ask("GET", "/forget", {}, "Authorization: Bearer right\r\n");
  EXPECT_EQ(denied.status, 403);
  EXPECT_THAT(denied.body, HasSubstr("viewer"));
  // The connection is nobody's: the next request needs its token again.
  EXPECT_EQ(client.get("/status").status, 401);
  EXPECT_EQ(audit.failures(AuthFailure::kMissing), 2u);
  EXPECT_EQ(audit.failures(AuthFailure::kDenied), 1u);
  // The token is taken back: also from a connection that has been using it.
  EXPECT_EQ(client.ask("GET", "/status", {}, "Authorization: Bearer right\r\n").status, 200);
  std::ofstream(file, std::ios::trunc)
      << lineOf({.role = Role::kViewer, .name = "new", .sha256 = hashOfToken("x"), .instances = {}})
      << "\n";
  ASSERT_EQ(access.reload(), std::nullopt);
  EXPECT_EQ(client.ask("GET", "/status", {}, "Authorization: Bearer right\r\n").status, 401);
}

TEST_F(HttpServerTest, EndsAStreamWhoseTokenIsGone) {
  Scratch scratch;
  const std::string file = scratch.path() / "tokens";
  const auto write = [&file](const std::string& name, const std::string& token) {
    std::ofstream(file, std::ios::app)
        << lineOf({Role::kViewer, name, hashOfToken(token), {}}) << "\n";
  };
  write("dashboard", "taken back");
  write("other", "stays");
  auto opened = AccessControl::open({.tokenFile = file, .off = false});
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  access = std::move(opened.value());
  http::Route watch = route(kj::HttpMethod::GET, "/watch", Permission::kWatch);
  watch.answerType = "text/event-stream";
  watch.stream = [](const auto&, http::EventStream& events) {
    return events.send("up", "", "x").then([]() -> kj::Promise<void> { return kj::NEVER_DONE; });
  };
  routes.add(std::move(watch));
  bounds.checkInterval = 1 * kj::MILLISECONDS;
  serve(Trust::kNetwork);
  HttpClient gone = connect();
  EXPECT_EQ(gone.ask("GET", "/watch", {}, "Authorization: Bearer taken back\r\n").status, 200);
  HttpClient stays = connect();
  EXPECT_EQ(stays.ask("GET", "/watch", {}, "Authorization: Bearer stays\r\n").status, 200);
  std::filesystem::remove(file);
  write("other", "stays");
  ASSERT_EQ(access.reload(), std::nullopt);
  until([&]() { return connections == 1; });
  EXPECT_EQ(ends.of(ConnectionEnd::kTokenGone), 1u);
  EXPECT_THAT(notices.last<notice::ConnectionClosed>().reason, HasSubstr("'dashboard'"));
}

TEST_F(HttpServerTest, TellsWhatOperatorsHadDone) {
  http::Route drain = route(kj::HttpMethod::POST, "/v1/drain", Permission::kManage);
  drain.handle = [](const std::shared_ptr<Request>& request) -> kj::Promise<Reply> {
    request->about = "llama-0";
    return wireError({ErrorCode::kNotFound, "no instance llama-0"});
  };
  routes.add(std::move(drain));
  serve();
  EXPECT_EQ(connect().ask("POST", "/v1/drain").status, 404);
  const auto told = notices.last<notice::OperatorCall>();
  EXPECT_EQ(told.call, "POST /v1/drain");
  EXPECT_EQ(told.about, "llama-0");
  EXPECT_THAT(told.error, HasSubstr("no instance llama-0"));
  EXPECT_THAT(told.peer, HasSubstr("127.0.0.1:"));
}

TEST_F(HttpServerTest, TellsOfAnOperatorsCallWhoseCallerLeft) {
  http::Route slow = route(kj::HttpMethod::POST, "/v1/sync", Permission::kManage);
  bool asked = false;
  slow.handle = [&asked](const auto&) -> kj::Promise<Reply> {
    asked = true;
    return kj::NEVER_DONE;
  };
  routes.add(std::move(slow));
  serve();
  {
    HttpClient client = connect();
    client.send(HttpClient::requestOf("POST", "/v1/sync"));
    until([&]() { return asked; });
  }
  server->stop();
  EXPECT_THAT(notices.last<notice::OperatorCall>().error, HasSubstr("left"));
}

TEST_F(HttpServerTest, StreamsEvents) {
  http::EventStream* stream = nullptr;
  auto paf = kj::newPromiseAndFulfiller<void>();
  kj::Promise<void> end = kj::mv(paf.promise);
  http::Route watch = route(kj::HttpMethod::GET, "/watch");
  watch.answerType = "text/event-stream";
  watch.parameters = {{"bad", "fails"}};
  watch.stream = [&](const std::shared_ptr<Request>& request,
                     http::EventStream& events) -> kj::Promise<void> {
    if (request->query.contains("bad")) return wireError({ErrorCode::kInvalid, "no such event"});
    stream = &events;
    return events.send("up", "7", "after " + request->lastEventId).then([&end]() {
      return kj::mv(end);
    });
  };
  routes.add(std::move(watch));
  serve();
  HttpClient client = connect();
  EXPECT_EQ(client.get("/watch?bad=1").status, 400);
  const HttpAnswer begun = client.ask("GET", "/watch", {}, "Last-Event-ID: 6\r\n");
  EXPECT_EQ(begun.status, 200);
  EXPECT_EQ(begun.headers.at("content-type"), "text/event-stream");
  const std::string first = "event: up\nid: 7\ndata: after 6\n\n";
  EXPECT_THAT(client.take(first.size() + 6), HasSubstr(first));
  stream->ping().wait(io.waitScope);
  EXPECT_THAT(client.take(3 + 5), HasSubstr(":\n\n"));
  paf.fulfiller->fulfill();
  EXPECT_EQ(client.take(5), "0\r\n\r\n");
}

TEST_F(HttpServerTest, EndsAStreamWhenItsClientLeaves) {
  bool ended = false;
  http::Route watch = route(kj::HttpMethod::GET, "/watch");
  watch.answerType = "text/event-stream";
  watch.stream = [&](const auto&, http::EventStream& events) {
    return events.send("up", "", "x")
        .then([]() -> kj::Promise<void> { return kj::NEVER_DONE; })
        .attach(kj::defer([&ended]() { ended = true; }));
  };
  routes.add(std::move(watch));
  serve();
  {
    HttpClient client = connect();
    EXPECT_EQ(client.get("/watch").status, 200);
  }
  until([&]() { return ended && connections == 0; });
  EXPECT_EQ(connections, 0u);
}

}  // namespace
}  // namespace holdfast::test
