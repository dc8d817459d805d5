#include "tests/support/relay.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <list>
#include <vector>

namespace holdfast::test {
namespace {

constexpr int kRoundMs = 2;
constexpr size_t kStepBytes = 16 << 10;

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int dial(const std::string& target) {
  if (target.starts_with("unix:")) {
    const int made = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, target.c_str() + 5, sizeof address.sun_path - 1);
    if (connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return made;
    close(made);
    return -1;
  }
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address =
      loopback(static_cast<uint16_t>(std::stoul(target.substr(target.rfind(':') + 1))));
  if (connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return made;
  close(made);
  return -1;
}

struct Pair {
  int client;
  int server;
  bool open = true;
};

// At most so many bytes; how many passed, nothing where the connection is over.
ssize_t pass(int from, int to, size_t most) {
  char buffer[kStepBytes];
  const ssize_t got = recv(from, buffer, std::min(most, sizeof buffer), 0);
  if (got <= 0) return -1;
  for (ssize_t put = 0; put < got;) {
    const ssize_t sent = send(to, buffer + put, static_cast<size_t>(got - put), MSG_NOSIGNAL);
    if (sent <= 0) return -1;
    put += sent;
  }
  return got;
}

}  // namespace

Relay::Relay(std::string target) : target_(std::move(target)) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this]() { run(); });
}

Relay::~Relay() {
  ending_ = true;
  thread_.join();
  close(listener_);
}

void Relay::hold() {
  held_ = true;
  // The round under way may have looked before.
  const uint64_t now = rounds_;
  while (rounds_ < now + 2) std::this_thread::yield();
}

void Relay::resume() {
  bytesMax_ = std::numeric_limits<uint64_t>::max();
  held_ = false;
}

void Relay::run() {
  std::list<Pair> pairs;
  for (; !ending_; ++rounds_) {
    const bool held = held_ || passed_ >= bytesMax_;
    std::vector<pollfd> polled = {{listener_, POLLIN, 0}};
    for (const Pair& pair : pairs) {
      polled.push_back({held ? -1 : pair.client, POLLIN, 0});
      polled.push_back({held ? -1 : pair.server, POLLIN, 0});
    }
    poll(polled.data(), polled.size(), kRoundMs);
    size_t at = 1;
    for (Pair& pair : pairs) {
      const bool fromClient = polled[at++].revents != 0;
      const bool fromServer = polled[at++].revents != 0;
      if (fromClient && pass(pair.client, pair.server, kStepBytes) < 0) pair.open = false;
      const uint64_t passed = passed_;
      if (!fromServer || !pair.open || passed >= bytesMax_) continue;
      const ssize_t got = pass(pair.server, pair.client, bytesMax_ - passed);
      if (got < 0) pair.open = false;
      if (got > 0) passed_ += static_cast<uint64_t>(got);
    }
    if ((polled[0].revents & POLLIN) != 0) {
      const int client = accept(listener_, nullptr, nullptr);
      const int server = dial(target_);
      if (client >= 0 && server >= 0) {
        pairs.push_back({client, server});
      } else {
        close(client);
        close(server);
      }
    }
    pairs.remove_if([](const Pair& pair) {
      if (pair.open) return false;
      close(pair.client);
      close(pair.server);
      return true;
    });
  }
  for (const Pair& pair : pairs) {
    close(pair.client);
    close(pair.server);
  }
}

}  // namespace holdfast::test
