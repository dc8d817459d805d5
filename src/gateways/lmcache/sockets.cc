#include "gateways/lmcache/sockets.h"

#include <utility>

namespace holdfast::lmcache {
namespace {

zmq::socket_type typeOf(Channel channel) {
  return channel == Channel::kPush ? zmq::socket_type::pull : zmq::socket_type::router;
}

}  // namespace

Sockets::Sockets(gateways::SocketLoop& loop, const Options& options) : options_(options) {
  if (!options.allowed.empty()) {
    filter_ = std::make_unique<gateways::PeerFilter>(
        loop, options.allowed, [this](std::string_view address) { turnedAway(address); });
  }
  for (size_t i = 0; i < kChannels; ++i) {
    if (options.endpoints[i].empty()) continue;
    auto socket = std::make_unique<gateways::Socket>(loop, typeOf(static_cast<Channel>(i)),
                                                     Decoder::kPayloadBytesMax);
    socket->raw().set(zmq::sockopt::rcvhwm, kQueuedPerPeer);
    if (filter_ != nullptr) gateways::PeerFilter::guard(*socket);
    ways_[i].socket = std::move(socket);
  }
}

std::optional<Error> Sockets::bind(Channel channel) {
  const auto& socket = way(channel).socket;
  if (socket == nullptr) return std::nullopt;
  return socket->bind(options_.endpoints[static_cast<size_t>(channel)]);
}

std::string Sockets::boundTo(Channel channel) const {
  const auto& socket = ways_[static_cast<size_t>(channel)].socket;
  return socket == nullptr ? std::string() : socket->boundTo();
}

void Sockets::begin(const kj::Executor& controller, Take take, Refused refused) {
  controller_ = controller.addRef();
  take_ = std::move(take);
  refused_ = std::move(refused);
  for (size_t i = 0; i < kChannels; ++i) {
    if (ways_[i].socket == nullptr) continue;
    ways_[i].reading = read(static_cast<Channel>(i)).eagerlyEvaluate(nullptr);
  }
  // Of those that came before.
  told_ = tellRefused().eagerlyEvaluate(nullptr);
}

// Decodes while the batch before is in flight, and waits for that before it sends the next one off.
kj::Promise<void> Sockets::read(Channel channel) {
  Way& its = way(channel);
  const bool left = its.next < its.parts.size();
  kj::Promise<void> something = left ? kj::Promise<void>(kj::READY_NOW) : its.socket->readable();
  return something.then([this, channel, &its]() {
    fill(channel);
    if (its.filling.empty()) return read(channel);
    return kj::mv(its.flight).then([this, channel, &its]() {
      std::swap(its.flying, its.filling);
      its.filling.clear();
      its.flight = controller_->executeAsync([this, &its]() { return take_(its.flying); })
                       .eagerlyEvaluate(nullptr);
      return read(channel);
    });
  });
}

void Sockets::fill(Channel channel) {
  Way& its = way(channel);
  size_t bytes = 0;
  size_t keys = 0;
  size_t counted = 0;
  while (bytes < kBatchBytes && keys < kBatchKeys && its.filling.size() < kBatchMessages) {
    if (its.next == its.parts.size() && !receive(channel)) return;
    if (its.next == its.parts.size()) continue;
    const std::string_view payload = its.parts[its.next++].to_string_view();
    bytes += payload.size();
    reader_.read(payload, its.from, its.filling);
    for (; counted < its.filling.size(); ++counted) keys += its.filling[counted].keys.size();
  }
}

// Pushed: a message a part. Asked: [identity, "", message...], the empty part being optional.
bool Sockets::receive(Channel channel) {
  Way& its = way(channel);
  its.next = 0;
  if (!its.socket->receive(its.parts)) return false;
  its.from.channel = channel;
  if (channel == Channel::kPush) return true;
  its.from.identity = its.parts[its.next++].to_string();
  its.from.delimiter = its.parts.size() > its.next && its.parts[its.next].empty();
  if (its.from.delimiter) ++its.next;
  if (its.next == its.parts.size()) {
    its.filling.emplace_back(its.from).error = "a request without a message";
  }
  return true;
}

void Sockets::turnedAway(std::string_view address) {
  ++refusedCount_;
  refusedLast_ = address;
  if (controller_.get() != nullptr && !telling_) {
    told_ = tellRefused().eagerlyEvaluate(nullptr);
  }
}

// Until all that came meanwhile is told.
kj::Promise<void> Sockets::tellRefused() {
  telling_ = refusedCount_ != 0;
  if (!telling_) return kj::READY_NOW;
  return controller_
      ->executeAsync([this, count = std::exchange(refusedCount_, 0), last = refusedLast_]() {
        refused_(count, last);
      })
      .then([this]() { return tellRefused(); });
}

void Sockets::send(const std::vector<Answer>& answers) {
  for (const Answer& answer : answers) {
    std::vector<std::string_view> parts = {answer.identity};
    if (answer.delimiter) parts.emplace_back();
    parts.emplace_back(answer.payload);
    way(answer.channel).socket->send(parts);
  }
}

}  // namespace holdfast::lmcache
