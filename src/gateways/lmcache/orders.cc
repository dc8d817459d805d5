#include "gateways/lmcache/orders.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "gateways/lmcache/decoder.h"
#include "gateways/lmcache/order_turns.h"
#include "gateways/zmq/connection_events.h"
#include "gateways/zmq/socket.h"

namespace holdfast::lmcache {
namespace {

// A worker whose machine is gone does not say so: it is asked that often whether it is there, and
// its connection ends when it has not said so for that long. ZeroMQ answers this by itself, however
// busy the worker is.
constexpr int kAliveEveryMs = 5'000;
constexpr int kAliveWithinMs = 15'000;

kj::Own<OrderAnswer> ended(OrderAnswer::End end, std::string why) {
  auto answer = kj::heap<OrderAnswer>();
  answer->end = end;
  answer->text = std::move(why);
  return answer;
}

std::string seconds(kj::Duration duration) {
  return std::to_string(duration / kj::SECONDS) + " s";
}

}  // namespace

Result<std::string> endpointOf(std::string_view ip, uint32_t port) {
  const std::string text(ip);
  in6_addr address{};
  if (port == 0 || port > 65'535) {
    return Error{ErrorCode::kInvalid, "port " + std::to_string(port) + " is none to connect to"};
  }
  const std::string end = ":" + std::to_string(port);
  if (inet_pton(AF_INET, text.c_str(), &address) == 1) return "tcp://" + text + end;
  // A scope, as in fe80::1%eth0, is ZeroMQ's to understand.
  const std::string plain = text.substr(0, text.find('%'));
  const bool scopeIsPlain =
      std::all_of(text.begin() + static_cast<ptrdiff_t>(plain.size()), text.end(),
                  [](char c) { return c == '%' || c == '.' || c == '-' || std::isalnum(c) != 0; });
  if (inet_pton(AF_INET6, plain.c_str(), &address) == 1 && scopeIsPlain) {
    return "tcp://[" + text + "]" + end;
  }
  return Error{ErrorCode::kInvalid, quotedForPeople(ip) +
                                        " is no IP address: orders go to addresses, no name is "
                                        "resolved"};
}

class Orders::Sender {
  class Attempt;

 public:
  explicit Sender(gateways::SocketLoop& loop)
      : loop_(loop), turns_({kPerWorkerMax, kUnderWayMax, kBytesUnderWayMax}) {}

  kj::Promise<kj::Own<OrderAnswer>> send(std::string endpoint, Encode encode, kj::Duration timeout);

 private:
  struct Order;

  gateways::SocketLoop& loop_;
  Decoder decoder_;
  OrderTurns turns_;
};

// One order's sockets, on the socket thread.
class Orders::Sender::Attempt {
 public:
  Attempt(gateways::SocketLoop& loop, Decoder& decoder, std::string endpoint)
      : timer_(loop.timer),
        decoder_(decoder),
        endpoint_(std::move(endpoint)),
        socket_(loop, zmq::socket_type::req, Decoder::kPayloadBytesMax),
        events_(loop) {
    socket_.raw().set(zmq::sockopt::heartbeat_ivl, kAliveEveryMs);
    socket_.raw().set(zmq::sockopt::heartbeat_timeout, kAliveWithinMs);
  }

  // `payload` outlives the promise.
  kj::Promise<kj::Own<OrderAnswer>> send(const std::string& payload) {
    if (auto error = connect()) return ended(OrderAnswer::End::kNotSent, error->message);
    return happens(gateways::ConnectionEvent::kConnected)
        .then([]() { return true; })
        .exclusiveJoin(timer_.afterDelay(Orders::kReachedWithin).then([]() { return false; }))
        .then([this, &payload](bool reached) -> kj::Promise<kj::Own<OrderAnswer>> {
          if (!reached) return late(Orders::kReachedWithin);
          const std::string_view part = payload;
          sent_ = true;
          if (!socket_.send({&part, 1})) return hungUp();
          return socket_.readable()
              .exclusiveJoin(happens(gateways::ConnectionEvent::kDisconnected))
              .then([this]() { return read(); });
        });
  }
  // What to say when so much time has passed.
  kj::Own<OrderAnswer> late(kj::Duration after) const {
    if (sent_) {
      return ended(OrderAnswer::End::kNoAnswer, "no answer within " + seconds(after));
    }
    return ended(OrderAnswer::End::kNotSent,
                 "nobody listened at " + endpoint_ + " within " + seconds(after));
  }

