#include "gateways/zmq/connection_events.h"

#include <atomic>
#include <cstring>
#include <string>
#include <vector>

namespace holdfast::gateways {
namespace {

constexpr size_t kEventBytesMax = 1 << 12;

// Names are the context's: no two monitors have the same one.
std::string nextName() {
  static std::atomic<uint64_t> last{0};
  return "inproc://connections-" + std::to_string(++last);
}

}  // namespace

ConnectionEvents::ConnectionEvents(SocketLoop& loop)
    : events_(loop, zmq::socket_type::pair, kEventBytesMax) {}

ConnectionEvents::~ConnectionEvents() {
  if (watched_ != nullptr) zmq_socket_monitor(watched_->raw().handle(), nullptr, 0);
}

std::optional<Error> ConnectionEvents::watch(Socket& socket) {
  const std::string name = nextName();
  if (zmq_socket_monitor(socket.raw().handle(), name.c_str(),
                         ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0) {
    return Error{ErrorCode::kUnavailable,
                 std::string("cannot watch a socket: ") + zmq_strerror(zmq_errno())};
  }
  watched_ = &socket;
  return events_.connect(name);
}

// Frames of (event, value) and endpoint.
std::optional<ConnectionEvent> ConnectionEvents::next() {
  std::vector<zmq::message_t> parts;
  while (events_.receive(parts)) {
    uint16_t event = 0;
    if (parts.front().size() < sizeof event) continue;
    std::memcpy(&event, parts.front().data(), sizeof event);
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) return ConnectionEvent::kConnected;
    if (event == ZMQ_EVENT_DISCONNECTED) return ConnectionEvent::kDisconnected;
  }
  return std::nullopt;
}

}  // namespace holdfast::gateways
