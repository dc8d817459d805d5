// Full syncs through RPC: how fast one is, and what look-ups notice of a hundred.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/steady_lookups.h"
#include "client/client.h"

namespace holdfast::bench {
namespace {

constexpr size_t kPromptChunks = 32;

// A worker whose disk tier survived, which the controller knows nothing of.
ClientOptions survivor(const DaemonProcess& daemon, uint32_t rank, uint64_t keys) {
  ClientOptions options;
  options.controller = daemon.address();
  options.instance = "bench";
  options.worker = rank;
  ClientLocation disk{.name = "disk", .contents = std::vector<ChunkHash>(keys)};
  for (uint64_t i = 0; i < keys; ++i) {
    disk.contents[i] = splitmix64Finalise((uint64_t{rank} << 40) + i);
  }
  options.locations.push_back(std::move(disk));
  return options;
}

RunResult fullSync(const RunOptions& run) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  const uint64_t keys = run.size(1'000'000, 10'000);
  ClientThread thread;
  Client client(thread, survivor(daemon, 0, keys));
  const auto began = [&] { return client.counters().fullSyncs == 1; };
  const auto done = [&] { return client.counters().fullSyncsCompleted == 1; };
  if (!eventually(began)) return failed("no full sync was asked for");
  const Stopwatch watch;
  if (!eventually(done)) return failed("the full sync did not end");
  const double seconds = watch.seconds();
  return {.value = static_cast<double>(keys) / seconds / 1e6,
          .note = std::to_string(static_cast<uint64_t>(seconds * 1e3)) + " ms",
          .error = {}};
}

struct Crowd {
  std::string error;
  uint64_t idleP99Us = 0;
  uint64_t busyP99Us = 0;
  double seconds = 0;
  uint64_t runningMax = 0;
  uint64_t residentMaxBytes = 0;
};

Crowd syncAll(const DaemonProcess& daemon, uint32_t workers, uint64_t keys, uint64_t lookups) {
  // In a fleet the workers and routers run on other machines: here they give way to the daemon.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 15);
  Crowd crowd;
  ClientThread thread;
  ClientOptions holderOptions = survivor(daemon, 0, 0);
  holderOptions.instance = "holder";
  Client holder(thread, holderOptions);
  std::vector<ChunkHash> prompt(kPromptChunks);
  for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = splitmix64Finalise(i);
  holder.admit(LocationHandle{0}, prompt);
  const auto failure = [&](const std::string& why) {
    crowd.error = why;
    return crowd;
  };
  if (!holder.flush(60'000)) return failure("the controller did not confirm everything");
  SteadyLookups load(daemon.address(), prompt);
  load.wait(lookups);
  const auto idle = load.client().status();
  if (!idle.ok()) return failure(idle.error().message);
  crowd.idleP99Us = idle.value().lookupP99Us;

  std::vector<std::unique_ptr<Client>> clients;
  for (uint32_t rank = 0; rank < workers; ++rank) {
    clients.push_back(std::make_unique<Client>(thread, survivor(daemon, rank, keys)));
  }
  if (const auto reset = load.client().status(true); !reset.ok()) {
    return failure(reset.error().message);
  }
  const Stopwatch watch;
  const bool inSync = eventually([&] {
    const auto status = load.client().status();
    if (!status.ok()) return false;
    crowd.runningMax = std::max(crowd.runningMax, status.value().fullSyncsRunning);
    crowd.residentMaxBytes = std::max(crowd.residentMaxBytes, status.value().residentBytes);
    crowd.busyP99Us = status.value().lookupWindowP99Us;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return std::all_of(clients.begin(), clients.end(), [](const auto& client) {
      return client->counters().fullSyncsCompleted == 1;
    });
  });
  crowd.seconds = watch.seconds();
  if (!inSync) crowd.error = "the full syncs did not end";
  return crowd;
}

RunResult syncCrowd(const RunOptions& run) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  const auto workers = static_cast<uint32_t>(run.size(100, 10));
  const uint64_t keys = run.size(1'000'000, 10'000);
  Crowd crowd;
  std::thread([&] { crowd = syncAll(daemon, workers, keys, run.size(20'000, 1'000)); }).join();
  if (!crowd.error.empty()) return failed(crowd.error);
  char note[160];
  std::snprintf(
      note, sizeof note,
      "%lu us, %lu us while %u workers sync in %.1f s, at most %lu at a time, peak %.1f GiB",
      crowd.idleP99Us, crowd.busyP99Us, workers, crowd.seconds, crowd.runningMax,
      static_cast<double>(crowd.residentMaxBytes) / (1 << 30));
  return {.value = static_cast<double>(crowd.busyP99Us) / static_cast<double>(crowd.idleP99Us),
          .note = note,
          .error = {}};
}

}  // namespace

std::vector<Row> repairRows() {
  return {{.name = "full_sync",
           .what = "a full sync of 1 M keys through RPC, from its start to its switch",
           .unit = "M/s",
           .floor = 3,
           .aim = 5,
           .better = Better::kHigher,
           .run = fullSync},
          {.name = "sync_crowd",
           .what = "look-up p99 inside the daemon while 100 workers of 1 M keys sync, over idle",
           .unit = "x",
           .floor = 3,
           .aim = 2,
           .better = Better::kLower,
           .run = syncCrowd}};
}

}  // namespace holdfast::bench
