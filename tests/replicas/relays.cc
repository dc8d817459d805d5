#include "tests/replicas/relays.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace holdfast::test {
namespace {

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// The end of the connection is a reset and not an orderly one.
void closeHard(int socket) {
  const linger none{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close(socket);
}

void sendAtOnce(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// -1: nobody is there. Never waits.
int connected(const std::string& path, uint16_t port) {
  constexpr int kType = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  int opened = -1;
  int result = 0;
  if (path.empty()) {
    opened = socket(AF_INET, kType, 0);
    sendAtOnce(opened);
    const sockaddr_in address = loopback(port);
    result = connect(opened, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } else {
    opened = socket(AF_UNIX, kType, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    result = connect(opened, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  if (result == 0 || errno == EINPROGRESS) return opened;
  close(opened);
  return -1;
}

bool mayBeTriedAgain() {
  return errno == EAGAIN || errno == EINTR;
}

}  // namespace

Relays::Relays() : wakeup_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), thread_([this] { run(); }) {}

Relays::~Relays() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  thread_.join();
  for (const auto& relay : relays_) {
    for (const auto& connection : relay->connections) reset(*connection);
    close(relay->listener);
  }
  close(wakeup_);
}

size_t Relays::toSocket(const std::string& path) {
  return add(path, 0);
}

size_t Relays::toPort(uint16_t port) {
  return add({}, port);
}

size_t Relays::add(std::string socketPath, uint16_t targetPort) {
  auto relay = std::make_unique<Relay>();
  relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(relay->listener, any, size) != 0 || listen(relay->listener, 64) != 0 ||
      getsockname(relay->listener, any, &size) != 0) {
    std::abort();
  }
  relay->port = ntohs(address.sin_port);
  relay->socketPath = std::move(socketPath);
  relay->targetPort = targetPort;
  const std::lock_guard lock(mutex_);
  relays_.push_back(std::move(relay));
  wake();
  return relays_.size() - 1;
}

uint16_t Relays::port(size_t relay) const {
  const std::lock_guard lock(mutex_);
  return relays_[relay]->port;
}

void Relays::set(size_t relay, Wire wire) {
  const std::lock_guard lock(mutex_);
  relays_[relay]->wire = wire;
  if (wire == Wire::kReset) {
    for (const auto& connection : relays_[relay]->connections) reset(*connection);
  }
  wake();
}

void Relays::wake() const {
  const uint64_t one = 1;
  // It is awake already where that fails.
  [[maybe_unused]] const ssize_t written = write(wakeup_, &one, sizeof one);
}

void Relays::reset(Connection& connection) {
  for (int& end : connection.ends) {
    if (end != -1) closeHard(std::exchange(end, -1));
  }
  connection.over = true;
}

void Relays::accept(Relay& relay) {
  const int near = accept4(relay.listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (near == -1) return;
  const int far = relay.wire == Wire::kReset ? -1 : connected(relay.socketPath, relay.targetPort);
  if (far == -1) return closeHard(near);
  sendAtOnce(near);
  relay.connections.push_back(std::make_unique<Connection>());
  relay.connections.back()->ends = {near, far};
}

// Whatever can be read from one end and written to the other without waiting.
void Relays::pass(Connection& connection, size_t from) {
  Buffer& buffer = connection.buffers[from];
  if (!buffer.ended && buffer.begin == buffer.end) {
    const ssize_t got = recv(connection.ends[from], buffer.bytes.data(), buffer.bytes.size(), 0);
    if (got < 0 && !mayBeTriedAgain()) return reset(connection);
    buffer.ended = got == 0;
    buffer.begin = 0;
    buffer.end = static_cast<size_t>(std::max<ssize_t>(got, 0));
  }
  if (buffer.begin < buffer.end) {
    const ssize_t sent = send(connection.ends[1 - from], buffer.bytes.data() + buffer.begin,
                              buffer.end - buffer.begin, MSG_NOSIGNAL);
    if (sent < 0 && !mayBeTriedAgain()) return reset(connection);
    buffer.begin += static_cast<size_t>(std::max<ssize_t>(sent, 0));
  }
  if (!buffer.ended || buffer.begin < buffer.end) return;
  // None of those who talk here goes on when the other one has ended.
  for (int& end : connection.ends) close(std::exchange(end, -1));
  connection.over = true;
}

void Relays::run() {
  std::vector<pollfd> polled;
  std::vector<Relay*> listeners;
  std::vector<std::pair<Connection*, size_t>> ends;
  for (;;) {
    polled.assign({{.fd = wakeup_, .events = POLLIN, .revents = 0}});
    listeners.clear();
    ends.clear();
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
      for (const auto& relay : relays_) {
        std::erase_if(relay->connections, [](const auto& one) { return one->over; });
        if (relay->wire == Wire::kSilent) continue;
        listeners.push_back(relay.get());
        polled.push_back({.fd = relay->listener, .events = POLLIN, .revents = 0});
      }
      for (const Relay* relay : listeners) {
        for (const auto& connection : relay->connections) {
          for (const size_t from : {size_t{0}, size_t{1}}) {
            const Buffer& buffer = connection->buffers[from];
            const bool waits = buffer.begin < buffer.end;
            ends.emplace_back(connection.get(), from);
            polled.push_back({.fd = connection->ends[waits ? 1 - from : from],
                              .events = static_cast<int16_t>(waits ? POLLOUT : POLLIN),
                              .revents = 0});
          }
        }
      }
    }
    if (poll(polled.data(), polled.size(), -1) < 0) continue;
    uint64_t woken = 0;
    [[maybe_unused]] const ssize_t taken = read(wakeup_, &woken, sizeof woken);
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < listeners.size(); ++i) {
      if (polled[1 + i].revents != 0 && listeners[i]->wire != Wire::kSilent) accept(*listeners[i]);
    }
    // What was cut meanwhile is over, or passes once more what was on its way.
    for (size_t i = 0; i < ends.size(); ++i) {
      const auto [connection, from] = ends[i];
      if (polled[1 + listeners.size() + i].revents != 0 && !connection->over) {
        pass(*connection, from);
      }
    }
  }
}

}  // namespace holdfast::test
