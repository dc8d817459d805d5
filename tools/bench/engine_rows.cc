// KV events of engines: what decoding them costs, and what they are like at a controller.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/engine_load.h"
#include "bench/steady_lookups.h"
#include "bench/temporary_directory.h"
#include "client/lookup_client.h"
#include "fleet/engines/engine_wire.h"
#include "gateways/engine_events/decoder.h"

namespace holdfast::bench {
namespace {

constexpr uint32_t kEngines = 64;
constexpr double kBlocksPerSecond = 10'000;  // of all of them

// --- The decoder ---

// A message of vLLM: one run of blocks, with the tokens in them or without.
std::string storedMessage(bool withTokens) {
  std::vector<uint64_t> hashes(EngineLoad::kPromptBlocks);
  for (size_t i = 0; i < hashes.size(); ++i) hashes[i] = splitmix64Finalise(i);
  std::vector<uint32_t> tokens;
  if (withTokens) {
    for (size_t i = 0; i < hashes.size(); ++i) {
      fleet::appendTokens(hashes[i], EngineLoad::kBlockTokens, tokens);
    }
  }
  fleet::BatchEncoder encoder(fleet::EngineKind::kVllm, EngineLoad::kBlockTokens, 0);
  encoder.stored({.parent = splitmix64Finalise(1'000), .hashes = hashes, .tokens = tokens});
  return encoder.finish(0);
}

RunResult decodeRate(const RunOptions& run, bool withTokens) {
  const std::string message = storedMessage(withTokens);
  const uint64_t messages = run.size(withTokens ? 200'000 : 1'000'000, 1'000);
  engines::Batch batch;
  engines::Details details;
  const Stopwatch watch;
  for (uint64_t i = 0; i < messages; ++i) {
    if (const auto error = engines::decode(message, batch)) return failed(error->message);
    if (withTokens && !engines::detailsOf(batch.events.front(), details)) {
      return failed("a message is not understood");
    }
  }
  const double blocks = static_cast<double>(messages * EngineLoad::kPromptBlocks);
  return {.value = blocks / watch.seconds() / 1e6,
          .note = std::to_string(message.size() / EngineLoad::kPromptBlocks) + " B a block",
          .error = {}};
}

// --- At a controller ---

// A controller that reads the streams of engines.
class EngineFleet {
 public:
  EngineFleet() : load(kEngines), daemon({"--config", configurationFile()}) {}

  // Empty, or what went wrong: all engines are connected, and each has published once.
  std::string begin() {
    if (std::string error = load.open(); !error.empty()) return error;
    std::ofstream(configurationFile()) << load.configuration();
    if (std::string error = daemon.start(); !error.empty()) return error;
    elsewhere([&] { thread_ = std::make_unique<ClientThread>(); });
    LookupClientOptions options;
    options.controller = daemon.address();
    client_ = std::make_unique<LookupClient>(*thread_, std::move(options));
    for (uint32_t i = 0; i < kEngines; ++i) load.publish();
    return arrived();
  }
  // What was published is in the index and on the disk. What a socket that was not connected yet
  // has missed is asked for again when the next message shows it.
  std::string arrived() {
    for (int second = 0; second < 120; ++second) {
      for (int look = 0; look < 1'000; ++look) {
        load.answer();
        const auto status = client_->status();
        if (status.ok() && status.value().memberships == load.blocks() &&
            status.value().committed) {
          return {};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      for (uint32_t i = 0; i < kEngines; ++i) load.publish();
    }
    return "not every block arrived";
  }
  // All publish for so long, at the rate of the rows.
  void publishFor(std::chrono::duration<double> time,
                  const std::function<void(const std::vector<ChunkHash>&)>& published) {
    const auto begin = std::chrono::steady_clock::now();
    const std::chrono::duration<double> step(EngineLoad::kPromptBlocks / kBlocksPerSecond);
    for (uint64_t i = 0; i * step < time; ++i) {
      std::this_thread::sleep_until(begin +
                                    std::chrono::duration_cast<std::chrono::nanoseconds>(i * step));
      published(load.publish());
      load.answer();
    }
  }
  LookupClient& client() { return *client_; }

 private:
  std::string configurationFile() const { return directory_.path() + "/engines.toml"; }

  TemporaryDirectory directory_;

 public:
  EngineLoad load;
  DaemonProcess daemon;

 private:
  std::unique_ptr<ClientThread> thread_;
  std::unique_ptr<LookupClient> client_;
};

// Looks one published prompt up again and again until it is found, then takes the next.
class Lag {
 public:
  explicit Lag(LookupClient& client) : client_(client) {}
  ~Lag() {
    eventually([&] { return !looking_; });
  }

  // Takes the prompt, unless it still looks for another one.
  void published(const std::vector<ChunkHash>& prompt) {
    if (looking_.exchange(true)) return;
    prompt_ = prompt;
    watch_ = {};
    look();
  }
  bool done() const { return !looking_; }
  // Of those that were found, in milliseconds. Only when done.
  std::vector<double> milliseconds() const { return lags_; }

 private:
  void look() {
    LookupOptions options;
    options.model = EngineLoad::kModel;
    client_.lookup(prompt_, std::move(options), [this](const Result<LookupAnswer>& answer) {
      if (!answer.ok() || answer.value().layouts.empty() ||
          answer.value().layouts.front().matchedChunks < prompt_.size()) {
        return look();
      }
      lags_.push_back(watch_.milliseconds());
      looking_ = false;
    });
  }

  LookupClient& client_;
  std::atomic<bool> looking_{false};
  std::vector<ChunkHash> prompt_;
  Stopwatch watch_;
  std::vector<double> lags_;
};

RunResult engineLag(const RunOptions& run) {
  EngineFleet fleet;
  if (const std::string error = fleet.begin(); !error.empty()) return failed(error);
  Lag lag(fleet.client());
  fleet.publishFor(std::chrono::duration<double>(10 * run.scale),
                   [&](const std::vector<ChunkHash>& prompt) { lag.published(prompt); });
  if (!eventually([&] { return lag.done(); })) return failed("a prompt is not found");
  const std::vector<double> values = lag.milliseconds();
  if (values.empty()) return failed("nothing was looked up");
  char note[80];
  std::snprintf(note, sizeof note, "p50 %.2f ms, of %zu prompts", quantile(values, 0.5),
                values.size());
  return {.value = quantile(values, 0.99), .note = note, .error = {}};
}

RunResult engineLookups(const RunOptions& run) {
  EngineFleet fleet;
  if (const std::string error = fleet.begin(); !error.empty()) return failed(error);
  SteadyLookups load(fleet.daemon.address(), promptOf32());
  const LookupWindow idle = lookUpAlone(load, run.size(100'000, 2'000));
  if (!idle.error.empty()) return failed(idle.error);
  const LookupWindow busy = lookUpWhile(load, [&]() -> std::string {
    fleet.publishFor(std::chrono::duration<double>(10 * run.scale),
                     [](const std::vector<ChunkHash>&) {});
    return {};
  });
  if (!busy.error.empty()) return failed(busy.error);
  return besideIdle(idle, busy);
}

// From the start of a controller that was killed until it holds what all engines published, before
// and after that.
RunResult engineRestart(const RunOptions& run) {
  EngineFleet fleet;
  if (const std::string error = fleet.begin(); !error.empty()) return failed(error);
  const uint64_t before = run.size(40'000, kEngines);
  for (uint64_t i = 0; i < before; ++i) fleet.load.publish();
  if (const std::string error = fleet.arrived(); !error.empty()) return failed(error);
  fleet.daemon.kill();
  const uint64_t missed = run.size(640, kEngines);
  const uint64_t held = fleet.load.blocks();
  const uint64_t again = fleet.load.counts().replayedBlocks;
  for (uint64_t i = 0; i < missed; ++i) fleet.load.publish();
  const uint64_t outside = fleet.load.blocks() - held;
  const Stopwatch watch;
  if (const std::string error = fleet.daemon.start(); !error.empty()) return failed(error);
  if (const std::string error = fleet.arrived(); !error.empty()) return failed(error);
  char note[160];
  std::snprintf(note, sizeof note,
                "%llu blocks held, %llu published meanwhile, %llu sent again (of each engine the "
                "last message too, to tell its process by)",
                static_cast<unsigned long long>(held), static_cast<unsigned long long>(outside),
                static_cast<unsigned long long>(fleet.load.counts().replayedBlocks - again));
  return {.value = watch.seconds(), .note = note, .error = {}};
}

}  // namespace

std::vector<Row> engineRows() {
  const auto decode = [](bool withTokens) {
    return [withTokens](const RunOptions& run) { return decodeRate(run, withTokens); };
  };
  return {{.name = "engine_decode",
           .what = "KV events without tokens decoded, one thread",
           .unit = "M/s",
           .floor = 5,
           .aim = 20,
           .run = decode(false)},
          {.name = "engine_decode_tokens",
           .what = "the same with the tokens of all blocks",
           .unit = "M/s",
           .floor = 1,
           .aim = 4,
           .run = decode(true)},
          {.name = "engine_lag",
           .what = "p99 from publishing to found, 64 engines, 10,000 blocks/s",
           .unit = "ms",
           .floor = 5,
           .aim = 1,
           .better = Better::kLower,
           .run = engineLag},
          {.name = "engine_lookup",
           .what = "look-up p99 meanwhile, over the idle one",
           .unit = "x",
           .floor = 3,
           .aim = 1.5,
           .better = Better::kLower,
           .run = engineLookups},
          {.name = "engine_restart",
           .what = "kill to caught up, 64 engines, 1.28 M blocks",
           .unit = "s",
           .floor = 3,
           .aim = 1,
           .better = Better::kLower,
           .run = engineRestart}};
}

}  // namespace holdfast::bench
