// All simulated engines, their sockets, and what is drawn from the seed to befall them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "core/result.h"
#include "fleet/engines/event_publisher.h"
#include "fleet/engines/simulated_engine.h"
#include "fleet/options.h"
#include "fleet/router.h"

namespace holdfast::fleet {

class EngineFleet {
 public:
  explicit EngineFleet(const Options& options);

  // Binds all sockets, and has the engines begin.
  std::optional<Error> open();

  struct Engine {
    std::string instance;
    uint32_t rank = 0;
    SimulatedEngine cache;
    EventPublisher publisher;
  };
  const std::vector<std::unique_ptr<Engine>>& engines() const { return engines_; }

  // The engine that holds the most of the prompt uses it and publishes what that changed. Returns
  // the hits.
  size_t serve(std::span<const ChunkHash> prompt);
  // A random engine's process is another one, its cache empty.
  std::optional<Error> restartOne();
  // Everything is sent from now on.
  void stopLosing() { loseShare_ = 0; }
  // So that whoever misses the last message of an engine notices: each publishes one more.
  void publishLast();

  // Answers replays, for so long.
  void answer(int forMs);

  uint64_t stored() const { return stored_; }
  uint64_t removed() const { return removed_; }
  uint64_t restarts() const { return restarts_; }
  PublisherCounts counts() const;

 private:
  bool loses();
  void publish(Engine& engine, const SimulatedEngine::Published& message);

  const uint32_t blockSize_;
  double loseShare_;
  std::mt19937_64 random_;
  zmq::context_t context_;
  std::vector<std::unique_ptr<Engine>> engines_;
  Router router_;
  uint64_t stored_ = 0;
  uint64_t removed_ = 0;
  uint64_t restarts_ = 0;
};

}  // namespace holdfast::fleet
