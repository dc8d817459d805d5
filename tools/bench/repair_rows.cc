// Full syncs through RPC: how fast one is, and what look-ups notice of a hundred.

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

// Holds the prompt that look-ups ask for.
ClientOptions holder(const DaemonProcess& daemon) {
  ClientOptions options = survivor(daemon, 0, 0);
  options.instance = "holder";
  options.backoffMaxMs = 100;
  return options;
}

struct Crowd {
  std::string error;
  LookupWindow lookups{};
  double seconds = 0;
  uint64_t runningMax = 0;
  uint64_t residentMaxBytes = 0;
};

// The workers, who all come in the moment in which the daemon starts.
struct Workers {
  Workers(const DaemonProcess& daemon, uint32_t number, uint64_t keys) {
    for (uint32_t rank = 0; rank < number; ++rank) {
      ClientOptions options = survivor(daemon, rank, keys);
      options.backoffMaxMs = 100;
      clients.push_back(std::make_unique<Client>(thread, std::move(options)));
    }
  }
  bool synced() const {
    return std::all_of(clients.begin(), clients.end(), [](const auto& client) {
      return client->counters().fullSyncsCompleted == 1;
    });
  }

  ClientThread thread;
  std::vector<std::unique_ptr<Client>> clients;
};

// Look-ups until all workers have sent all they have; without workers, so many look-ups.
Crowd lookUpBeside(const DaemonProcess& daemon, Workers& workers, uint64_t lookups) {
  Crowd crowd;
  const Stopwatch watch;
  Client first(workers.thread, holder(daemon));
  first.admit(LocationHandle{0}, promptOf32());
  SteadyLookups load(daemon.address(), promptOf32());
  // What its start costs is neither idle nor the syncs' doing.
  if (!load.wait(lookups / 10)) return {.error = "look-ups were not answered"};
  crowd.lookups = lookUpWhile(load, [&]() -> std::string {
    const bool inSync = eventually([&] {
      const auto status = load.client().status();
      if (!status.ok()) return false;
      crowd.runningMax = std::max(crowd.runningMax, status.value().fullSyncsRunning);
      crowd.residentMaxBytes = std::max(crowd.residentMaxBytes, status.value().residentBytes);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return workers.synced();
    });
    crowd.seconds = watch.seconds();
    if (!inSync) return "the full syncs did not end";
    if (workers.clients.empty() && !load.wait(lookups)) return "look-ups were not answered";
    return {};
  });
  crowd.error = crowd.lookups.error;
  return crowd;
}

Crowd measureCrowd(uint32_t number, uint64_t keys, uint64_t lookups) {
  DaemonProcess daemon;
  std::unique_ptr<Workers> workers;
  elsewhere([&] { workers = std::make_unique<Workers>(daemon, number, keys); });
  if (std::string error = daemon.start(); !error.empty()) return {.error = std::move(error)};
  return lookUpBeside(daemon, *workers, lookups);
}

RunResult syncCrowd(const RunOptions& run) {
  const auto workers = static_cast<uint32_t>(run.size(100, 10));
  const Crowd idle = measureCrowd(0, 0, run.size(200'000, 1'000));
  if (!idle.error.empty()) return failed(idle.error);
  const Crowd busy = measureCrowd(workers, run.size(1'000'000, 10'000), 0);
  if (!busy.error.empty()) return failed(busy.error);
  char note[200];
  std::snprintf(note, sizeof note,
                "%lu us of %.0f k look-ups/s, %lu us of %.0f k/s while %u workers sync in %.1f s, "
                "at most %lu at a time, peak %.1f GiB",
                idle.lookups.p99Us, idle.lookups.perSecond / 1e3, busy.lookups.p99Us,
                busy.lookups.perSecond / 1e3, workers, busy.seconds, busy.runningMax,
                static_cast<double>(busy.residentMaxBytes) / (1 << 30));
  return {
      .value = static_cast<double>(busy.lookups.p99Us) / static_cast<double>(idle.lookups.p99Us),
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
