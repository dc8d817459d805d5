#include "tests/support/free_ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <random>
#include <set>

namespace holdfast::test {
namespace {

// Linux gives those from 32768 on to connections.
constexpr uint16_t kFirst = 10'000;
constexpr uint16_t kLast = 32'767;

bool isFree(uint16_t port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const bool bound = bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return bound;
}

}  // namespace

std::vector<uint16_t> freePorts(size_t count) {
  static std::mutex mutex;
  static std::set<uint16_t> given;
  // Other tests that run at the same time begin elsewhere.
  static std::mt19937 random(std::random_device{}());
  const std::lock_guard lock(mutex);
  std::uniform_int_distribution<int> any(kFirst, kLast);
  std::vector<uint16_t> ports;
  while (ports.size() < count) {
    const auto port = static_cast<uint16_t>(any(random));
    if (!given.contains(port) && isFree(port)) {
      given.insert(port);
      ports.push_back(port);
    }
  }
  return ports;
}

}  // namespace holdfast::test
