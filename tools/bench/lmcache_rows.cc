// Reports of LMCache's workers, over their own wire.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/lmcache_load.h"
#include "bench/steady_lookups.h"
#include "client/lookup_client.h"

namespace holdfast::bench {
namespace {

constexpr uint32_t kLmcacheWorkers = 100;
constexpr size_t kLmcachePromptChunks = 32;

// One that nobody listens on now.
uint16_t freePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return bound ? ntohs(address.sin_port) : uint16_t{0};
}

// With few processors look-ups would wait for the gateway's threads, so the loop has one for
// itself.
std::vector<std::string> arguments(const std::string& pull, const std::string& reply) {
  std::vector<std::string> all = {"--lmcache-pull", pull, "--lmcache-reply", reply};
  if (std::thread::hardware_concurrency() > 1) all.insert(all.end(), {"--loop-cpu", "0"});
  return all;
}

// A controller with the gateway, and the workers of a fleet at it.
class LmcacheFleet {
 public:
  LmcacheFleet()
      : pull_("127.0.0.1:" + std::to_string(freePort())),
        reply_("127.0.0.1:" + std::to_string(freePort())),
        daemon(arguments(pull_, reply_)) {}

  // Empty, or what went wrong.
  std::string begin() {
    if (std::string error = daemon.start(); !error.empty()) return error;
    elsewhere([&] {
      thread_ = std::make_unique<ClientThread>();
      workers = std::make_unique<LmcacheLoad>(
          LmcacheLoad::Ways{"tcp://" + pull_, "tcp://" + reply_}, kLmcacheWorkers);
    });
    LookupClientOptions options;
    options.controller = daemon.address();
    client_ = std::make_unique<LookupClient>(*thread_, std::move(options));
    return workers->registerAll();
  }
  // What is prepared, to the last operation of it in the index and on the disk.
  std::string report(uint64_t perWorker) {
    expected_ += perWorker * kLmcacheWorkers;
    elsewhere([&] { workers->send(); });
    const bool all = eventually([&] {
      const auto status = client_->status();
      return status.ok() && status.value().memberships == expected_ && status.value().committed;
    });
    return all ? "" : "not every operation arrived";
  }
  LookupClient& client() { return *client_; }

 private:
  const std::string pull_;
  const std::string reply_;

 public:
  DaemonProcess daemon;
  std::unique_ptr<LmcacheLoad> workers;

