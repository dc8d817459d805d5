// Rows of the client library alone: what a call costs the engine that makes it.

#include <algorithm>
#include <numeric>
#include <thread>
#include <vector>

#include "bench/bench.h"
#include "client/client.h"

namespace holdfast::bench {
namespace {

// A worker whose controller is away.
ClientOptions lonelyWorker() {
  ClientOptions options;
  options.controller = "127.0.0.1:1";
  options.instance = "bench";
  options.locations = {{.name = "gpu", .contents = {}}};
  return options;
}

std::vector<ChunkHash> someKeys(uint64_t count) {
  std::vector<ChunkHash> keys(count);
  for (uint64_t i = 0; i < count; ++i) keys[i] = splitmix64Finalise(i);
  return keys;
}

// Until the client's thread has caught up with so many, but for a few that may wait in the inbox
// until the controller comes.
bool taken(const Client& client, uint64_t keys) {
  constexpr uint64_t kWaiting = 50'000;
  for (int i = 0; i < 6'000; ++i) {
    const ClientLocationStatus status = client.locations()[0];
    if (status.count + status.queued + kWaiting >= keys) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// Flat out, far beyond what the queue takes: its numbering starts anew on the way.
RunResult longestSmallCall(const RunOptions& run) {
  constexpr size_t kCallKeys = 256;
  const std::vector<ChunkHash> keys = someKeys(run.size(4'000'000, 100'000));
  ClientOptions options = lonelyWorker();
  options.queueOperations = run.size(1'000'000, 10'000);
  ClientThread thread;
  Client client(thread, options);
  double longestMs = 0;
  for (size_t at = 0; at < keys.size(); at += kCallKeys) {
    const auto some = std::span(keys).subspan(at, std::min(kCallKeys, keys.size() - at));
    const Stopwatch watch;
    client.admit(LocationHandle{0}, some);
    longestMs = std::max(longestMs, watch.milliseconds());
  }
  if (!taken(client, keys.size())) return failed("the client did not take everything over");
  if (client.counters().losses == 0) return failed("the queue did not overflow");
  return {
      .value = longestMs, .note = std::to_string(keys.size() / kCallKeys) + " calls", .error = {}};
}

RunResult largeCall(const RunOptions& run) {
  const std::vector<ChunkHash> keys = someKeys(run.size(10'000'000, 100'000));
  ClientThread thread;
  Client client(thread, lonelyWorker());
  const Stopwatch copying;
  std::vector<ChunkHash> copy;
  copy.insert(copy.end(), keys.begin(), keys.end());
  const double copyMs = copying.milliseconds();
  const Stopwatch watch;
  client.admit(LocationHandle{0}, copy);
  const double admitMs = watch.milliseconds();
  if (!taken(client, keys.size())) return failed("the client did not take everything over");
  return {.value = admitMs / copyMs,
          .note = std::to_string(admitMs) + " ms for " + std::to_string(keys.size()) +
                  " keys, a copy takes " + std::to_string(copyMs) + " ms",
          .error = {}};
}

}  // namespace

std::vector<Row> clientRows() {
  return {{.name = "admit_pause",
           .what = "longest call of admit with 256 keys, controller away, the queue overflowing",
           .unit = "ms",
           .floor = 5,
           .aim = 1,
           .better = Better::kLower,
           .run = longestSmallCall},
          {.name = "admit_large",
           .what = "one call of admit with 10 M keys over a copy of them",
           .unit = "x",
           .floor = 4,
           .aim = 2,
           .better = Better::kLower,
           .run = largeCall}};
}

}  // namespace holdfast::bench
