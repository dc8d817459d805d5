// Peers that do not behave: each gets an error or is cut, others are served, and what they make the
// server hold is bounded.
#include <sys/socket.h>

#include "tests/http/http_fixture.h"

namespace holdfast::test {
namespace {

using http::Reply;
using testing::HasSubstr;
using testing::StartsWith;

class HostileHttp : public HttpServerTest {
 protected:
  HostileHttp() { bounds.checkInterval = 1 * kj::MILLISECONDS; }

  // Whoever else asks is answered.
  void expectOthersServed() { EXPECT_EQ(connect().get("/ok").body, "ok"); }
  void serveAll() {
    addFixed("/ok", "ok");
    addFixed("/large", std::string(4 << 20, 'x'));
    addEcho();
    serve();
  }
};

TEST_F(HostileHttp, WhoNeverSaysAnythingIsCut) {
  bounds.headerPatience = 2 * kj::MILLISECONDS;
  serveAll();
  HttpClient client = connect();
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(ends.of(ConnectionEnd::kSilent), 1u);
}

TEST_F(HostileHttp, HeadersThatDripAreCut) {
  bounds.headerPatience = 2 * kj::MILLISECONDS;
  serveAll();
  HttpClient client = connect();
  client.send("GET /ok HTTP/1.1\r\nX-");
  client.untilClosed();
  bounds.headerPatience = 10 * kj::SECONDS;
  until([&]() { return connections == 0; });
}

TEST_F(HostileHttp, ABodyThatDripsIsCut) {
  bounds.bodyPatience = 2 * kj::MILLISECONDS;
  serveAll();
  HttpClient client = connect();
  client.send(HttpClient::requestOf("POST", "/echo", {}, "Content-Length: 100\r\n") + "x");
  client.untilClosed();
  EXPECT_THAT(notices.last<notice::ConnectionClosed>().reason, HasSubstr("body"));
  expectOthersServed();
}

TEST_F(HostileHttp, AnIdleConnectionEndsInTime) {
  bounds.idlePatience = 2 * kj::MILLISECONDS;
  serveAll();
  HttpClient client = connect();
  EXPECT_EQ(client.get("/ok").body, "ok");
  EXPECT_EQ(client.rest(), "");
}

TEST_F(HostileHttp, ABodyOverTheLimitIsRefusedBeforeItIsRead) {
  bounds.bodyBytesMax = 1000;
  serveAll();
  HttpClient client = connect();
  client.send(HttpClient::requestOf("POST", "/echo", {}, "Content-Length: 1001\r\n"));
  const HttpAnswer answer = client.receive();
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("1000 bytes at most"));
  EXPECT_EQ(held.total(), 0u);
  EXPECT_EQ(connect().ask("POST", "/echo", std::string(1000, 'x')).body.size(), 1000u);
}

TEST_F(HostileHttp, ChunksThatNeverEndAreRefused) {
  bounds.bodyBytesMax = 100'000;
  serveAll();
  HttpClient client = connect();
  client.send(HttpClient::requestOf("POST", "/echo", {}, "Transfer-Encoding: chunked\r\n"));
  const std::string chunk = "2710\r\n" + std::string(10'000, 'x') + "\r\n";
  for (int i = 0; i < 11; ++i) client.send(chunk);
  EXPECT_EQ(client.receive().status, 413);
  client.untilClosed();
  expectOthersServed();
}

TEST_F(HostileHttp, HeadersOverTheLimitAreRefused) {
  serveAll();
  HttpClient client = connect();
  std::string headers;
  for (int i = 0; i < 300; ++i) headers += "X-" + std::string(500, 'x') + ": y\r\n";
  client.send("GET /ok HTTP/1.1\r\n" + headers + "\r\n");
  EXPECT_EQ(client.receive().status, 431);
  client.untilClosed();
  expectOthersServed();
}

TEST_F(HostileHttp, GarbageIsRefused) {
  serveAll();
  for (const std::string& garbage :
       {std::string("hello\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string(100, '\0') + "\r\n\r\n", std::string("GET /ok HTTP/1.1\r\nno colon\r\n\r\n"),
        std::string("POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
        std::string("POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        std::string("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        std::string("BREW /ok HTTP/1.1\r\n\r\n"),
        std::string("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n")}) {
    HttpClient client = connect();
    client.send(garbage);
    client.stream().shutdownWrite();
    const std::string answer = client.rest();
    EXPECT_THAT(answer, testing::AnyOf(StartsWith("HTTP/1.1 4"), StartsWith("HTTP/1.1 50")))
        << garbage << answer;
    EXPECT_THAT(answer, HasSubstr(R"({"error":{"code":)")) << garbage;
  }
  expectOthersServed();
  until([&]() { return connections == 0; });
}

TEST_F(HostileHttp, WhoLeavesInTheMiddleLeavesNothingBehind) {
  serveAll();
  for (const char* part : {"", "GE", "GET /ok HTTP/1.1\r\nHo", "GET /large HTTP/1.1\r\n\r\n",
                           "POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nxx",
                           "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}) {
    HttpClient client = connect();
    if (*part != '\0') client.send(part);
  }
  until([&]() { return connections == 0; });
  EXPECT_EQ(held.total(), 0u);
  expectOthersServed();
}

TEST_F(HostileHttp, WhoNeverReadsIsCutAndHoldsLittle) {
  bounds.answerPatience = 50 * kj::MILLISECONDS;
  serveAll();
  HttpClient client = connect();
  const int little = 4 << 10;
  KJ_IF_MAYBE (fd, client.stream().getFd()) {
    setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
  }
  // More than the kernel takes for both ends.
  std::string requests;
  for (int i = 0; i < 8; ++i) requests += HttpClient::requestOf("GET", "/large");
  client.send(requests);
  until([&]() { return ends.of(ConnectionEnd::kUnread) == 1; });
  EXPECT_EQ(held.total(), 0u);
  EXPECT_THAT(notices.last<notice::ConnectionClosed>().reason, HasSubstr("does not read"));
  expectOthersServed();
}

TEST_F(HostileHttp, ManyRequestsInFlightAreBounded) {
  std::vector<kj::Own<kj::PromiseFulfiller<Reply>>> waiting;
  http::Route slow = route(kj::HttpMethod::GET, "/slow");
  slow.handle = [&](const auto&) {
    auto paf = kj::newPromiseAndFulfiller<Reply>();
    waiting.push_back(kj::mv(paf.fulfiller));
    return kj::mv(paf.promise);
  };
  routes.add(std::move(slow));
  serveAll();
  // Of one connection only one is looked at.
  HttpClient greedy = connect();
  for (int i = 0; i < 1000; ++i) greedy.send(HttpClient::requestOf("GET", "/slow"));
  expectOthersServed();
  EXPECT_EQ(waiting.size(), 1u);
  std::vector<HttpClient> clients;
  for (int i = 0; i < 300; ++i) {
    clients.push_back(connect());
    clients.back().send(HttpClient::requestOf("GET", "/slow"));
  }
  until([&]() { return waiting.size() == 301; });
  expectOthersServed();
  for (auto& one : waiting) one->fulfill(Reply{.body = "done"});
  for (HttpClient& client : clients) EXPECT_EQ(client.receive().body, "done");
}

TEST_F(HostileHttp, BodiesOfAllTogetherAreBounded) {
  serveAll();
  // The fixture's limit is 32 MiB: each of 6 wants 10, and the one that holds most goes.
  constexpr size_t kEach = 10 << 20;
  std::vector<HttpClient> clients;
  const std::string piece(1 << 20, 'x');
  size_t most = 0;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(connect());
    HttpClient& client = clients.back();
    client.send(HttpClient::requestOf("POST", "/echo", {},
                                      "Content-Length: " + std::to_string(kEach) + "\r\n"));
    try {
      for (size_t sent = 0; sent < kEach - piece.size(); sent += piece.size()) {
        client.send(piece);
        most = std::max(most, held.total());
      }
    } catch (const kj::Exception&) {
      // Cut.
    }
  }
  EXPECT_GT(ends.of(ConnectionEnd::kHeldMost), 0u);
  EXPECT_LE(most, (size_t{32} << 20) + (1 << 20));
  expectOthersServed();
}

TEST_F(HostileHttp, AStormOfConnectionsMakesTheOldestIdleOnesGo) {
  connectionsMax = 20;
  serveAll();
  HttpClient first = connect();
  EXPECT_EQ(first.get("/ok").body, "ok");
  std::vector<HttpClient> silent;
  for (int i = 0; i < 50; ++i) {
    silent.push_back(connect());
    // Until it was accepted.
    expectOthersServed();
    EXPECT_LE(connections, 11u);
  }
  EXPECT_EQ(first.rest(), "");
  EXPECT_GT(ends.of(ConnectionEnd::kMadeRoom), 0u);
  EXPECT_GT(notices.count<notice::ConnectionsFull>(), 0u);
}

TEST_F(HostileHttp, TlsOnAPlainPortIsRecognised) {
  serveAll();
  HttpClient client = connect();
  client.send(std::string("\x16\x03\x01\x00\x05hello", 10));
  client.untilClosed();
  EXPECT_EQ(ends.of(ConnectionEnd::kTlsOnPlain), 1u);
}

}  // namespace
}  // namespace holdfast::test
