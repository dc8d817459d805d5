// How long the state of the whole fleet takes to be answered.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/steady_lookups.h"
#include "client/client.h"
#include "os/file_limit.h"

namespace holdfast::bench {
namespace {

constexpr uint32_t kWorkersOfInstance = 8;
constexpr LocationHandle kLocations[] = {LocationHandle{0}, LocationHandle{1}, LocationHandle{2},
                                         LocationHandle{3}};
// Locations that change between two calls, and the time in which that is done.
constexpr int kReportsBetween = 64;
constexpr std::chrono::milliseconds kReportsTaken{10};
constexpr ChunkHash kNobodyHolds = 1;

class Fleet {
 public:
  Fleet(const DaemonProcess& daemon, uint32_t workers) {
    // Their connections.
    raiseFileLimit();
    elsewhere([&] { thread_ = std::make_unique<ClientThread>(); });
    for (uint32_t i = 0; i < workers; ++i) {
      ClientOptions options;
      options.controller = daemon.address();
      options.instance = "instance-" + std::to_string(i / kWorkersOfInstance);
      options.worker = i % kWorkersOfInstance;
      options.locations = {{.name = "gpu"}, {.name = "cpu"}, {.name = "disk"}, {.name = "remote"}};
      clients_.push_back(std::make_unique<Client>(*thread_, std::move(options)));
      for (const LocationHandle location : kLocations) admit(i, location);
    }
  }

  bool ready() {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->flush(600'000); });
  }
  void report() {
    for (int i = 0; i < kReportsBetween; ++i) {
      admit(random_() % clients_.size(), kLocations[random_() % std::size(kLocations)]);
    }
  }

 private:
  void admit(size_t worker, LocationHandle location) {
    const ChunkHash key = splitmix64Finalise(nextKey_++);
    clients_[worker]->admit(location, {&key, 1});
  }

  std::unique_ptr<ClientThread> thread_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::mt19937_64 random_{1};
  uint64_t nextKey_ = 1;
};

struct Took {
  double status = 0;  // p99, ms
  double bare = 0;    // of a look-up that finds nobody, made in turn with the other
};

Result<Took> p99Ms(uint32_t workers, uint64_t calls) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return Error{{}, error};
  Fleet fleet(daemon, workers);
  if (!fleet.ready()) return Error{{}, "the controller did not confirm everything"};
  ClientThread thread;
  LookupClientOptions options;
  options.controller = daemon.address();
  LookupClient client(thread, options);
  std::vector<double> statuses;
  std::vector<double> bare;
  for (uint64_t i = 0; i < 2 * calls; ++i) {
    fleet.report();
    // Until they are taken: what a call takes is meant, not what clients take of two processors.
    std::this_thread::sleep_for(kReportsTaken);
    const Stopwatch watch;
    if (i % 2 == 0) {
      const auto nobody = client.lookup({kNobodyHolds});
      bare.push_back(watch.milliseconds());
      if (!nobody.ok()) return nobody.error();
      continue;
    }
    const auto status = client.status();
    statuses.push_back(watch.milliseconds());
    if (!status.ok()) return status.error();
    if (status.value().locations != uint64_t{workers} * std::size(kLocations)) {
      return Error{{}, "status counts " + std::to_string(status.value().locations) + " locations"};
    }
  }
  return Took{quantile(std::move(statuses), 0.99), quantile(std::move(bare), 0.99)};
}

RunResult status(const RunOptions& run) {
  const auto workers = static_cast<uint32_t>(run.size(4'096, 10));
  const uint64_t calls = run.size(2'000, 200);
  const auto few = p99Ms(10, calls);
  if (!few.ok()) return failed(few.error().message);
  const auto many = p99Ms(workers, calls);
  if (!many.ok()) return failed(many.error().message);
  char note[120];
  std::snprintf(note, sizeof note, "%.2f ms with 10 workers; bare calls %.2f and %.2f ms",
                few.value().status, many.value().bare, few.value().bare);
  return {.value = many.value().status, .note = note, .error = {}, .limit = many.value().bare};
}

}  // namespace

std::vector<Row> statusRows() {
  return {
      {.name = "status",
       .what =
           "p99 of a status call, 4,096 workers with 16,384 locations, some changed since the last",
       .unit = "ms",
       .floor = 1,
       .aim = 0.5,
       .better = Better::kLower,
       .run = status,
       .limit = "a look-up that finds nobody, made in turn with it",
       .floorOfLimit = 1.5}};
}

}  // namespace holdfast::bench
