// What the daemon and its look-ups notice of ten thousand cache operations on a thousand workers.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/operation_load.h"
#include "bench/steady_lookups.h"
#include "client/client.h"

namespace holdfast::bench {
namespace {

constexpr uint32_t kRanks = 8;
constexpr uint32_t kOperationsAtOnce = 200;

// Has nothing to clear, and says so at once.
class EmptyEngine final : public OperationHandler {
 public:
  void clear(const CacheOperation&, Completion completion) override { completion.done(0); }
};

struct Crew {
  // The worker of the first instance that look-ups find something at.
  static constexpr uint32_t kHolder = 0;

  Crew(const DaemonProcess& daemon, uint32_t instanceCount) {
    for (uint32_t i = 0; i < instanceCount; ++i) {
      instances.push_back("instance-" + std::to_string(i));
      for (uint32_t rank = 0; rank < kRanks; ++rank) {
        ClientOptions options;
        options.controller = daemon.address();
        options.instance = instances.back();
        options.worker = rank;
        options.worldSize = kRanks;
        options.locations = {{.name = "gpu", .contents = {}}};
        options.operations = std::make_shared<EmptyEngine>();
        clients.push_back(std::make_unique<Client>(thread, std::move(options)));
      }
    }
  }
  // False if they do not register.
  bool ready(const std::vector<ChunkHash>& prompt) {
    clients[kHolder]->admit(LocationHandle{0}, prompt);
    return eventually([&] {
             return std::all_of(clients.begin(), clients.end(), [](const auto& client) {
               return client->state() == ClientState::kRegistered;
             });
           }) &&
           clients[kHolder]->flush(60'000);
  }

  ClientThread thread;
  std::vector<std::string> instances;
  std::vector<std::unique_ptr<Client>> clients;
};

RunResult operationsMemory(const RunOptions& run) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  Crew crew(daemon, static_cast<uint32_t>(run.size(125, 2)));
  if (!crew.ready(promptOf32())) return failed("the workers did not register");
  const uint64_t operations = run.size(10'000, 100);
  ClientThread thread;
  LookupClientOptions options;
  options.controller = daemon.address();
  LookupClient status(thread, options);
  const auto residentAfter = [&](uint64_t more) -> Result<uint64_t> {
    const OperationLoad load =
        clearAgainAndAgain(daemon.address(), crew.instances, more, kOperationsAtOnce);
    if (!load.error.empty()) return Error{{}, load.error};
    const auto now = status.status();
    if (!now.ok()) return now.error();
    return now.value().residentBytes;
  };
  const auto first = residentAfter(operations / 10);
  if (!first.ok()) return failed(first.error().message);
  const Stopwatch watch;
  const uint64_t rest = operations - operations / 10;
  const auto last = residentAfter(rest);
  if (!last.ok()) return failed(last.error().message);
  const auto rate = static_cast<uint64_t>(static_cast<double>(rest) / watch.seconds());
  return {.value = 100.0 *
                   (static_cast<double>(last.value()) / static_cast<double>(first.value()) - 1.0),
          .note = std::to_string(last.value() >> 20) + " MiB, " + std::to_string(rate) +
                  " operations/s",
          .error = {}};
}

RunResult operationsLookup(const RunOptions& run) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  const uint64_t lookups = run.size(50'000, 1'000);
  std::unique_ptr<Crew> crew;
  elsewhere(
      [&] { crew = std::make_unique<Crew>(daemon, static_cast<uint32_t>(run.size(125, 2))); });
  if (!crew->ready(promptOf32())) return failed("the workers did not register");
  SteadyLookups load(daemon.address(), promptOf32());
  const LookupWindow idle = lookUpAlone(load, lookups);
  if (!idle.error.empty()) return failed(idle.error);
  const LookupWindow busy = lookUpWhile(load, [&] {
    std::string error;
    elsewhere([&] {
      error = clearAgainAndAgain(daemon.address(), crew->instances, run.size(10'000, 100),
                                 kOperationsAtOnce)
                  .error;
    });
    return error;
  });
  if (!busy.error.empty()) return failed(busy.error);
  char note[120];
  std::snprintf(note, sizeof note,
                "%lu us of %.0f k look-ups/s, %lu us of %.0f k/s during the operations", idle.p99Us,
                idle.perSecond / 1e3, busy.p99Us, busy.perSecond / 1e3);
  return {.value = static_cast<double>(busy.p99Us) / static_cast<double>(idle.p99Us),
          .note = note,
          .error = {}};
}

}  // namespace

std::vector<Row> operationRows() {
  return {{.name = "operations_memory",
           .what = "growth of the daemon from 1,000 to 10,000 operations on 1,000 workers, 200 at "
                   "a time",
           .unit = "%",
           .floor = 5,
           .aim = 3,
           .better = Better::kLower,
           .run = operationsMemory},
          {.name = "operations_lookup",
           .what = "look-up p99 inside the daemon during those operations, over the idle one",
           .unit = "x",
           .floor = 2,
           .aim = 1.5,
           .better = Better::kLower,
           .run = operationsLookup}};
}

}  // namespace holdfast::bench
