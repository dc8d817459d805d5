// A controller that is reached by TLS, and what its clients say when it is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "client/client.h"
#include "client/lookup_client.h"
#include "daemon_process.h"
#include "tests/support/certificates.h"

namespace holdfast::test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

class NetworkTest : public DaemonTest {
 protected:
  NetworkTest()
      : authority(directory, "authority"),
        stranger(directory, "stranger"),
        own(authority.issue("localhost")) {}

  std::vector<std::string> tlsArguments(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--tls-cert", own.certificate, "--tls-key", own.key};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::string file(const std::string& name, const std::string& contents) const {
    std::ofstream(directory / name) << contents;
    return (directory / name).string();
  }
  // Of holdfast-ctl, against a controller that has TLS.
  std::string trusting(const Authority& whom) const {
    return "--tls-ca " + whom.file() + " --tls-server-name localhost ";
  }
  ClientSecurity security() const {
    ClientSecurity security;
    security.tlsCa = authority.file();
    security.tlsServerName = "localhost";
    return security;
  }
  CommandResult status(const DaemonProcess& daemon, const std::string& options) {
    return ctl(daemon.address(), options + "status");
  }

  const Authority authority;
  const Authority stranger;
  const CertificateFiles own;
};

TEST_F(NetworkTest, WorkersRoutersAndOperatorsSpeakTls) {
  const auto daemon = start(onDataDir(tlsArguments()));
  ClientThread thread;
  ClientOptions worker;
  worker.controller = daemon->address();
  worker.security = security();
  worker.instance = "llama-0";
  worker.locations = {{.name = "gpu"}};
  const auto client = Client::create(thread, worker);
  ASSERT_TRUE(client.ok());
  const std::vector<ChunkHash> chunks = {1, 2, 3};
  client.value()->admit(client.value()->location("gpu"), chunks);
  EXPECT_TRUE(client.value()->flush(60'000)) << client.value()->lastError();
  LookupClientOptions router;
  router.controller = daemon->address();
  router.security = security();
  router.timeoutMs = 60'000;
  LookupClient lookups(thread, router);
  const auto answer = lookups.lookup(chunks);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer.value().layouts.size(), 1u);
  const auto asked = status(*daemon, trusting(authority));
  EXPECT_EQ(asked.exitCode, 0) << asked.output;
  EXPECT_TRUE(client.value()->leave(60'000));
}

// What, where and what to do, without the words of a library.
TEST_F(NetworkTest, SaysWhyTlsFails) {
  const auto daemon = start(onDataDir(tlsArguments()));
  const auto says = [&](const std::string& options) {
    const auto asked = status(*daemon, options);
    EXPECT_EQ(asked.exitCode, 3) << asked.output;
    EXPECT_THAT(asked.output, Not(HasSubstr("OpenSSL")));
    EXPECT_THAT(asked.output, Not(HasSubstr("error:")));
    return asked.output;
  };
  EXPECT_THAT(says(trusting(stranger)), AllOf(HasSubstr("unknown authority"), HasSubstr("tls-ca")));
  EXPECT_THAT(says("--tls-ca " + authority.file() + " "),
              AllOf(HasSubstr("for another name"), HasSubstr("tls-server-name")));
  EXPECT_THAT(says("--tls-ca " + authority.file() + " --tls-server-name elsewhere "),
              HasSubstr("for another name"));
  EXPECT_THAT(says(""), HasSubstr("does it want TLS?"));
  EXPECT_THAT(says("--tls-ca /no/such/file "),
              HasSubstr("cannot read /no/such/file: No such file"));
  EXPECT_THAT(says("--tls-ca " + own.key + " "), HasSubstr("has no certificate"));
  EXPECT_THAT(says("--token-file /no/such/token " + trusting(authority)),
              HasSubstr("cannot read the token file /no/such/token"));
  const std::string line = file("line", "viewer grafana 0123456789abcdef\n");
  EXPECT_THAT(says("--token-file " + line + " " + trusting(authority)),
              HasSubstr("must have the token and nothing else"));
  EXPECT_TRUE(eventually([&]() {
    return daemon->log().find("does not speak TLS") != std::string::npos;
  })) << daemon->log();
}

TEST_F(NetworkTest, SaysThatTheControllersCertificateHasExpired) {
  authority.issue("localhost", -60);
  const auto daemon = start(onDataDir(tlsArguments()));
  EXPECT_THAT(daemon->log(), HasSubstr("has expired"));
  const auto asked = status(*daemon, trusting(authority));
  EXPECT_EQ(asked.exitCode, 3);
  EXPECT_THAT(asked.output, HasSubstr("its certificate has expired"));
}

TEST_F(NetworkTest, SaysThatAControllerDoesNotSpeakTls) {
  const auto daemon = start(onDataDir());
  const auto asked = status(*daemon, trusting(authority));
  EXPECT_EQ(asked.exitCode, 3);
  EXPECT_THAT(asked.output, HasSubstr("does it speak TLS?"));
  EXPECT_TRUE(eventually([&]() {
    return daemon->log().find("it speaks TLS, and this port does not") != std::string::npos;
  })) << daemon->log();
}

TEST_F(NetworkTest, AsksClientsForACertificate) {
  const auto daemon = start(onDataDir(tlsArguments({"--tls-client-ca", authority.file()})));
  const auto without = status(*daemon, trusting(authority));
  EXPECT_EQ(without.exitCode, 3);
  // It may be cut off before it has read why.
  const std::string cutOff = "it does not accept the certificate that was sent, or wants one";
  EXPECT_THAT(without.output,
              AnyOf(HasSubstr("it wants a certificate of its clients"), HasSubstr(cutOff)));
  const auto with = [&](const CertificateFiles& files) {
    return status(*daemon, trusting(authority) + "--tls-cert " + files.certificate + " --tls-key " +
                               files.key + " ");
  };
  EXPECT_EQ(with(authority.issue("operator")).exitCode, 0);
  const auto expired = with(authority.issue("late", -60));
  EXPECT_EQ(expired.exitCode, 3);
  EXPECT_THAT(expired.output, AnyOf(HasSubstr("has expired"), HasSubstr(cutOff)));
  EXPECT_EQ(with(stranger.issue("nobody")).exitCode, 3);
}

TEST_F(NetworkTest, UnixSocketsStayPlainAndHaveTheirMode) {
  DaemonStart what;
  what.arguments =
      tlsArguments({"--data-dir", dataDir(), "--listen", socketAddress(), "--socket-mode", "600"});
  const auto daemon = start(what);
  EXPECT_EQ(ctl(socketAddress(), "status").exitCode, 0);
  // Environments name an authority for all addresses.
  EXPECT_EQ(ctl(socketAddress(), trusting(authority) + "status").exitCode, 0);
  struct stat found {};
  ASSERT_EQ(stat((directory / "socket").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(NetworkTest, WrongFilesEndTheStartBeforeAnythingIsMade) {
  const auto refuses = [&](const std::vector<std::string>& arguments, const std::string& why) {
    EXPECT_EQ(exitCodeOf(onDataDir(arguments)), 4);
    EXPECT_THAT(lastLog(), HasSubstr(why));
  };
  refuses({"--tls-cert", "/no/such/cert", "--tls-key", own.key}, "cannot read /no/such/cert");
  refuses({"--tls-cert", own.certificate, "--tls-key", stranger.issue("other").key},
          "is not the key of the certificate");
  refuses({"--tls-cert", own.key, "--tls-key", own.key}, "has no certificate");
  refuses(tlsArguments({"--tls-client-ca", file("empty", "")}), "has no certificate");
  EXPECT_TRUE(std::filesystem::is_empty(dataDir()));
  EXPECT_EQ(exitCodeOf(onDataDir({"--tls-cert", own.certificate})), 2);
  EXPECT_THAT(lastLog(), HasSubstr("--tls-cert and --tls-key go together"));
  EXPECT_EQ(exitCodeOf(onDataDir({"--socket-mode", "rw"})), 2);
  EXPECT_THAT(lastLog(), HasSubstr("--socket-mode"));
}

TEST_F(NetworkTest, TheDataDirectoryIsForItsOwnerAlone) {
  const std::filesystem::path made = directory / "made" / "here";
  const auto daemon =
      start({.arguments = {"--data-dir", made.string(), "--create", "--listen", "127.0.0.1:0"},
             .environment = {}});
  struct stat found {};
  ASSERT_EQ(stat(made.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
  EXPECT_THAT(daemon->log(), Not(HasSubstr("other users")));
  std::filesystem::permissions(dataDir(), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_THAT(start(onDataDir())->log(), HasSubstr("other users of this machine may look into"));
}

}  // namespace
}  // namespace holdfast::test
