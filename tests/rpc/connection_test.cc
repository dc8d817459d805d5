// What happens to connections that are cut, malformed, or too many.

#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <sys/socket.h>

#include <random>

#include "core/notice.h"
#include "server_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

// A call to the orchestrator that question 1 answers with.
capnp::rpc::Call::Builder callToOrchestrator(capnp::MallocMessageBuilder& message,
                                             uint32_t question, uint16_t method) {
  auto call = message.initRoot<capnp::rpc::Message>().initCall();
  call.setQuestionId(question);
  auto target = call.initTarget().initPromisedAnswer();
  target.setQuestionId(1);
  target.initTransform(1)[0].setGetPointerField(1);
  call.setInterfaceId(capnp::typeId<schema::Orchestrator>());
  call.setMethodId(method);
  return call;
}

constexpr uint16_t kLookupMethod = 0;
constexpr uint16_t kQueryWorkersMethod = 2;

class ConnectionTest : public ServerTest {
 protected:
  void send(kj::AsyncIoStream& stream, const std::vector<uint8_t>& bytes) {
    stream.write(bytes.data(), bytes.size()).wait(io.waitScope);
    settle();
  }
  // Whether the server has closed it.
  bool isClosed(kj::AsyncIoStream& stream) {
    settle();
    // Whatever it says before (an RPC abort) is read over.
    char sink[4096];
    while (true) {
      auto read = stream.tryRead(sink, 1, sizeof(sink));
      if (!read.poll(io.waitScope)) return false;
      if (read.wait(io.waitScope) == 0) return true;
    }
  }
};

TEST_F(ConnectionTest, MalformedFramesCloseThatConnectionOnly) {
  const auto healthy = connect();
  auto session = registerWorker(*healthy, registration());
  const std::vector<std::vector<uint8_t>> malformed = {
      {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},  // 2^32 segments: 0, as it wraps
      {0xff, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},  // 512 segments
      {0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x80, 0x00},  // a segment over 64 MiB
      std::vector<uint8_t>{'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P', '/', '1', '.', '1'}};
  for (const auto& bytes : malformed) {
    auto stream = connectRaw();
    notices.all.clear();
    send(*stream, bytes);
    EXPECT_TRUE(isClosed(*stream));
    EXPECT_EQ(notices.count<notice::ConnectionClosed>(), 1u)
        << testing::PrintToString(fieldsOf(notices.all));
    EXPECT_EQ(server->services().connections, 1u);
  }
  EXPECT_THAT(whyClosed(), HasSubstr("malformed message: "));
  report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  EXPECT_THAT(lookup(*healthy, {1}), ElementsAre(Pair("llama", 1)));
}

TEST_F(ConnectionTest, BrokenProtocolClosesThatConnectionOnly) {
  const auto healthy = connect();
  auto stream = connectRaw();
  // A well-formed frame of a call to a capability that was never given out.
  capnp::MallocMessageBuilder message;
  auto call = message.initRoot<capnp::rpc::Message>().initCall();
  call.initTarget().setImportedCap(12345);
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  send(*stream, std::vector<uint8_t>(bytes.begin(), bytes.end()));
  EXPECT_TRUE(isClosed(*stream));
  EXPECT_THAT(whyClosed(), HasSubstr("broke the RPC protocol"));
  EXPECT_EQ(lookup(*healthy, {1}).size(), 0u);
}

// Seeded noise: whatever the bytes are, the server goes on.
TEST_F(ConnectionTest, SurvivesNoise) {
  const auto healthy = connect();
  std::mt19937_64 random(42);
  for (int i = 0; i < 200; ++i) {
    auto stream = connectRaw();
    std::vector<uint8_t> bytes(8 + random() % 64);
    for (uint8_t& byte : bytes) byte = random() % 4 == 0 ? static_cast<uint8_t>(random()) : 0;
    // Often a plausible frame: one segment of the length that follows.
    if (random() % 2 == 0) {
      bytes.resize(bytes.size() / 8 * 8);
      std::fill(bytes.begin(), bytes.begin() + 8, 0);
      bytes[4] = static_cast<uint8_t>(bytes.size() / 8 - 1);
    }
    stream->write(bytes.data(), bytes.size()).wait(io.waitScope);
    kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope);
  }
  settle();
  EXPECT_EQ(lookup(*healthy, {1}).size(), 0u);
  EXPECT_EQ(server->services().connections, 1u);
}

