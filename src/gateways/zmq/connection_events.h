// What becomes of the connections of a socket, as ZeroMQ's monitor tells it.
#pragma once

#include <kj/async.h>

#include <cstdint>
#include <optional>

#include "gateways/zmq/socket.h"

namespace holdfast::gateways {

enum class ConnectionEvent : uint8_t {
  kConnected,  // a peer is there, and its handshake is over
  kDisconnected,
};

// On the loop's thread. ZeroMQ tells them before anything that comes over the connection can be
// received.
class ConnectionEvents {
 public:
  explicit ConnectionEvents(SocketLoop& loop);
  ~ConnectionEvents();
  ConnectionEvents(const ConnectionEvents&) = delete;
  ConnectionEvents& operator=(const ConnectionEvents&) = delete;

  // From now on those of this socket, which outlives it; once, before its bind() or connect().
  // kUnavailable if there can be no more sockets.
  std::optional<Error> watch(Socket& socket);
  // The next one; nothing: there is none now.
  std::optional<ConnectionEvent> next();
  // As Socket::readable().
  kj::Promise<void> readable() { return events_.readable(); }

 private:
  Socket events_;
  Socket* watched_ = nullptr;
};

}  // namespace holdfast::gateways
