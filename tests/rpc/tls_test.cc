// TLS at the RPC door: real handshakes over real sockets, with certificates of the test's own.
#include "net/tls.h"

#include <kj/compat/tls.h>
#include <sys/socket.h>

#include <optional>

#include "client/prepared_security.h"
#include "core/notice.h"
#include "server_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

struct TlsOfTest {
  explicit TlsOfTest(bool asksClients)
      : authority(scratch, "authority"),
        stranger(scratch, "stranger"),
        files{authority.issue("localhost").certificate, (scratch / "localhost.key").string(),
              asksClients ? authority.file() : ""},
        tls(std::move(ServerTls::open(files).value())) {}

  const Scratch directory;
  const std::filesystem::path scratch = directory.path();
  const Authority authority;
  const Authority stranger;  // another one, which nobody trusts
  const TlsFiles files;
  const std::unique_ptr<ServerTls> tls;
};

class TlsServerTest : private TlsOfTest, public ServerTest {
 protected:
  explicit TlsServerTest(bool asksClients = false, ServerOptions options = {})
      : TlsOfTest(asksClients), ServerTest(withTls(options, *tls)) {
    const auto names = server->listen("127.0.0.1:0");
    EXPECT_TRUE(names.ok());
    port = names.value().front();
  }

  static ServerOptions withTls(ServerOptions options, const ServerTls& tls) {
    options.tls = &tls;
    return options;
  }
  using TlsOfTest::authority;
  using TlsOfTest::files;
  using TlsOfTest::scratch;
  using TlsOfTest::stranger;
  using TlsOfTest::tls;

  ClientSecurity trusting(const Authority& whom) const {
    ClientSecurity security;
    security.tlsCa = whom.file();
    security.tlsServerName = "localhost";
    return security;
  }
  ClientSecurity with(const CertificateFiles& own) const {
    ClientSecurity security = trusting(authority);
    security.tlsCert = own.certificate;
    security.tlsKey = own.key;
    return security;
  }

  kj::Own<kj::AsyncIoStream> connectPlainly() {
    return await(await(io.provider->getNetwork().parseAddress(port.c_str()))->connect());
  }
  // A look-up by TLS: what is wrong, or nothing.
  std::string lookUp(const ClientSecurity& security) {
    auto prepared = PreparedSecurity::read(security, port);
    if (!prepared.ok()) return prepared.error().message;
    try {
      auto stream = await(prepared.value().secure(connectPlainly()));
      capnp::TwoPartyClient client(*stream);
      auto granted =
          await(client.bootstrap().castAs<schema::Bootstrap>().authenticateRequest().send());
      auto request = granted.getOrchestrator().lookupRequest();
      request.initMessage().initHashes(1);
      await(request.send());
    } catch (const kj::Exception& e) {
      return e.getDescription().cStr();
    }
    return {};
  }
  // What the server said after it closed a connection on which these bytes came.
  std::string whyClosedAfter(kj::AsyncIoStream& stream, std::string_view bytes) {
    notices.all.clear();
    stream.write(bytes.data(), bytes.size()).wait(io.waitScope);
    char sink[256];
    while (await(stream.tryRead(sink, 1, sizeof(sink))) != 0) {
    }
    settle();
    return notices.count<notice::ConnectionClosed>() == 0 ? "" : whyClosed();
  }
  uint64_t ended(ConnectionEnd end) const { return server->services().ends.of(end); }

  std::string port;
};

constexpr std::string_view kClientHello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);

TEST_F(TlsServerTest, AnswersByTls) {
  EXPECT_EQ(lookUp(trusting(authority)), "");
  EXPECT_EQ(server->services().lookups.count(), 1u);
  settle();
  EXPECT_EQ(ended(ConnectionEnd::kPeerLeft), 1u);
  EXPECT_TRUE(notices.all.empty()) << testing::PrintToString(fieldsOf(notices.all));
}

TEST_F(TlsServerTest, KeepsLargeMessagesWhole) {
  auto prepared = PreparedSecurity::read(trusting(authority), port);
  auto stream = await(prepared.value().secure(connectPlainly()));
  capnp::TwoPartyClient client(*stream);
  auto granted = await(client.bootstrap().castAs<schema::Bootstrap>().authenticateRequest().send());
  auto request = granted.getOrchestrator().lookupRequest();
  request.initMessage().initTokens(4 << 20);
  EXPECT_EQ(await(request.send()).getAnswer().getLayoutInfo().size(), 0u);
}

TEST_F(TlsServerTest, UnixSocketsStayPlain) {
  const auto peer = connect();
  EXPECT_EQ(lookup(*peer, {1}).size(), 0u);
}

TEST_F(TlsServerTest, PlaintextIsClosedWithAClearLine) {
  auto stream = connectPlainly();
  EXPECT_THAT(whyClosedAfter(*stream, std::string_view("\0\0\0\0\3\0\0\0", 8)),
              HasSubstr("does not speak TLS"));
  EXPECT_EQ(ended(ConnectionEnd::kPlaintext), 1u);
  auto http = connectPlainly();
  EXPECT_THAT(whyClosedAfter(*http, "GET / HTTP/1.1\r\n\r\n"), HasSubstr("does not speak TLS"));
}

TEST_F(ServerTest, TlsOnAPlainPortIsClosedWithAClearLine) {
  auto stream = connectRaw();
  stream->write(kClientHello.data(), kClientHello.size()).wait(io.waitScope);
  settle();
  EXPECT_THAT(whyClosed(), HasSubstr("it speaks TLS, and this port does not"));
  EXPECT_EQ(server->services().ends.of(ConnectionEnd::kTlsOnPlain), 1u);
}

