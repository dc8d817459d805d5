// Bytes that no client sends, to the real daemon: the connection is closed, the process goes on.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

#include "client/client.h"
#include "client/lookup_client.h"
#include "daemon_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

class BadInputTest : public DaemonTest {
 protected:
  explicit BadInputTest(rlim_t files = 0) : daemon(start(withFiles(files))) {}

  DaemonStart withFiles(rlim_t files) const {
    DaemonStart what = onDataDir();
    what.files = files;
    return what;
  }

  int connectRaw() const {
    const std::string address = daemon->address();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
  }
  // Sends and waits until the other side has closed.
  bool isClosedAfter(const std::string& bytes) const {
    const int fd = connectRaw();
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), ssize_t(bytes.size()));
    char buffer[4096];
    ssize_t got = 0;
    while ((got = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
    }
    const bool closed = got == 0 || errno == ECONNRESET;
    close(fd);
    return closed;
  }

  std::unique_ptr<DaemonProcess> daemon;
};

TEST_F(BadInputTest, MalformedFramesCloseTheConnection) {
  EXPECT_TRUE(isClosedAfter("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_TRUE(isClosedAfter(std::string("\xff\x01\0\0\0\0\0\0", 8)));
  EXPECT_TRUE(isClosedAfter(std::string("\0\0\0\0\x01\0\x80\0", 8)));
  EXPECT_TRUE(eventually([&]() {
    return daemon->log().find("more than 64 KiB before it authenticated") != std::string::npos;
  })) << daemon->log();
  EXPECT_EQ(ctl(daemon->address(), "status").exitCode, 0);
}

TEST_F(BadInputTest, SurvivesNoiseAndCutConnections) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 300; ++i) {
    const int fd = connectRaw();
    std::string bytes(random() % 200, '\0');
    for (char& byte : bytes) byte = random() % 3 == 0 ? static_cast<char>(random()) : '\0';
    if (bytes.size() >= 8) bytes.replace(0, 8, std::string("\0\0\0\0\x08\0\0\0", 8));
    send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    close(fd);
  }
  EXPECT_EQ(ctl(daemon->address(), "status").exitCode, 0);
  EXPECT_TRUE(eventually([&]() { return statusNumber(daemon->address(), "connections") == 1; }));
}

TEST_F(BadInputTest, RefusesIdsThatAreNone) {
  ClientThread thread;
  for (const std::string& id : {std::string("a\nb"), std::string("\xff")}) {
    LookupClient asker(thread, {.controller = daemon->address()});
    const auto answer = asker.queryWorkers(id);
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(answer.error().message, HasSubstr("instance id"));
  }
  // Nobody of that name.
  LookupClient asker(thread, {.controller = daemon->address()});
  const auto unknown = asker.queryWorkers("nobody", {7});
  ASSERT_TRUE(unknown.ok());
  EXPECT_TRUE(unknown.value().empty());
  EXPECT_EQ(ctl(daemon->address(), "workers --instance nobody").exitCode, 1);
}

TEST_F(BadInputTest, NewerProcessOfARankSupersedesTheOlder) {
  ClientThread thread;
  const ClientOptions options{.controller = daemon->address(),
                              .instance = "llama \"70b\"/a",
                              .worker = 3,
                              .ip = "10.0.0.1",
                              .port = 1,
                              .peerUrl = {},
                              .model = {},
                              .worldSize = 4,
                              .hashing = {},
                              .locations = {{.name = "gpu", .contents = {}}}};
  Client older(thread, options);
  ASSERT_TRUE(eventually([&]() { return older.state() == ClientState::kRegistered; }));
  Client newer(thread, options);
  ASSERT_TRUE(eventually([&]() { return older.state() == ClientState::kSuperseded; }));
  older.admit(older.location("gpu"), std::vector<ChunkHash>{1, 2, 3});
  newer.admit(newer.location("gpu"), std::vector<ChunkHash>{4});
  ASSERT_TRUE(newer.flush(60'000));
  EXPECT_EQ(statusNumber(daemon->address(), "memberships"), 1u);
}

TEST_F(BadInputTest, RefusesWorkersThatHashDifferently) {
  ClientThread thread;
  Client client(thread, {.controller = daemon->address(),
                         .instance = "llama",
                         .worker = 0,
                         .ip = {},
                         .port = 0,
                         .peerUrl = {},
                         .model = {},
                         .worldSize = 1,
                         .hashing = ClientHashing{.chunkSize = 17},
                         .locations = {{.name = "gpu", .contents = {}}}});
  EXPECT_TRUE(eventually([&]() { return client.state() == ClientState::kRefused; }));
}

class FewFilesTest : public BadInputTest {
 protected:
  FewFilesTest() : BadInputTest(128) {}
};

// More connections than descriptors, and none of them says anything.
TEST_F(FewFilesTest, TheSilentMakeRoomForThoseWhoSpeak) {
  std::vector<int> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(connectRaw());
  EXPECT_EQ(ctl(daemon->address(), "status").exitCode, 0) << daemon->log();
  ClientThread thread;
  ClientOptions options;
  options.controller = daemon->address();
  options.instance = "llama";
  options.locations = {{.name = "gpu", .contents = {}}};
  Client worker(thread, options);
  worker.admit(worker.location("gpu"), std::vector<ChunkHash>{1, 2, 3});
  EXPECT_TRUE(worker.flush(60'000)) << "a new worker needs files of the store";
  for (const int fd : silent) close(fd);
  const std::string log = daemon->log();
  const size_t first = log.find("connections that never said anything");
  EXPECT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("connections that never said anything", first + 1), std::string::npos) << log;
}

}  // namespace
}  // namespace holdfast::test