TEST_F(ConnectionTest, CutInTheMiddleOfAMessageIsHarmless) {
  const auto healthy = connect();
  auto session = registerWorker(*healthy, registration());
  capnp::MallocMessageBuilder message;
  auto call = message.initRoot<capnp::rpc::Message>().initBootstrap();
  call.setQuestionId(1);
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  for (size_t length = 1; length < bytes.size(); ++length) {
    auto stream = connectRaw();
    send(*stream, std::vector<uint8_t>(bytes.begin(), bytes.begin() + length));
  }
  settle();
  EXPECT_EQ(server->services().connections, 1u);
  EXPECT_EQ(notices.count<notice::ConnectionClosed>(), 0u)
      << testing::PrintToString(fieldsOf(notices.all));
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kActive);
}

// A program that asks once sends all of it together, before the server has read anything.
TEST_F(ConnectionTest, TimesALookupThatComesWithTheFirstBytes) {
  const auto begun = std::chrono::steady_clock::now();
  Bytes bytes = greeting();
  capnp::MallocMessageBuilder lookup;
  auto params = callToOrchestrator(lookup, 2, kLookupMethod).initParams().getContent();
  params.initAs<schema::Orchestrator::LookupParams>().initMessage().initHashes(1);
  append(bytes, lookup);
  auto stream = connectRaw();
  send(*stream, bytes);
  const auto took = std::chrono::steady_clock::now() - begun;
  const LatencyHistogram& lookups = server->services().lookups;
  ASSERT_EQ(lookups.count(), 1u);
  EXPECT_LE(std::chrono::nanoseconds(lookups.maxNs()), took);
}

class LimitedConnectionsTest : public ServerTest {
 protected:
  LimitedConnectionsTest() : ServerTest(ServerOptions{.hashing = {}, .connectionsMax = 2}) {}
};

TEST_F(LimitedConnectionsTest, RefusesOneTooMany) {
  const auto first = connect();
  auto second = connect();
  lookup(*first, {1});
  lookup(*second, {1});
  auto third = connectRaw();
  settle();
  char byte = 0;
  EXPECT_EQ(await(third->tryRead(&byte, 1, 1)), 0u);
  EXPECT_TRUE(notices.last<notice::ConnectionsFull>().refused);
  EXPECT_EQ(notices.last<notice::ConnectionsFull>().max, 2u);
  second.reset();
  settle();
  const auto fourth = connect();
  EXPECT_EQ(lookup(*fourth, {1}).size(), 0u);
}

TEST_F(LimitedConnectionsTest, WhoNeverSaidAnythingMakesRoom) {
  const auto speaks = connect();
  lookup(*speaks, {1});
  auto silent = connectRaw();
  settle();
  const auto late = connect();
  EXPECT_EQ(lookup(*late, {1}).size(), 0u);
  char byte = 0;
  EXPECT_EQ(await(silent->tryRead(&byte, 1, 1)), 0u);
  EXPECT_EQ(lookup(*speaks, {1}).size(), 0u);
  EXPECT_FALSE(notices.last<notice::ConnectionsFull>().refused);
}