 private:
  std::optional<Error> connect() {
    if (auto error = events_.watch(socket_)) return error;
    return socket_.connect(endpoint_);
  }

  kj::Promise<void> happens(gateways::ConnectionEvent event) {
    while (const auto happened = events_.next()) {
      if (*happened == event) return kj::READY_NOW;
    }
    return events_.readable().then([this, event]() { return happens(event); });
  }

  kj::Own<OrderAnswer> hungUp() const {
    return ended(OrderAnswer::End::kNoAnswer,
                 "the connection to " + endpoint_ + " ended before it answered");
  }

  // The answer, or it hung up; both may be.
  kj::Own<OrderAnswer> read() {
    std::vector<zmq::message_t> parts;
    if (!socket_.receive(parts)) return hungUp();
    const auto decoded = decoder_.decode(parts.back().to_string_view());
    if (!decoded.ok()) {
      return ended(OrderAnswer::End::kUnreadable,
                   "its answer cannot be read: " + decoded.error().message);
    }
    const Message& message = *decoded.value();
    auto answer = ended(OrderAnswer::End::kAnswered,
                        std::string(message.text.substr(0, Orders::kTextBytesMax)));
    answer->type = message.type;
    answer->tokens = message.tokens;
    answer->errorCode = message.errorCode;
    return answer;
  }

  kj::Timer& timer_;
  Decoder& decoder_;
  const std::string endpoint_;
  gateways::Socket socket_;
  gateways::ConnectionEvents events_;
  bool sent_ = false;
};

struct Orders::Sender::Order {
  Order(OrderTurns& turns, const std::string& worker) : place(turns, worker) {}

  OrderTurns::Place place;
  std::string payload;
  std::optional<Attempt> attempt;
};

kj::Promise<kj::Own<OrderAnswer>> Orders::Sender::send(std::string endpoint, Encode encode,
                                                       kj::Duration timeout) {
  if (turns_.isFull(endpoint)) {
    return ended(OrderAnswer::End::kNotSent,
                 std::to_string(kPerWorkerMax) + " orders to " + endpoint + " wait already");
  }
  auto order = kj::heap<Order>(turns_, endpoint);
  Order& it = *order;
  auto answer = it.place.turn().then(
      [this, &it, endpoint = std::move(endpoint), encode = std::move(encode)]() mutable {
        it.payload = encode();
        it.place.weighs(it.payload.size());
        return it.attempt.emplace(loop_, decoder_, std::move(endpoint)).send(it.payload);
      });
  auto late = loop_.timer.afterDelay(timeout).then([&it, timeout]() {
    if (!it.attempt) {
      return ended(OrderAnswer::End::kNotSent, "its turn did not come within " + seconds(timeout));
    }
    return it.attempt->late(timeout);
  });
  return answer.exclusiveJoin(kj::mv(late)).attach(kj::mv(order));
}

Orders::Orders(gateways::SocketThread& thread) : thread_(thread), sender_(thread.make<Sender>()) {}

Orders::~Orders() {
  thread_.destroy(sender_);
}

kj::Promise<kj::Own<OrderAnswer>> Orders::send(std::string endpoint, Encode encode,
                                               kj::Duration timeout) {
  return thread_.executor().executeAsync([sender = sender_.get(), endpoint = std::move(endpoint),
                                          encode = std::move(encode), timeout]() mutable {
    return sender->send(std::move(endpoint), std::move(encode), timeout);
  });
}

}  // namespace holdfast::lmcache