 private:
  std::unique_ptr<ClientThread> thread_;
  std::unique_ptr<LookupClient> client_;
  uint64_t expected_ = 0;
};

struct Ingest {
  std::string error;
  double millionsPerSecond = 0;
  double processorNs = 0;  // of the controller, an operation
};

Ingest ingestThroughLmcache(const RunOptions& run, uint32_t perMessage) {
  LmcacheFleet fleet;
  if (std::string error = fleet.begin(); !error.empty()) return {.error = std::move(error)};
  const uint64_t perWorker = run.size(50'000, 1'000);
  fleet.workers->prepare(perWorker, perMessage);
  const double processor = fleet.daemon.processorSeconds();
  const Stopwatch watch;
  if (std::string error = fleet.report(perWorker); !error.empty()) {
    return {.error = std::move(error)};
  }
  const double operations = static_cast<double>(perWorker) * kLmcacheWorkers;
  return {.error = {},
          .millionsPerSecond = operations / watch.seconds() / 1e6,
          .processorNs = (fleet.daemon.processorSeconds() - processor) * 1e9 / operations};
}

RunResult lmcacheIngest(const RunOptions& run, uint32_t perMessage) {
  const Ingest ingest = ingestThroughLmcache(run, perMessage);
  if (!ingest.error.empty()) return failed(ingest.error);
  char note[80];
  std::snprintf(note, sizeof note, "%.0f ns of a processor an operation", ingest.processorNs);
  return {.value = ingest.millionsPerSecond, .note = note, .error = {}};
}

RunResult lmcacheProcessor(const RunOptions& run) {
  const Ingest ingest = ingestThroughLmcache(run, 50);
  if (!ingest.error.empty()) return failed(ingest.error);
  char note[80];
  std::snprintf(note, sizeof note, "%.1f M operations/s", ingest.millionsPerSecond);
  return {.value = ingest.processorNs, .note = note, .error = {}};
}

std::vector<ChunkHash> promptOfWorker(uint32_t worker) {
  std::vector<ChunkHash> chunks(kLmcachePromptChunks);
  for (size_t i = 0; i < chunks.size(); ++i) chunks[i] = LmcacheLoad::keyOf(worker, i);
  return chunks;
}

RunResult lmcacheLookups(const RunOptions& run) {
  LmcacheFleet fleet;
  if (const std::string error = fleet.begin(); !error.empty()) return failed(error);
  fleet.workers->prepare(kLmcachePromptChunks, 50);
  if (const std::string error = fleet.report(kLmcachePromptChunks); !error.empty()) {
    return failed(error);
  }
  const uint64_t lookups = run.size(100'000, 2'000);
  SteadyLookups load(fleet.daemon.address(), promptOfWorker(0));
  const LookupWindow idle = lookUpAlone(load, lookups);
  if (!idle.error.empty()) return failed(idle.error);
  const uint64_t perWorker = run.size(50'000, 1'000);
  fleet.workers->prepare(perWorker, 50);
  const LookupWindow busy = lookUpWhile(load, [&]() { return fleet.report(perWorker); });
  if (!busy.error.empty()) return failed(busy.error);
  return besideIdle(idle, busy);
}

// Until the last worker's prompt is found again; nobody sends anything for that.
RunResult lmcacheRestart(const RunOptions& run) {
  LmcacheFleet fleet;
  if (const std::string error = fleet.begin(); !error.empty()) return failed(error);
  const uint64_t perWorker = run.size(100'000, 1'000);
  fleet.workers->prepare(perWorker, 256);
  if (const std::string error = fleet.report(perWorker); !error.empty()) return failed(error);
  if (!fleet.daemon.stop()) return failed("the daemon did not end cleanly");
  const Stopwatch watch;
  if (const std::string error = fleet.daemon.start(); !error.empty()) return failed(error);
  const bool found = eventually([&] {
    const auto answer = fleet.client().lookup(promptOfWorker(kLmcacheWorkers - 1), {});
    return answer.ok() && !answer.value().layouts.empty() &&
           answer.value().layouts.front().matchedChunks == kLmcachePromptChunks;
  });
  if (!found) return failed("a prompt is not found after the restart");
  return {.value = watch.seconds(),
          .note = std::to_string(perWorker * kLmcacheWorkers) + " chunks",
          .error = {}};
}

}  // namespace

// Floors and aims are 4 and 10 times what LMCache's own controller takes on such a machine;
// peers/lmcache_controller.py measures both in one run.
std::vector<Row> lmcacheRows() {
  const auto ingest = [](uint32_t perMessage) {
    return [perMessage](const RunOptions& run) { return lmcacheIngest(run, perMessage); };
  };
  return {{.name = "lmcache_ingest",
           .what = "reports of 100 LMCache workers, 256 operations a message",
           .unit = "M/s",
           .floor = 2.2,
           .aim = 5.4,
           .run = ingest(256)},
          {.name = "lmcache_ingest_50",
           .what = "the same with 50 operations a message, as its workers send by default",
           .unit = "M/s",
           .floor = 1.3,
           .aim = 3.3,
           .run = ingest(50)},
          {.name = "lmcache_ingest_32",
           .what = "the same with 32 operations a message",
           .unit = "M/s",
           .floor = 1.1,
           .aim = 2.7,
           .run = ingest(32)},
          {.name = "lmcache_processor",
           .what = "time of a processor for one of them, 50 operations a message",
           .unit = "ns",
           .floor = 750,
           .aim = 300,
           .better = Better::kLower,
           .run = lmcacheProcessor},
          {.name = "lmcache_lookup",
           .what = "look-up p99 meanwhile, over the idle one",
           .unit = "x",
           .floor = 3,
           .aim = 2,
           .better = Better::kLower,
           .run = lmcacheLookups},
          {.name = "lmcache_restart",
           .what = "restart to look-ups, 100 LMCache workers x 100,000 chunks",
           .unit = "s",
           .floor = 2,
           .aim = 1,
           .better = Better::kLower,
           .run = lmcacheRestart}};
}

}  // namespace holdfast::bench
