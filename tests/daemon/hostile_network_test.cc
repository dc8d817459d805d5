// Crowds of hostile peers against a real controller: what it holds for them is bounded, and
// look-ups go on meanwhile.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "client/lookup_client.h"
#include "daemon_process.h"
#include "tests/support/rpc_messages.h"

namespace holdfast::test {
namespace {

constexpr size_t kMiBytes = 1 << 20;
constexpr size_t kPeerMemory = 128 * kMiBytes;
// What a connection costs beside what it holds: its RPC system and its buffers.
constexpr size_t kConnectionBytes = 64 << 10;
// Of the allocator, which gives back late.
constexpr size_t kSlack = 64 * kMiBytes;
// The thread sanitizer keeps four words beside each word that was used.
#if defined(__SANITIZE_THREAD__)
constexpr size_t kBesideMemory = 5;
#else
constexpr size_t kBesideMemory = 1;
#endif

using Wire = std::string;

class HostileNetworkTest : public DaemonTest {
 protected:
  HostileNetworkTest() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    // The controller leaves half to its store.
    crowd = std::min<size_t>(10'000, (files.rlim_cur - 200) / 2 - 100);
    daemon = start(onDataDir({"--peer-memory", "128MiB", "--connections-per-address", "20000"}));
    LookupClientOptions options;
    options.controller = daemon->address();
    options.timeoutMs = static_cast<uint32_t>(kPatience.count()) * 1'000;
    lookups = std::make_unique<LookupClient>(thread, options);
    expectLookup();
    before = resident();
  }
  ~HostileNetworkTest() override {
    for (const int fd : sockets) close(fd);
  }

  void expectLookup() {
    const auto answer = lookups->lookup({1, 2, 3});
    EXPECT_TRUE(answer.ok()) << answer.error().message << daemon->log();
  }
  size_t resident() const {
    std::ifstream statm("/proc/" + std::to_string(daemon->pid()) + "/statm");
    size_t total = 0;
    size_t pages = 0;
    statm >> total >> pages;
    return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  }
  // The bound that holds whatever the peers do.
  void expectBounded() const {
    const size_t grown = resident() - std::min(resident(), before);
    const size_t held = kPeerMemory + sockets.size() * kConnectionBytes + kSlack;
    EXPECT_LE(grown, kBesideMemory * held);
  }

  int connectOne() {
    const std::string address = daemon->address();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    sockets.push_back(fd);
    return fd;
  }
  // As much as the other side takes now.
  static size_t push(int fd, std::string_view bytes) {
    const ssize_t taken = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return taken > 0 ? static_cast<size_t>(taken) : 0;
  }

  ClientThread thread;
  size_t crowd = 0;
  std::unique_ptr<DaemonProcess> daemon;
  std::unique_ptr<LookupClient> lookups;
  std::vector<int> sockets;
  size_t before = 0;  // bytes resident
};

TEST_F(HostileNetworkTest, HalfOpenConnections) {
  for (size_t i = 0; i < crowd; ++i) {
    connectOne();
    if (i % 1'000 == 0) expectLookup();
  }
  expectLookup();
  expectBounded();
}

TEST_F(HostileNetworkTest, SlowLoris) {
  const Wire greeting = bootstrapMessage() + authenticateMessage(1);
  for (size_t i = 0; i < 1'000; ++i) connectOne();
  for (size_t byte = 0; byte < greeting.size(); ++byte) {
    for (const int fd : sockets) push(fd, greeting.substr(byte, 1));
    if (byte % 16 == 0) expectLookup();
  }
  expectLookup();
  expectBounded();
}

TEST_F(HostileNetworkTest, PartsOfLargeMessages) {
  const uint32_t header[2] = {0, 63 * kMiBytes / 8};
  // Strangers may not send that much.
  const Wire begin = bootstrapMessage() + authenticateMessage(1) +
                     Wire(reinterpret_cast<const char*>(header), sizeof(header));
  for (size_t i = 0; i < 100; ++i) push(connectOne(), begin);
  const std::string zeros(256 << 10, '\0');
  // 20 MiB of each would be 2 GiB.
  for (int round = 0; round < 80; ++round) {
    for (const int fd : sockets) push(fd, zeros);
    if (round % 10 == 0) {
      expectLookup();
      expectBounded();
    }
  }
  expectLookup();
  expectBounded();
  EXPECT_TRUE(eventually([&]() {
    return daemon->log().find("all peers together hold too much") != std::string::npos;
  })) << daemon->log();
}

// Every question stays open in the protocol: those cost something, and end with the connection.
TEST_F(HostileNetworkTest, AuthenticatingWithoutAFinish) {
  const int fd = connectOne();
  Wire wire = bootstrapMessage();
  char sink[64 << 10];
  for (uint32_t question = 1; question <= 20'000; ++question) {
    wire += authenticateMessage(question);
    if (wire.size() < (32 << 10)) continue;
    const size_t taken = push(fd, wire);
    wire.erase(0, taken);
    while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0) {
    }
    if (question % 1'000 == 0) expectLookup();
  }
  expectLookup();
  expectBounded();
}

TEST_F(HostileNetworkTest, AClientThatNeverReads) {
  const int fd = connectOne();
  Wire wire = bootstrapMessage();
  push(fd, wire);
  for (uint32_t question = 1; question <= 20'000; ++question)
    push(fd, authenticateMessage(question));
  expectLookup();
  expectBounded();
}

TEST_F(HostileNetworkTest, ConnectionStorms) {
  for (int round = 0; round < 5; ++round) {
    for (size_t i = 0; i < 400; ++i) push(connectOne(), bootstrapMessage());
    for (const int fd : sockets) close(fd);
    sockets.clear();
    expectLookup();
  }
  EXPECT_TRUE(eventually([&]() { return statusNumber(daemon->address(), "connections") <= 2; }));
  expectBounded();
}

}  // namespace
}  // namespace holdfast::test
