// The sockets that LMCache's workers come to, on the thread of ZeroMQ: reads and decodes, hands
// batches to the controller's loop, and sends its answers.
//
// A batch is decoded while the loop takes the one before, and no further: what is not read waits in
// ZeroMQ's queues, then in the kernel's, then at the worker. So memory is bounded by two batches a
// channel, each of them ended by the first of the limits below that it reaches, and what ZeroMQ
// keeps of each connection (kQueuedPerPeer messages).
#pragma once

#include <kj/async.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "gateways/lmcache/inbound.h"
#include "gateways/zmq/peer_filter.h"
#include "gateways/zmq/socket.h"

namespace holdfast::lmcache {

struct Answer {
  Channel channel = Channel::kRequest;
  std::string identity;
  bool delimiter = false;
  std::string payload;
};

// Made, used and destroyed on the thread.
class Sockets {
 public:
  struct Options {
    std::array<std::string, kChannels> endpoints;  // "tcp://127.0.0.1:8300"; empty: none
    std::vector<gateways::AddressRange> allowed;   // none: all
  };
  // Called on the controller's loop. What it is given is valid until its promise is there, and the
  // channel's next batch follows then.
  using Take = std::function<kj::Promise<void>(const std::vector<Inbound>& batch)>;
  // Called on the controller's loop: how many connections were turned away since the last call, and
  // the address of one of them.
  using Refused = std::function<void(uint64_t connections, const std::string& address)>;

  // A batch ends with the message that reaches one of these.
  static constexpr size_t kBatchKeys = 16 << 10;
  static constexpr size_t kBatchMessages = 256;
  static constexpr size_t kBatchBytes = 1 << 20;
  static constexpr int kQueuedPerPeer = 256;

  Sockets(gateways::SocketLoop& loop, const Options& options);
  // Nothing is read yet, but whoever connects may: it waits. Once; after an error of one of them
  // these sockets are of no use. Nothing happens where the channel has no endpoint.
  std::optional<Error> bind(Channel channel);
  // As bound, with the port where 0 was asked for; empty: there is none.
  std::string boundTo(Channel channel) const;
  // From now on everything goes there. `controller`: of the loop that both functions run on.
  void begin(const kj::Executor& controller, Take take, Refused refused);
  void send(const std::vector<Answer>& answers);

 private:
  struct Way {
    std::unique_ptr<gateways::Socket> socket;
    // What was received last, of which `next` is the first part that is not decoded yet.
    std::vector<zmq::message_t> parts;
    size_t next = 0;
    Inbound from;
    std::vector<Inbound> filling;
    std::vector<Inbound> flying;
    kj::Promise<void> flight = kj::READY_NOW;
    kj::Promise<void> reading = nullptr;
  };

  kj::Promise<void> read(Channel channel);
  void fill(Channel channel);
  // Receives a message, if there is one, and tells its parts apart.
  bool receive(Channel channel);
  void turnedAway(std::string_view address);
  kj::Promise<void> tellRefused();
  Way& way(Channel channel) { return ways_[static_cast<size_t>(channel)]; }

  const Options options_;
  std::unique_ptr<gateways::PeerFilter> filter_;  // null: all may connect
  InboundReader reader_;
  kj::Own<const kj::Executor> controller_;
  Take take_;
  Refused refused_;
  uint64_t refusedCount_ = 0;  // that are not told yet
  std::string refusedLast_;
  bool telling_ = false;
  kj::Promise<void> told_ = kj::READY_NOW;
  std::array<Way, kChannels> ways_;
};

}  // namespace holdfast::lmcache
