// The sockets of one engine rank, as vLLM and SGLang have them: a PUB socket that numbers its
// messages from 0, and a ROUTER socket that sends again what is still kept of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "core/result.h"

namespace holdfast::fleet {

struct PublisherCounts {
  uint64_t published = 0;       // messages, lost ones too
  uint64_t lost = 0;            // of these not sent, only kept
  uint64_t replays = 0;         // that were asked for
  uint64_t replayed = 0;        // messages sent again
  uint64_t replayedBlocks = 0;  // stored and removed by those

  void add(const PublisherCounts& other);
};

class EventPublisher {
 public:
  // `kept`: messages that can be sent again. The context outlives it.
  EventPublisher(zmq::context_t& context, std::string endpoint, std::string replayEndpoint,
                 size_t kept);

  // Binds both; "tcp://HOST:*" takes a free port, and keeps it. An error names the endpoint that
  // cannot be had.
  std::optional<Error> open();
  // A new process: it numbers from 0 and has kept nothing.
  std::optional<Error> restart();

  // `blocks`: that it is about. `lose`: it is kept, but not sent.
  void publish(std::string payload, size_t blocks, bool lose);
  // Answers every replay that was asked for.
  void answer();

  const std::string& endpoint() const { return endpoint_; }
  const std::string& replayEndpoint() const { return replayEndpoint_; }
  zmq::socket_t& replaySocket() { return replay_; }
  const PublisherCounts& counts() const { return counts_; }

 private:
  struct Kept {
    uint64_t seq;
    std::string payload;
    size_t blocks;
  };
  void send(zmq::message_t& peer, uint64_t seq, const std::string& topic,
            const std::string& payload);

  zmq::context_t& context_;
  std::string endpoint_;
  std::string replayEndpoint_;
  const size_t keptMax_;
  zmq::socket_t publish_;
  zmq::socket_t replay_;
  uint64_t nextSeq_ = 0;
  std::deque<Kept> kept_;
  PublisherCounts counts_;
};

}  // namespace holdfast::fleet
