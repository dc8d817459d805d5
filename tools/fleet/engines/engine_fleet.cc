#include "fleet/engines/engine_fleet.h"

#include <charconv>
#include <chrono>
#include <utility>

namespace holdfast::fleet {
namespace {

// As engines keep unless they are told otherwise (buffer_steps).
constexpr size_t kMessagesKept = 10'000;

// The endpoint of a number: "tcp://HOST:PORT" counts the port up, "ipc://PATH" gets a suffix.
std::string endpointOf(const std::string& base, size_t number) {
  const size_t colon = base.rfind(':');
  if (!base.starts_with("tcp://")) return base + "-" + std::to_string(number);
  const auto port = std::stoul(base.substr(colon + 1));
  return base.substr(0, colon + 1) + std::to_string(port + number);
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

EngineFleet::EngineFleet(const Options& options)
    : blockSize_(options.engines.blockSize),
      loseShare_(options.faults.drop),
      random_(options.seed),
      router_(options.workers()) {
  const size_t workers = options.workers();
  for (uint32_t instance = 0; instance < options.instances; ++instance) {
    for (uint32_t rank = 0; rank < options.ranks; ++rank) {
      const size_t number = engines_.size();
      engines_.push_back(std::unique_ptr<Engine>(new Engine{
          "engine-" + std::to_string(instance), rank,
          SimulatedEngine(*options.engines.kind, blockSize_, rank, options.capacity),
          EventPublisher(context_, endpointOf(options.engines.events, number),
                         endpointOf(options.engines.events, workers + number), kMessagesKept)}));
    }
  }
}

std::optional<Error> EngineFleet::open() {
  for (const auto& engine : engines_) {
    if (auto error = engine->publisher.open()) return error;
    if (std::string first = engine->cache.begin(now()); !first.empty()) {
      engine->publisher.publish(std::move(first), 0, false);
    }
  }
  return std::nullopt;
}

bool EngineFleet::loses() {
  return std::uniform_real_distribution<double>(0, 1)(random_) < loseShare_;
}

void EngineFleet::publish(Engine& engine, const SimulatedEngine::Published& message) {
  if (message.payload.empty()) return;
  stored_ += message.stored;
  removed_ += message.removed;
  engine.publisher.publish(message.payload, message.stored + message.removed, loses());
}

size_t EngineFleet::serve(std::span<const ChunkHash> prompt) {
  std::vector<PrefixHolder> holders;
  for (size_t i = 0; i < engines_.size(); ++i) {
    const size_t held = engines_[i]->cache.heldPrefix(prompt);
    if (held > 0) holders.push_back({i, held});
  }
  Engine& engine = *engines_[router_.byPrefix(holders, prompt.size())];
  const auto message = engine.cache.serve(prompt, now());
  publish(engine, message);
  return message.hits;
}

std::optional<Error> EngineFleet::restartOne() {
  Engine& engine = *engines_[random_() % engines_.size()];
  ++restarts_;
  engine.cache.restart();
  if (auto error = engine.publisher.restart()) return error;
  if (std::string first = engine.cache.begin(now()); !first.empty()) {
    engine.publisher.publish(std::move(first), 0, false);
  }
  return std::nullopt;
}

void EngineFleet::publishLast() {
  for (const auto& engine : engines_) {
    const ChunkHash chunk = random_();
    publish(*engine, engine->cache.serve({&chunk, 1}, now()));
  }
}

void EngineFleet::answer(int forMs) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(forMs);
  std::vector<zmq::pollitem_t> items;
  for (const auto& engine : engines_) {
    items.push_back({engine->publisher.replaySocket().handle(), 0, ZMQ_POLLIN, 0});
  }
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    zmq::poll(items, std::max(left, std::chrono::milliseconds(0)));
    for (size_t i = 0; i < items.size(); ++i) {
      if ((items[i].revents & ZMQ_POLLIN) != 0) engines_[i]->publisher.answer();
    }
    if (std::chrono::steady_clock::now() >= end) return;
  }
}

PublisherCounts EngineFleet::counts() const {
  PublisherCounts all;
  for (const auto& engine : engines_) all.add(engine->publisher.counts());
  return all;
}

}  // namespace holdfast::fleet
