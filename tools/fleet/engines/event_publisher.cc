#include "fleet/engines/event_publisher.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast::fleet {
namespace {

const std::string kTopic = "kv-events";
// As engines have it.
constexpr int kHighWaterMark = 100'000;

std::string bigEndian(uint64_t value) {
  std::string text(8, '\0');
  for (size_t i = 0; i < 8; ++i) text[i] = static_cast<char>(value >> (56 - 8 * i));
  return text;
}

uint64_t fromBigEndian(const zmq::message_t& message) {
  uint64_t value = 0;
  for (size_t i = 0; i < message.size(); ++i) {
    value = value << 8 | static_cast<const unsigned char*>(message.data())[i];
  }
  return value;
}

// ZeroMQ gives up the address of a socket that was closed a little later, on a thread of its own.
void bindTo(zmq::socket_t& socket, const std::string& endpoint) {
  constexpr int kTries = 200;
  constexpr auto kPause = std::chrono::milliseconds(10);
  socket.set(zmq::sockopt::linger, 0);
  for (int i = 1;; ++i) {
    try {
      socket.bind(endpoint);
      return;
    } catch (const zmq::error_t& why) {
      if (why.num() != EADDRINUSE || i == kTries) throw;
      std::this_thread::sleep_for(kPause);
    }
  }
}

}  // namespace

void PublisherCounts::add(const PublisherCounts& other) {
  published += other.published;
  lost += other.lost;
  replays += other.replays;
  replayed += other.replayed;
  replayedBlocks += other.replayedBlocks;
}

EventPublisher::EventPublisher(zmq::context_t& context, std::string endpoint,
                               std::string replayEndpoint, size_t kept)
    : context_(context),
      endpoint_(std::move(endpoint)),
      replayEndpoint_(std::move(replayEndpoint)),
      keptMax_(kept) {}

std::optional<Error> EventPublisher::open() {
  const std::string* at = &endpoint_;
  try {
    publish_ = zmq::socket_t(context_, zmq::socket_type::pub);
    publish_.set(zmq::sockopt::sndhwm, kHighWaterMark);
    bindTo(publish_, endpoint_);
    endpoint_ = publish_.get(zmq::sockopt::last_endpoint);
    at = &replayEndpoint_;
    replay_ = zmq::socket_t(context_, zmq::socket_type::router);
    replay_.set(zmq::sockopt::sndhwm, 0);
    bindTo(replay_, replayEndpoint_);
    replayEndpoint_ = replay_.get(zmq::sockopt::last_endpoint);
  } catch (const zmq::error_t& why) {
    return Error{ErrorCode::kUnavailable, "cannot publish on " + *at + ": " + why.what()};
  }
  return std::nullopt;
}

std::optional<Error> EventPublisher::restart() {
  publish_.close();
  replay_.close();
  nextSeq_ = 0;
  kept_.clear();
  return open();
}

void EventPublisher::publish(std::string payload, size_t blocks, bool lose) {
  const uint64_t seq = nextSeq_++;
  ++counts_.published;
  if (lose) {
    ++counts_.lost;
  } else {
    const std::string number = bigEndian(seq);
    publish_.send(zmq::buffer(kTopic), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    publish_.send(zmq::buffer(number), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    publish_.send(zmq::buffer(payload), zmq::send_flags::dontwait);
  }
  kept_.push_back({seq, std::move(payload), blocks});
  if (kept_.size() > keptMax_) kept_.pop_front();
}

void EventPublisher::answer() {
  while (true) {
    std::vector<zmq::message_t> parts;
    do {
      zmq::message_t part;
      if (!replay_.recv(part, zmq::recv_flags::dontwait)) return;
      parts.push_back(std::move(part));
    } while (parts.back().more());
    // The peer, an empty delimiter, and where to begin: what else comes is not answered.
    if (parts.size() != 3 || !parts[1].empty()) continue;
    ++counts_.replays;
    const uint64_t from = fromBigEndian(parts[2]);
    for (const Kept& kept : kept_) {
      if (kept.seq < from) continue;
      ++counts_.replayed;
      counts_.replayedBlocks += kept.blocks;
      send(parts[0], kept.seq, kTopic, kept.payload);
    }
    send(parts[0], UINT64_MAX, {}, {});
  }
}

void EventPublisher::send(zmq::message_t& peer, uint64_t seq, const std::string& topic,
                          const std::string& payload) {
  const std::string number = bigEndian(seq);
  const std::string empty;
  const std::array<const std::string*, 4> parts = {&empty, &topic, &number, &payload};
  zmq::message_t to(peer.data(), peer.size());
  try {
    replay_.send(to, zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto more = i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
      replay_.send(zmq::buffer(*parts[i]), more | zmq::send_flags::dontwait);
    }
  } catch (const zmq::error_t&) {
    // Whoever asked is gone.
  }
}

}  // namespace holdfast::fleet
