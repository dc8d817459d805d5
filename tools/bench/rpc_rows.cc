// Rows that measure through RPC, with the daemon in a process of its own.

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/ingest.h"
#include "bench/lookup_load.h"
#include "bench/rpc_load.h"

namespace holdfast::bench {
namespace {

// Look-ups against the daemon and calls of the same size against a server that does nothing, in
// turns, so that both see the same machine.
LookupRatio comparedLookups(const RunOptions& run, uint64_t calls, uint32_t prompts) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return {.error = error};
  ClientThread thread;
  Clients clients;
  const std::vector<ChunkHash> keys = rpcKeys(0, run.size(100'000, 1'000));
  for (uint32_t rank = 0; rank < kRpcWorkers; ++rank) {
    clients.push_back(std::make_unique<Client>(thread, rpcWorker(daemon.address(), rank)));
    clients.back()->admit(LocationHandle{0}, keys);
  }
  if (!flushAll(clients)) return {.error = "the controller did not confirm everything"};
  return compareWithEcho(daemon, keys, calls, prompts);
}

RunResult lookup(const RunOptions& run) {
  const LookupRatio ratio = comparedLookups(run, run.size(100'000, 2'000), 1);
  if (!ratio.error.empty()) return failed(ratio.error);
  return {.value = ratio.echoesPerSecond / ratio.lookupsPerSecond,
          .note = std::to_string(static_cast<uint64_t>(ratio.lookupsPerSecond / 1000)) +
                  " k look-ups/s, " +
                  std::to_string(static_cast<uint64_t>(ratio.echoesPerSecond / 1000)) +
                  " k echoes/s",
          .error = {}};
}

// The daemon's processor time for a look-up, `prompts` of them in a call.
RunResult lookupCost(const RunOptions& run, uint32_t prompts) {
  const LookupRatio ratio = comparedLookups(run, run.size(200'000, 4'000) / prompts, prompts);
  if (!ratio.error.empty()) return failed(ratio.error);
  char note[80];
  std::snprintf(note, sizeof note, "%.0f k look-ups/s", ratio.lookupsPerSecond * prompts / 1000);
  return {.value = ratio.lookupProcessorUs / prompts,
          .note = note,
          .error = {},
          .limit = ratio.echoProcessorUs / prompts};
}

Row costRow(const char* name, const char* what, double floor, double aim, uint32_t prompts) {
  return {.name = name,
          .what = what,
          .unit = "us",
          .floor = floor,
          .aim = aim,
          .better = Better::kLower,
          .run = [prompts](const RunOptions& run) { return lookupCost(run, prompts); },
          .limit = "a bare echo of the same size"};
}

RunResult resent(const RunOptions& run) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  ClientThread thread;
  Clients clients;
  const uint64_t perWorker = run.size(250'000, 1'000);
  for (uint32_t rank = 0; rank < kRpcWorkers; ++rank) {
    clients.push_back(std::make_unique<Client>(thread, rpcWorker(daemon.address(), rank)));
    clients.back()->admit(LocationHandle{0}, rpcKeys(rank, perWorker));
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
  if (inSync != uint64_t{2} * kRpcWorkers) return failed("not every worker came back in sync");
  return {.value = static_cast<double>(bytes),
          .note = std::to_string(perWorker * kRpcWorkers) + " memberships held",
          .error = {}};
}

}  // namespace

RunResult ingestThroughRpc(const RunOptions& run, const std::vector<std::string>& arguments) {
  std::vector<std::string> daemonArguments = {"--heartbeat-interval", "100ms"};
  daemonArguments.insert(daemonArguments.end(), arguments.begin(), arguments.end());
  DaemonProcess daemon(daemonArguments);
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  return ingestInto(daemon.address(), run.size(2'000'000, 10'000));
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
      costRow("lookup_call", "the daemon's processor time for a look-up of 32 hashes over RPC", 35,
              15, 1),
      costRow("lookup_calls", "the same of one of 64 in a call", 6, 2, 64),
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
