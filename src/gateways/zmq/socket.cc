#include "gateways/zmq/socket.h"

#include <utility>

namespace holdfast::gateways {
namespace {

Error refused(std::string_view what, const std::string& endpoint, const zmq::error_t& why) {
  const bool malformed =
      why.num() == EINVAL || why.num() == EPROTONOSUPPORT || why.num() == ENOCOMPATPROTO;
  const std::string reason =
      why.num() == EADDRINUSE
          ? "it is in use; another process listens there: stop it or choose another port"
      : why.num() == EADDRNOTAVAIL || why.num() == ENODEV ? "this machine has no such address"
                                                          : why.what();
  return {malformed ? ErrorCode::kInvalid : ErrorCode::kUnavailable,
          "cannot " + std::string(what) + " " + endpoint + ": " + reason};
}

}  // namespace

// ZeroMQ's descriptor only says that something may have changed, and says it once: after each call
// on the socket its events have to be asked for again.
Socket::Socket(SocketLoop& loop, zmq::socket_type type, size_t messageBytesMax)
    : socket_(loop.context, type),
      observer_(loop.port, socket_.get(zmq::sockopt::fd),
                kj::UnixEventPort::FdObserver::OBSERVE_READ) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(messageBytesMax));
  watching_ = watch().eagerlyEvaluate(nullptr);
}

Socket::~Socket() = default;

std::optional<Error> Socket::bind(const std::string& endpoint) {
  try {
    socket_.bind(endpoint);
  } catch (const zmq::error_t& why) {
    return refused("listen on", endpoint, why);
  }
  return std::nullopt;
}

std::optional<Error> Socket::connect(const std::string& endpoint) {
  try {
    socket_.connect(endpoint);
  } catch (const zmq::error_t& why) {
    return refused("connect to", endpoint, why);
  }
  wakeReader();
  return std::nullopt;
}

std::string Socket::boundTo() const {
  std::string endpoint = socket_.get(zmq::sockopt::last_endpoint);
  // A socket that could be one of IPv6 names addresses of IPv4 in its own way, which others who
  // are told them need not understand.
  constexpr std::string_view kMapped = "tcp://[::ffff:";
  if (!endpoint.starts_with(kMapped) || endpoint.find('.') == std::string::npos) return endpoint;
  endpoint.erase(endpoint.find(']'), 1);
  return "tcp://" + endpoint.substr(kMapped.size());
}

bool Socket::receive(std::vector<zmq::message_t>& parts) {
  parts.clear();
  while (true) {
    zmq::message_t part;
    // Parts of a message arrive together: only the first can be missing.
    if (!socket_.recv(part, zmq::recv_flags::dontwait)) return false;
    const bool more = part.more();
    parts.push_back(std::move(part));
    if (!more) return true;
  }
}

bool Socket::send(std::span<const std::string_view> parts) {
  bool sent = true;
  try {
    for (size_t i = 0; sent && i < parts.size(); ++i) {
      const auto more = i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
      sent = socket_.send(zmq::buffer(parts[i]), more | zmq::send_flags::dontwait).has_value();
    }
  } catch (const zmq::error_t&) {
    sent = false;  // a ROUTER's peer is gone, a REQ waits for its answer
  }
  wakeReader();
  return sent;
}

kj::Promise<void> Socket::readable() {
  if (hasInput()) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  reader_ = kj::mv(paf.fulfiller);
  return kj::mv(paf.promise);
}

bool Socket::hasInput() {
  return (socket_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0;
}

void Socket::wakeReader() {
  KJ_IF_MAYBE (reader, reader_) {
    if (!hasInput()) return;
    (*reader)->fulfill();
    reader_ = nullptr;
  }
}

kj::Promise<void> Socket::watch() {
  return observer_.whenBecomesReadable().then([this]() {
    wakeReader();
    return watch();
  });
}

}  // namespace holdfast::gateways
