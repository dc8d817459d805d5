// One ZeroMQ socket on the loop of a SocketThread.
#pragma once

#include <kj/async-unix.h>
#include <kj/async.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "core/result.h"
#include "gateways/zmq/socket_thread.h"

namespace holdfast::gateways {

// On the loop's thread. Calls never block.
class Socket {
 public:
  // Nothing that is unsent holds up the end; a message of a peer above `messageBytesMax` ends that
  // peer's connection. Other options by raw(), before bind() or connect().
  Socket(SocketLoop& loop, zmq::socket_type type, size_t messageBytesMax);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  zmq::socket_t& raw() { return socket_; }

  // "tcp://HOST:PORT" or "ipc://PATH". kInvalid for what is no endpoint, kUnavailable if the
  // address cannot be had; the text names the endpoint.
  std::optional<Error> bind(const std::string& endpoint);
  std::optional<Error> connect(const std::string& endpoint);
  // The endpoint that bind() took, with its port where it asked for 0.
  std::string boundTo() const;

  // Receives a whole message, its parts replacing `parts`. False: there is none now.
  bool receive(std::vector<zmq::message_t>& parts);
  // Sends a whole message, copying it. False: dropped, because the peer is gone or takes nothing.
  bool send(std::span<const std::string_view> parts);

  // Resolves when receive() may have something. One at a time; ends with the socket.
  kj::Promise<void> readable();

 private:
  bool hasInput();
  void wakeReader();
  kj::Promise<void> watch();

  zmq::socket_t socket_;
  kj::UnixEventPort::FdObserver observer_;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> reader_;
  kj::Promise<void> watching_ = nullptr;
};

}  // namespace holdfast::gateways
