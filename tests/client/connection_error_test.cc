// What people read when a connection cannot be made or breaks: what and where, no library's words.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "client/controller_address.h"
#include "client/lookup_client.h"
#include "fake_controller.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::Not;

// A port that takes connections, as the kernel does for a process that is stopped, or none.
class SilentPort {
 public:
  explicit SilentPort(bool listens) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_, generic, size), 0);
    if (listens) {
      EXPECT_EQ(listen(fd_, 16), 0);
    }
    EXPECT_EQ(getsockname(fd_, generic, &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~SilentPort() { close(fd_); }
  const std::string& address() const { return address_; }

 private:
  const int fd_;
  std::string address_;
};

// Asks until the answer says `expected`: a slow machine may not get that far before the time-out.
std::string whyNotReached(const std::string& address, const std::string& expected) {
  ClientThread thread;
  LookupClient client(
      thread, {.controller = address, .timeoutMs = 100, .backoffMinMs = 1, .backoffMaxMs = 10});
  std::string why;
  EXPECT_TRUE(eventually([&] {
    const auto answer = client.lookup({1});
    why = answer.ok() ? "it was" : answer.error().message;
    return why.find(expected) != std::string::npos;
  })) << why;
  return why;
}

void expectForPeople(const std::string& message, const std::string& address) {
  EXPECT_THAT(message, HasSubstr(address));
  for (const char* raw : {"()", "(fd", "segment", "expected", "gai_", "params", "DNS", "remote exc",
                          "Peer disc", "operation timed", "c++"}) {
    EXPECT_THAT(message, Not(HasSubstr(raw)));
  }
}

TEST(ConnectionError, NobodyListens) {
  const SilentPort port(false);
  const std::string why =
      whyNotReached(port.address(), "connection refused; is holdfastd running there?");
  expectForPeople(why, port.address());
  const std::string unixSocket = "unix:/tmp/no such socket";
  const std::string whyUnix = whyNotReached(unixSocket, "no such file");
  expectForPeople(whyUnix, unixSocket);
}

TEST(ConnectionError, ANameThatDoesNotResolve) {
  // Too long a label, so that no name server is asked.
  const std::string address = std::string(70, 'x') + ".invalid:7440";
  const std::string why = whyNotReached(address, "name cannot be resolved");
  expectForPeople(why, address);
}

TEST(ConnectionError, AControllerThatIsStopped) {
  const SilentPort port(true);
  const std::string why = whyNotReached(port.address(), "accepts connections but does not answer");
  expectForPeople(why, port.address());
}

TEST(ConnectionError, AnotherServerListens) {
  FakeController other;
  for (const std::string& says :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("SSH-2.0-OpenSSH_9.2\r\n"),
        std::string(64, '\xFF')}) {
    other.speakGarbage(says);
    const std::string why = whyNotReached(other.address(), "is no controller");
    expectForPeople(why, other.address());
  }
}

TEST(ConnectionError, AddressesAreCheckedBeforeAnythingIsConnected) {
  for (const char* good : {"127.0.0.1:7440", "[::1]:7440", "[fe80::1%eth0]:1", "localhost:65535",
                           "unix:/run/holdfast.sock", "a-b.example.org:80"}) {
    EXPECT_EQ(invalidControllerAddress(good), std::nullopt) << good;
  }
  for (const char* bad : {"", "127.0.0.1", "localhost", "[::1]", "::1", "::1:7440", ":7440",
                          "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:http",
                          "127.0.0.1:-1", "http://a:7440", "unix:", "*:7440", "a b:7440",
                          "127.0.0.1:7440\n", "[]:1", "[localhost]:7440"}) {
    const auto wrong = invalidControllerAddress(bad);
    ASSERT_TRUE(wrong) << bad;
    EXPECT_THAT(*wrong, HasSubstr("address of the controller"));
  }
  EXPECT_THAT(*invalidControllerAddress("unix:" + std::string(108, 'x')), HasSubstr("108 bytes"));
  EXPECT_THAT(*invalidControllerAddress("10.0.0.7"), HasSubstr("has no port"));
}

}  // namespace
}  // namespace holdfast