// No piece of what is paced has its turn before an hour is over.
class CrowdedServerTest : public ServerTest {
 protected:
  CrowdedServerTest()
      : ServerTest(ServerOptions{.hashing = {}, .crowdIntervalUs = 3'600'000'000}) {}
};

TEST_F(CrowdedServerTest, WhoSpeaksDoesNotWaitForTheSilent) {
  std::vector<kj::Own<kj::AsyncIoStream>> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(connectRaw());
  const auto speaks = connect();
  EXPECT_EQ(lookup(*speaks, {1}).size(), 0u);
  EXPECT_EQ(server->services().connections, 101u);
  silent.clear();
  settle();
  EXPECT_EQ(server->services().connections, 1u);
  EXPECT_TRUE(notices.all.empty()) << testing::PrintToString(fieldsOf(notices.all));
}

// --- what is said of connections that end ---

TEST_F(ConnectionTest, WhoMerelyLeavesIsNotSpokenOf) {
  // A library's client, with a call under way.
  auto peer = connect();
  auto lookup = peer->orchestrator().lookupRequest().send();
  peer.reset();
  settle();
  // One that does not wait for its answers.
  auto stream = connectRaw();
  Bytes bytes = greeting();
  stream->write(bytes.data(), bytes.size()).wait(io.waitScope);
  stream = nullptr;
  settle();
  // One that reads nothing, so that its end is noticed when something is written to it.
  stream = connectRaw();
  send(*stream, bytes);
  capnp::MallocMessageBuilder call;
  callToOrchestrator(call, 2, kLookupMethod);
  bytes.clear();
  append(bytes, call);
  stream->write(bytes.data(), bytes.size()).wait(io.waitScope);
  stream->abortRead();
  settle();
  stream = nullptr;
  settle();
  EXPECT_EQ(server->services().connections, 0u);
  EXPECT_TRUE(notices.all.empty()) << testing::PrintToString(fieldsOf(notices.all));
}

// Whoever closes its socket with something unread in it resets it: that ends a connection like any
// other end, also where it is there before what was said last is read.
TEST_F(ConnectionTest, AResetBehindAMessageIsNoBreachOfTheProtocol) {
  auto stream = connectRaw();
  send(*stream, greeting());
  capnp::MallocMessageBuilder call;
  callToOrchestrator(call, 2, kLookupMethod);
  Bytes bytes;
  append(bytes, call);
  stream->write(bytes.data(), bytes.size()).wait(io.waitScope);
  const linger now{.l_onoff = 1, .l_linger = 0};
  stream->setsockopt(SOL_SOCKET, SO_LINGER, &now, sizeof now);
  stream = nullptr;
  settle();
  EXPECT_EQ(server->services().connections, 0u);
  EXPECT_EQ(notices.count<notice::ConnectionClosed>(), 0u)
      << testing::PrintToString(fieldsOf(notices.all));
}

TEST_F(ConnectionTest, WhoGivesUpIsQuoted) {
  auto stream = connectRaw();
  capnp::MallocMessageBuilder message;
  auto abort = message.initRoot<capnp::rpc::Message>().initAbort();
  abort.setReason("no\nsense");
  Bytes bytes;
  append(bytes, message);
  send(*stream, bytes);
  EXPECT_THAT(whyClosed(), HasSubstr("the peer gave up: \"no\\x0asense\""));
}

TEST_F(ConnectionTest, ACrowdOfMalformedOnesIsSpokenOfAFewTimes) {
  for (int i = 0; i < 50; ++i) send(*connectRaw(), Bytes(8, 0xff));
  EXPECT_EQ(server->services().connections, 0u);
  EXPECT_EQ(notices.all.size(), 10u);
}

TEST_F(ServerTest, CutsOffAPeerThatDoesNotReadItsAnswers) {
  auto deaf = connectRaw();
  // Everything is asked, nothing is read: a worker with a long peer URL makes the answers large.
  const auto peer = connect();
  std::vector<schema::WorkerSession::Client> sessions;
  for (uint32_t i = 0; i < 64; ++i) {
    Registration large = registration("llama", i);
    large.peerUrl = std::string(1024, 'u');
    sessions.push_back(registerWorker(*peer, large));
  }
  const auto sendBytes = [&](const Bytes& bytes) {
    deaf->write(bytes.data(), bytes.size()).wait(io.waitScope);
  };
  sendBytes(greeting());
  for (uint32_t i = 0; i < 2'000 && server->services().connections == 2; ++i) {
    capnp::MallocMessageBuilder query;
    auto call = callToOrchestrator(query, 2 + i, kQueryWorkersMethod);
    call.initParams().getContent().initAs<schema::Orchestrator::QueryWorkersParams>().initMessage();
    Bytes bytes;
    append(bytes, query);
    sendBytes(bytes);
    kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope);
    server->checkConnections();
  }
  settle();
  EXPECT_EQ(server->services().connections, 1u);
  EXPECT_THAT(whyClosed(), HasSubstr("does not read its answers"));
}

}  // namespace
}  // namespace holdfast::test
