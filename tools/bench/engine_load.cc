#include "bench/engine_load.h"

#include <optional>

#include "core/result.h"

namespace holdfast::bench {
namespace {

// No block of these runs is ever evicted.
constexpr size_t kCacheBlocks = size_t{1} << 30;
// Messages that an engine can send again: vLLM's default.
constexpr size_t kKept = 10'000;

constexpr const char* kAnyPort = "tcp://127.0.0.1:*";

}  // namespace

EngineLoad::EngineLoad(uint32_t engines) {
  // Two for each engine, and those that the library has itself.
  context_.set(zmq::ctxopt::max_sockets, static_cast<int>(2 * engines + 64));
  for (uint32_t i = 0; i < engines; ++i) {
    engines_.push_back(std::unique_ptr<Engine>(
        new Engine{.cache = {fleet::EngineKind::kVllm, kBlockTokens, 0, kCacheBlocks},
                   .publisher = {context_, kAnyPort, kAnyPort, kKept}}));
  }
}

std::string EngineLoad::open() {
  for (const auto& engine : engines_) {
    if (const std::optional<Error> error = engine->publisher.open()) return error->message;
  }
  return {};
}

std::string EngineLoad::configuration() const {
  std::string text;
  for (size_t i = 0; i < engines_.size(); ++i) {
    const fleet::EventPublisher& publisher = engines_[i]->publisher;
    text += "[[engine]]\ninstance = \"engine-" + std::to_string(i) + "\"\nendpoint = \"" +
            publisher.endpoint() + "\"\nreplay = \"" + publisher.replayEndpoint() +
            "\"\nmodel = \"" + kModel + "\"\n";
  }
  return text;
}

const std::vector<ChunkHash>& EngineLoad::publish() {
  Engine& engine = *engines_[next_];
  next_ = (next_ + 1) % engines_.size();
  prompt_.clear();
  for (uint64_t i = 0; i < kPromptBlocks; ++i) {
    prompt_.push_back(splitmix64Finalise(prompts_ * kPromptBlocks + i));
  }
  ++prompts_;
  fleet::SimulatedEngine::Published message = engine.cache.serve(prompt_, 0);
  engine.publisher.publish(std::move(message.payload), message.stored, false);
  blocks_ += message.stored;
  published_.clear();
  for (const ChunkHash chunk : prompt_) {
    published_.push_back(engine.cache.publishedHash(chunk).value_or(0));
  }
  return published_;
}

void EngineLoad::answer() {
  for (const auto& engine : engines_) engine->publisher.answer();
}

fleet::PublisherCounts EngineLoad::counts() const {
  fleet::PublisherCounts counts;
  for (const auto& engine : engines_) counts.add(engine->publisher.counts());
  return counts;
}

}  // namespace holdfast::bench
