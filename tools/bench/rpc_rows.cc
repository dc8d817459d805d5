// Rows that measure through RPC, with the daemon in a process of its own.

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/ingest.h"
#include "bench/lookup_load.h"
#include "client/client.h"

namespace holdfast::bench {
namespace {

constexpr uint32_t kWorkers = 8;
constexpr uint32_t kFlushMs = 120'000;

ClientOptions worker(const DaemonProcess& daemon, uint32_t rank) {
  ClientOptions options;
  options.controller = daemon.address();
  options.instance = "bench";
  options.worker = rank;
  options.worldSize = kWorkers;
  options.locations = {{.name = "gpu", .contents = {}}};
  return options;
}

std::vector<ChunkHash> keysOf(uint32_t rank, uint64_t count) {
  std::vector<ChunkHash> keys(count);
  const uint64_t first = uint64_t{rank} << 40;
  for (uint64_t i = 0; i < count; ++i) keys[i] = splitmix64Finalise(first + i);
  return keys;
}

bool allRegistered(const std::vector<std::unique_ptr<Client>>& clients, uint64_t registrations) {
  for (int i = 0; i < 6'000; ++i) {
    if (std::all_of(clients.begin(), clients.end(), [&](const auto& client) {
          return client->state() == ClientState::kRegistered &&
                 client->counters().registrations >= registrations;
        })) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

bool flushAll(const std::vector<std::unique_ptr<Client>>& clients) {
  return std::all_of(clients.begin(), clients.end(),
                     [](const auto& client) { return client->flush(kFlushMs); });
}

// Look-ups against the daemon and calls of the same size against a server that does nothing, in
// turns, so that both see the same machine.
RunResult lookup(const RunOptions& run) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  ClientThread thread;
  std::vector<std::unique_ptr<Client>> clients;
  const uint64_t chunks = run.size(100'000, 1'000);
  const std::vector<ChunkHash> keys = keysOf(0, chunks);
  for (uint32_t rank = 0; rank < kWorkers; ++rank) {
    clients.push_back(std::make_unique<Client>(thread, worker(daemon, rank)));
    clients.back()->admit(LocationHandle{0}, keys);
  }
  if (!flushAll(clients)) return failed("the controller did not confirm everything");
  const uint64_t calls = run.size(100'000, 2'000);
  const LookupRatio ratio = compareWithEcho(daemon.tcpAddress(), keys, calls);
  if (!ratio.error.empty()) return failed(ratio.error);
  return {.value = ratio.echoesPerSecond / ratio.lookupsPerSecond,
          .note = std::to_string(static_cast<uint64_t>(ratio.lookupsPerSecond / 1000)) +
                  " k look-ups/s, " +
                  std::to_string(static_cast<uint64_t>(ratio.echoesPerSecond / 1000)) +
                  " k echoes/s",
          .error = {}};
}

RunResult resent(const RunOptions& run) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  ClientThread thread;
  std::vector<std::unique_ptr<Client>> clients;
  const uint64_t perWorker = run.size(250'000, 1'000);
  for (uint32_t rank = 0; rank < kWorkers; ++rank) {
    clients.push_back(std::make_unique<Client>(thread, worker(daemon, rank)));
    clients.back()->admit(LocationHandle{0}, keysOf(rank, perWorker));
  }
  if (!flushAll(clients)) return failed("the controller did not confirm everything");
  if (!daemon.stop()) return failed("the daemon did not end cleanly");
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  if (!allRegistered(clients, 2)) return failed("workers did not come back");
  uint64_t bytes = 0;
  uint64_t inSync = 0;
  for (const auto& client : clients) {
    bytes += client->counters().keysResent() * sizeof(ChunkHash);
    inSync += client->counters().decisionsInSync;
  }
  // One decision when it came, one when it came back.
  if (inSync != uint64_t{2} * kWorkers) return failed("not every worker came back in sync");
  return {.value = static_cast<double>(bytes),
          .note = std::to_string(perWorker * kWorkers) + " memberships held",
          .error = {}};
}

}  // namespace

// From the first admit until the controller has confirmed the last as committed.
RunResult ingestThroughRpc(const RunOptions& run, const std::vector<std::string>& arguments) {
  std::vector<std::string> daemonArguments = {"--heartbeat-interval", "100ms"};
  daemonArguments.insert(daemonArguments.end(), arguments.begin(), arguments.end());
  DaemonProcess daemon(daemonArguments);
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  const uint64_t perWorker = run.size(2'000'000, 10'000);
  ClientThread thread;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::vector<ChunkHash>> keys;
  for (uint32_t rank = 0; rank < kWorkers; ++rank) {
    ClientOptions options = worker(daemon, rank);
    options.batchOperations = 256;
    options.queueOperations = perWorker;
    clients.push_back(std::make_unique<Client>(thread, options));
    keys.push_back(keysOf(rank, perWorker));
  }
  if (!allRegistered(clients, 1)) return failed("workers did not register");

  const Stopwatch watch;
  constexpr uint64_t kSlice = 4'096;
  for (uint64_t at = 0; at < perWorker; at += kSlice) {
    for (uint32_t rank = 0; rank < kWorkers; ++rank) {
      const std::span<const ChunkHash> all = keys[rank];
      clients[rank]->admit(LocationHandle{0}, all.subspan(at, std::min(kSlice, perWorker - at)));
    }
  }
  if (!flushAll(clients)) return failed("the controller did not confirm everything");
  const double seconds = watch.seconds();
  uint64_t reports = 0;
  for (const auto& client : clients) reports += client->counters().reports;
  const double operations = static_cast<double>(perWorker) * kWorkers;
  return {.value = operations / seconds / 1e6,
          .note = std::to_string(static_cast<uint64_t>(operations / static_cast<double>(reports))) +
                  " operations a report",
          .error = {}};
}

std::vector<Row> rpcRows() {
  return {
      {.name = "ingest_rpc",
       .what = "durable ingest through RPC, 256 operations a report, one client process",
       .unit = "M/s",
       .floor = 2.5,
       .aim = 5,
       .better = Better::kHigher,
       .run = [](const RunOptions& run) { return ingestThroughRpc(run, {}); }},
      {.name = "lookup_rpc",
       .what = "look-up of 32 hashes over a bare echo of the same size, 256 in flight",
       .unit = "x",
       .floor = 1.5,
       .aim = 1.2,
       .better = Better::kLower,
       .run = lookup},
      {.name = "resent",
       .what = "bytes that workers re-send after a clean restart",
       .unit = "B",
       .floor = 0,
       .aim = 0,
       .better = Better::kLower,
       .run = resent},
  };
}

}  // namespace holdfast::bench
