// Peers that want the controller to hold more than it should: what they get, and what others
// notice.

#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/notice.h"
#include "server_fixture.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

constexpr size_t kMiB = 1 << 20;

class HostilePeersTest : public ServerTest {
 protected:
  explicit HostilePeersTest(const ServerOptions& options = limited()) : ServerTest(options) {}

  static ServerOptions limited() {
    ServerOptions options;
    options.heldByOneMax = 4 * kMiB;
    options.heldByAllMax = 6 * kMiB;
    options.connectionsPerAddress = 3;
    return options;
  }
  uint64_t ended(ConnectionEnd end) const { return server->services().ends.of(end); }
  size_t held() const { return server->services().held.total(); }

  // Of a peer that has authenticated.
  kj::Own<kj::AsyncIoStream> connectKnown() {
    auto stream = connectRaw();
    const Bytes hello = greeting();
    stream->write(hello.data(), hello.size()).wait(io.waitScope);
    settle();
    kj::byte answers[4'096];
    EXPECT_NE(await(stream->tryRead(answers, 1, sizeof answers)), 0u);
    return stream;
  }

  // The begin of a message of 63 MiB, and so many bytes of it.
  void sendPart(kj::AsyncIoStream& stream, size_t bytes) {
    const uint32_t header[2] = {0, 63 * kMiB / 8};
    stream.write(header, sizeof(header)).wait(io.waitScope);
    sendMore(stream, bytes);
  }
  void sendMore(kj::AsyncIoStream& stream, size_t bytes) {
    const std::vector<kj::byte> zeros(64 << 10);
    for (size_t sent = 0; sent < bytes; sent += zeros.size()) {
      auto writing = stream.write(zeros.data(), zeros.size());
      while (!writing.poll(io.waitScope)) settle();
      try {
        writing.wait(io.waitScope);
      } catch (const kj::Exception&) {
        break;  // it was cut
      }
    }
    settle();
  }
};

TEST_F(HostilePeersTest, AStrangerMaySayLittle) {
  const auto good = connect();
  auto stream = connectRaw();
  sendPart(*stream, kMiB);
  EXPECT_THAT(whyClosed(), HasSubstr("more than 64 KiB before it authenticated"));
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(lookup(*good, {1}).size(), 0u);
}

// All in one write: what is large follows upon its authentication.
TEST_F(HostilePeersTest, WhoAuthenticatesMayGoOnWithALargeMessageAtOnce) {
  auto stream = connectRaw();
  Bytes all = greeting();
  const uint32_t header[2] = {0, 2 * kMiB / 8};
  const auto* const bytes = reinterpret_cast<const uint8_t*>(header);
  all.insert(all.end(), bytes, bytes + sizeof header);
  stream->write(all.data(), all.size()).wait(io.waitScope);
  sendMore(*stream, kMiB);
  EXPECT_GE(held(), kMiB);
  EXPECT_TRUE(notices.all.empty()) << testing::PrintToString(fieldsOf(notices.all));
}

TEST_F(HostilePeersTest, APartOfAMessageIsHeldUntilTheEndOfTheConnection) {
  auto stream = connectKnown();
  sendPart(*stream, kMiB);
  EXPECT_GE(held(), kMiB);
  EXPECT_LE(held(), kMiB + (64 << 10));
  stream = nullptr;
  settle();
  EXPECT_EQ(held(), 0u);
}

TEST_F(HostilePeersTest, WhoHoldsTooMuchIsCut) {
  const auto good = connect();
  auto stream = connectKnown();
  sendPart(*stream, 5 * kMiB);
  EXPECT_THAT(whyClosed(), HasSubstr("it holds too much"));
  EXPECT_EQ(ended(ConnectionEnd::kHeldTooMuch), 1u);
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(lookup(*good, {1}).size(), 0u);
}

TEST_F(HostilePeersTest, WhereAllHoldTooMuchTheOneThatHoldsMostIsCut) {
  const auto good = connect();
  auto modest = connectKnown();
  auto greedy = connectKnown();
  auto last = connectKnown();
  sendPart(*modest, kMiB);
  sendPart(*greedy, 3 * kMiB);
  sendPart(*last, 2 * kMiB + kMiB / 2);
  EXPECT_THAT(whyClosed(), HasSubstr("it holds most"));
  EXPECT_EQ(ended(ConnectionEnd::kHeldMost), 1u);
  EXPECT_LE(held(), 6 * kMiB);
  char byte = 0;
  EXPECT_EQ(await(greedy->tryRead(&byte, 1, 1)), 0u);
  EXPECT_FALSE(last->tryRead(&byte, 1, 1).poll(io.waitScope));
  EXPECT_EQ(lookup(*good, {1}).size(), 0u);
}

TEST_F(ServerTest, CallsCountUntilTheyAreFinishedWith) {
  const auto peer = connect();
  auto orchestrator = peer->orchestrator();
  std::vector<kj::Promise<void>> calls;
  for (int i = 0; i < 1'000; ++i) {
    auto request = orchestrator.lookupRequest();
    request.initMessage().initHashes(32);
    calls.push_back(request.send().ignoreResult());
  }
  for (auto& call : calls) await(kj::mv(call));
  EXPECT_EQ(server->services().lookups.count(), 1'000u);
  settle();
  server->checkConnections();
  // What authenticated is still in use.
  EXPECT_LE(server->services().held.total(), 2 * (kCallCostBytes + kAnswerKeptBytes));
  EXPECT_TRUE(notices.all.empty()) << testing::PrintToString(fieldsOf(notices.all));
}

// Whoever never says that it needs an answer no more has it kept, and goes for that.
TEST_F(HostilePeersTest, WhoNeverFinishesIsCut) {
  const auto good = connect();
  const auto peer = connect();
  auto orchestrator = peer->orchestrator();
  std::vector<capnp::Response<schema::Orchestrator::LookupResults>> kept;
  std::string error;
  while (error.empty() && kept.size() < 100'000) {
    try {
      auto request = orchestrator.lookupRequest();
      request.initMessage().initHashes(1);
      kept.push_back(await(request.send()));
    } catch (const kj::Exception& e) {
      error = e.getDescription().cStr();
    }
  }
  EXPECT_NE(error, "");
  EXPECT_GE(kept.size(), 100u);
  EXPECT_THAT(whyClosed(), HasSubstr("it holds too much"));
  kept.clear();
  settle();
  EXPECT_LE(held(), 64u << 10);
  EXPECT_EQ(lookup(*good, {1}).size(), 0u);
}

TEST_F(HostilePeersTest, AnAddressHasOnlySoManyConnections) {
  const auto names = server->listen("127.0.0.1:0");
  ASSERT_TRUE(names.ok());
  const auto connectHere = [&]() {
    return await(
        await(io.provider->getNetwork().parseAddress(names.value()[0].c_str()))->connect());
  };
  std::vector<kj::Own<kj::AsyncIoStream>> crowd;
  for (int i = 0; i < 3; ++i) crowd.push_back(connectHere());
  settle();
  auto tooMany = connectHere();
  char byte = 0;
  EXPECT_EQ(await(tooMany->tryRead(&byte, 1, 1)), 0u);
  EXPECT_THAT(whyClosed(), HasSubstr("--connections-per-address"));
  EXPECT_EQ(ended(ConnectionEnd::kAddressFull), 1u);
  // Others, and those that come when one has left, are let in.
  const auto local = connect();
  EXPECT_EQ(lookup(*local, {1}).size(), 0u);
  crowd.pop_back();
  settle();
  auto next = connectHere();
  settle();
  EXPECT_FALSE(next->tryRead(&byte, 1, 1).poll(io.waitScope));
  EXPECT_EQ(ended(ConnectionEnd::kAddressFull), 1u);
}

TEST_F(HostilePeersTest, WhoSaysNothingForLongIsClosed) {
  const auto later = [&](uint64_t ms) {
    clock.nowMs += ms;
    controller.take(input::Tick{});
    server->checkConnections();
    settle();
    return server->services().connections;
  };
  const auto asks = connect();
  const auto idle = connect();
  lookup(*asks, {1});
  lookup(*idle, {1});
  settle();  // it has finished with the answer, too
  EXPECT_EQ(later(1), 2u);
  auto silent = connectRaw();
  settle();
  lookup(*asks, {1});
  EXPECT_EQ(later(kSilentConnectionMs - 1), 3u);
  EXPECT_EQ(later(1), 1u);
  EXPECT_EQ(ended(ConnectionEnd::kSilent), 2u);
  EXPECT_TRUE(notices.all.empty()) << testing::PrintToString(fieldsOf(notices.all));
  EXPECT_EQ(lookup(*asks, {1}).size(), 0u);
}

TEST_F(HostilePeersTest, AConnectionFromTheNetworkIsAskedWhetherItIsThere) {
  auto sockets = listenOn("127.0.0.1:0");
  ASSERT_TRUE(sockets.ok());
  Acceptor acceptor(io.unixEventPort, turns, std::move(sockets.value()[0]));
  const auto client = await(
      await(io.provider->getNetwork().parseAddress(acceptor.listening().name.c_str()))->connect());
  const AcceptedSocket accepted = await(acceptor.accept());
  const auto option = [&](int level, int name) {
    int value = 0;
    socklen_t size = sizeof(value);
    getsockopt(accepted.fd.get(), level, name, &value, &size);
    return value;
  };
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 60);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 120'000);
  EXPECT_EQ(accepted.trust, Trust::kLocal);
  EXPECT_FALSE(accepted.isUnix);
}

}  // namespace
}  // namespace holdfast::test
