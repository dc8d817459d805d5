// Look-ups while hundreds of workers arrive at once and the store makes families for them.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/steady_lookups.h"
#include "client/client.h"

namespace holdfast::bench {
namespace {

std::unique_ptr<Client> worker(ClientThread& thread, const DaemonProcess& daemon,
                               const std::string& instance, uint32_t rank) {
  ClientOptions options;
  options.controller = daemon.address();
  options.instance = instance;
  options.worker = rank;
  options.locations = {{.name = "gpu", .contents = {}}};
  return std::make_unique<Client>(thread, options);
}

// p99 of look-ups inside the daemon, in microseconds, while `crowd` workers register.
Result<uint64_t> p99Of(const DaemonProcess& daemon, uint32_t crowd, uint64_t lookups) {
  const std::vector<ChunkHash> prompt = promptOf32();
  std::unique_ptr<ClientThread> thread;
  elsewhere([&] { thread = std::make_unique<ClientThread>(); });
  const auto holder = worker(*thread, daemon, "holder", 0);
  holder->admit(LocationHandle{0}, prompt);
  if (!holder->flush(60'000)) return Error{{}, "the controller did not confirm everything"};
  std::vector<std::unique_ptr<Client>> workers;
  SteadyLookups load(daemon.address(), prompt);
  for (uint32_t rank = 0; rank < crowd; ++rank) {
    workers.push_back(worker(*thread, daemon, "crowd", rank));
  }
  const bool arrived = eventually([&] {
    return std::all_of(workers.begin(), workers.end(), [](const auto& client) {
      return client->state() == ClientState::kRegistered;
    });
  });
  if (!arrived) return Error{{}, "the workers did not register"};
  if (!load.wait(lookups)) return Error{{}, "look-ups were not answered"};
  const auto status = load.client().status();
  if (!status.ok()) return status.error();
  return status.value().lookupP99Us;
}

Result<uint64_t> p99With(uint32_t crowd, uint64_t lookups) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return Error{{}, error};
  return p99Of(daemon, crowd, lookups);
}

RunResult lookupCrowd(const RunOptions& run) {
  const uint64_t lookups = run.size(20'000, 1'000);
  const auto crowd = static_cast<uint32_t>(run.size(500, 10));
  const auto idle = p99With(0, lookups);
  if (!idle.ok()) return failed(idle.error().message);
  const auto crowded = p99With(crowd, lookups / 4);
  if (!crowded.ok()) return failed(crowded.error().message);
  return {.value = static_cast<double>(crowded.value()) / static_cast<double>(idle.value()),
          .note = std::to_string(idle.value()) + " us, " + std::to_string(crowded.value()) +
                  " us while " + std::to_string(crowd) + " workers register",
          .error = {}};
}

}  // namespace

std::vector<Row> crowdRows() {
  return {{.name = "lookup_crowd",
           .what = "look-up p99 inside the daemon while 500 workers register, over the idle one",
           .unit = "x",
           .floor = 2,
           .aim = 1.5,
           .better = Better::kLower,
           .run = lookupCrowd}};
}

}  // namespace holdfast::bench
