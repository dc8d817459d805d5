// Engines that publish what their prefix caches hold, and no model behind them: real sockets,
// vLLM's bytes and hashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "core/types.h"
#include "fleet/engines/event_publisher.h"
#include "fleet/engines/simulated_engine.h"

namespace holdfast::bench {

class EngineLoad {
 public:
  // As vLLM has it.
  static constexpr uint32_t kBlockTokens = 16;
  // That an engine computes in one step, and says in one message.
  static constexpr size_t kPromptBlocks = 32;
  static constexpr const char* kModel = "bench";

  explicit EngineLoad(uint32_t engines);

  // Binds all sockets. Empty, or what went wrong.
  std::string open();
  // The controller's configuration that names them all.
  std::string configuration() const;

  // The next engine in turn computes a prompt that nobody had, and publishes it. Its blocks, as
  // published, until the next call.
  const std::vector<ChunkHash>& publish();
  // Answers the replays that were asked for.
  void answer();

  // Of all engines: what they published, and what they were asked for again.
  uint64_t blocks() const { return blocks_; }
  fleet::PublisherCounts counts() const;
  uint32_t engines() const { return static_cast<uint32_t>(engines_.size()); }

 private:
  struct Engine {
    fleet::SimulatedEngine cache;
    fleet::EventPublisher publisher;
  };

  zmq::context_t context_;
  std::vector<std::unique_ptr<Engine>> engines_;
  size_t next_ = 0;
  uint64_t prompts_ = 0;
  uint64_t blocks_ = 0;
  std::vector<ChunkHash> prompt_;
  std::vector<ChunkHash> published_;
};

}  // namespace holdfast::bench