TEST_F(TlsServerTest, ABrokenHandshakeIsClosed) {
  auto stream = connectPlainly();
  std::string bytes(64, '\xff');
  bytes.replace(0, 5, std::string("\x16\x03\x01\x00\x20", 5));
  EXPECT_THAT(whyClosedAfter(*stream, bytes), HasSubstr("TLS handshake failed"));
  EXPECT_EQ(ended(ConnectionEnd::kHandshake), 1u);
}

TEST_F(TlsServerTest, ClientsRefuseWhoTheyDoNotTrust) {
  EXPECT_THAT(lookUp(trusting(stranger)), HasSubstr("certificate is not trusted"));
  ClientSecurity otherName = trusting(authority);
  otherName.tlsServerName = "elsewhere";
  EXPECT_THAT(lookUp(otherName), HasSubstr("mismatch"));
  EXPECT_EQ(lookUp(trusting(authority)), "");
}

TEST_F(TlsServerTest, ReloadTakesTheNewOneAndAnErrorChangesNothing) {
  std::filesystem::rename(files.key, scratch / "away");
  const auto missing = tls->reload();
  ASSERT_TRUE(missing);
  EXPECT_THAT(missing->message, HasSubstr(files.key));
  EXPECT_EQ(lookUp(trusting(authority)), "");
  std::filesystem::rename(scratch / "away", files.key);

  std::filesystem::copy_file(stranger.issue("other").certificate, files.certificate,
                             std::filesystem::copy_options::overwrite_existing);
  const auto notIts = tls->reload();
  ASSERT_TRUE(notIts);
  EXPECT_THAT(notIts->message, HasSubstr("is not the key of the certificate"));
  EXPECT_EQ(lookUp(trusting(authority)), "");

  stranger.issue("localhost");
  EXPECT_FALSE(tls->reload());
  EXPECT_THAT(lookUp(trusting(authority)), HasSubstr("not trusted"));
  EXPECT_EQ(lookUp(trusting(stranger)), "");
}

TEST_F(TlsServerTest, WarnsOfWhatIsWrongWithTheFiles) {
  EXPECT_TRUE(tls->warnings().empty());
  std::filesystem::permissions(files.key, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  ASSERT_EQ(tls->warnings().size(), 1u);
  EXPECT_THAT(tls->warnings()[0], HasSubstr("can read the private key"));
  authority.issue("localhost", -60);
  ASSERT_EQ(tls->warnings().size(), 1u);
  EXPECT_THAT(tls->warnings()[0], HasSubstr("has expired"));
  authority.issue("localhost", 3 * 86'400 + 3'600);
  EXPECT_THAT(tls->warnings().at(0), HasSubstr("expires in 3 days"));
}

class ImpatientTlsServerTest : public TlsServerTest {
 protected:
  static ServerOptions impatient() {
    ServerOptions options;
    options.handshakeTimeoutMs = 1;
    return options;
  }
  ImpatientTlsServerTest() : TlsServerTest(false, impatient()) {}
};

TEST_F(ImpatientTlsServerTest, AHandshakeHasADeadline) {
  auto stream = connectPlainly();
  EXPECT_THAT(whyClosedAfter(*stream, kClientHello), HasSubstr("did not end its TLS handshake"));
  EXPECT_EQ(ended(ConnectionEnd::kHandshake), 1u);
}

class AskingTlsServerTest : public TlsServerTest {
 protected:
  AskingTlsServerTest() : TlsServerTest(true) {}
};

TEST_F(AskingTlsServerTest, LetsInWhoHasACertificate) {
  EXPECT_EQ(lookUp(with(authority.issue("router-7"))), "");
}

TEST_F(AskingTlsServerTest, RefusesWhoHasNoneOrAWrongOne) {
  EXPECT_THAT(lookUp(trusting(authority)), HasSubstr("certificate required"));
  settle();
  EXPECT_THAT(whyClosed(), HasSubstr("it sent no certificate"));
  EXPECT_NE(lookUp(with(authority.issue("late", -60))), "");
  settle();
  EXPECT_THAT(whyClosed(), HasSubstr("has expired, or is not of an authority"));
  EXPECT_NE(lookUp(with(stranger.issue("nobody"))), "");
  settle();
  EXPECT_EQ(ended(ConnectionEnd::kHandshake), 3u);
  EXPECT_EQ(server->services().lookups.count(), 0u);
}

TEST_F(AskingTlsServerTest, KnowsTheNameInTheCertificate) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  Services& services = server->services();
  const DoorSockets door{.port = io.unixEventPort,
                         .turns = turns,
                         .budget = services.budget,
                         .held = services.held,
                         .tls = tls.get(),
                         .handshakeTimeout = 60 * kj::SECONDS};
  auto ready = makeReady(AcceptedSocket{.fd = kj::AutoCloseFd(ends[0]),
                                        .notBefore = kj::systemPreciseMonotonicClock().now()},
                         door);
  auto prepared = PreparedSecurity::read(with(authority.issue("router-7")), port);
  auto secured = prepared.value().secure(
      io.lowLevelProvider->wrapSocketFd(ends[1], kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP));
  EXPECT_EQ(await(kj::mv(ready)).certificate, "router-7");
  EXPECT_EQ(services.held.total(), 0u);
  await(kj::mv(secured));
}

}  // namespace
}  // namespace holdfast::test
