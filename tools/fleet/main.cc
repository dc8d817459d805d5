// holdfast-fleet: a simulated fleet against a real controller. See --help.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <set>
#include <thread>
#include <utility>

#include "client/client_thread.h"
#include "client/controller_address.h"
#include "client/lookup_client.h"
#include "command_line/output_end.h"
#include "fleet/engines/engine_run.h"
#include "fleet/fleet.h"
#include "fleet/options.h"
#include "fleet/replay.h"
#include "fleet/report.h"
#include "fleet/trace.h"
#include "fleet/workload.h"
#include "reach/controller.h"
#include "text/progress.h"

namespace holdfast::fleet {

namespace {

constexpr uint32_t kRegisterQuietMs = 2'000;
constexpr uint32_t kRegisterTimeoutMs = 20'000;
// Long enough for a controller that is being started again, and its recovery.
constexpr uint32_t kCommitTimeoutMs = 60'000;
// The controller compares a worker with a heartbeat.
constexpr uint32_t kCompareTimeoutMs = 15'000;
constexpr uint32_t kLeaveTimeoutMs = 30'000;
constexpr auto kPollInterval = std::chrono::milliseconds(50);

std::atomic<bool> stopRequested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

// The first signal ends the serving early, what was served is compared all the same. A second one
// ends the process.
void onSignal(int number) {
  stopRequested = true;
  std::signal(number, SIG_DFL);
}

// Polls until `done` holds; false if it does not in time.
template <typename Condition>
bool waitFor(uint32_t timeoutMs, Condition&& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeoutMs);
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPollInterval);
  }
  return true;
}

Result<std::vector<Request>> makeRequests(const Options& options) {
  if (!options.trace.empty()) return readTrace(options.trace);
  const auto count = static_cast<size_t>(options.rate * options.seconds);
  return generateWorkload(std::max<size_t>(count, 1), options.seed);
}

// What keeps everybody from the controller; empty: it answers.
std::string whyUnreachable(const Options& options) {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  try {
    reach::Connection(io, options.controller, options.security, reach::kUsualPatience);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return {};
}

bool awaitRegistration(const Options& options, const Fleet& fleet) {
  const auto decided = [&] {
    return fleet.registered() == fleet.workers() || !fleet.givenUp().empty() || stopRequested;
  };
  bool ended = waitFor(kRegisterQuietMs, decided);
  if (!ended) {
    const std::string why = whyUnreachable(options);
    std::fprintf(stderr, "%s%sWaiting for the controller at %s ...\n", why.c_str(),
                 why.empty() ? "" : "\n", options.controller.c_str());
    ended = waitFor(kRegisterTimeoutMs, decided);
  }
  if (const std::string reason = fleet.givenUp(); !reason.empty()) {
    std::fprintf(stderr, "holdfast-fleet: the controller at %s does not accept a worker: %s\n",
                 options.controller.c_str(), reason.c_str());
    return false;
  }
  if (!ended && fleet.registered() == 0) {
    if (const std::string why = whyUnreachable(options); !why.empty()) {
      std::fprintf(stderr, "holdfast-fleet: %s\n", why.c_str());
      return false;
    }
  }
  if (!ended || stopRequested) {
    std::fprintf(stderr, "holdfast-fleet: only %zu of %zu workers could register at %s in time\n",
                 fleet.registered(), fleet.workers(), options.controller.c_str());
    return false;
  }
  return true;
}

// Counts the workers that registered again, and which of them the controller has found equal.
void compareResumptions(const Fleet& fleet, LookupClient& controller, Report& report) {
  const auto resumptions = fleet.resumptions();
  report.workers = resumptions.size();
  for (const auto& each : resumptions) {
    if (!each.reconnected) continue;
    ++report.workersReconnected;
    report.workersAskedForAnything += each.askedForAnything;
    report.keysResentAfterRestart += each.keysResent;
  }
  if (report.workersReconnected == 0) return;

  // The controller's own word for it; it takes a heartbeat after the last report.
  const auto countInSync = [&]() -> uint64_t {
    const auto workers = controller.queryWorkers();
    if (!workers.ok()) return 0;
    std::set<std::pair<std::string, uint32_t>> inSync;
    for (const WorkerView& worker : workers.value()) {
      bool all = worker.state == "active" && !worker.locations.empty();
      for (const LocationView& location : worker.locations) all &= location.sync == "inSync";
      if (all) inSync.emplace(worker.instance, worker.worker);
    }
    uint64_t count = 0;
    for (const auto& each : resumptions) {
      count +=
          each.reconnected && !each.askedForAnything && inSync.contains({each.instance, each.rank});
    }
    return count;
  };
  const uint64_t expected = report.workersReconnected - report.workersAskedForAnything;
  waitFor(kCompareTimeoutMs, [&] {
    report.workersInSyncAfterRestart = countInSync();
    return report.workersInSyncAfterRestart >= expected;
  });
}

// Waits until all that was reported is committed, then compares the digests, once.
void compareContents(Fleet& fleet, LookupClient& controller, Report& report) {
  report.chunks = fleet.cachedChunks();
  report.chunksPinned = fleet.pinnedChunks();
  report.chunksCompressed = fleet.compressedChunks();
  report.digestFleet = fleet.contentDigest().hex();
  if (!fleet.flush(kCommitTimeoutMs)) {
    const std::string reason = fleet.givenUp();
    report.problem = "not all reports were committed within " +
                     std::to_string(kCommitTimeoutMs / 1000) + " s" +
                     (reason.empty() ? "" : "; a worker was " + reason);
  }
  std::string lastError = "the controller has not committed everything it applied";
  const bool settled = waitFor(kCommitTimeoutMs, [&] {
    const auto status = controller.status();
    if (!status.ok()) {
      lastError = status.error().message;
      return false;
    }
    report.digestController = status.value().contentDigest;
    report.chunksRecovered = status.value().recoveredChunks;
    report.recoveryMs = status.value().recoveryMs;
    return status.value().committed;
  });
  if (!settled && report.problem.empty()) report.problem = "no settled status: " + lastError;
}

// When the faults have stopped: waits until the controller calls every location in sync and its
// content is that of the simulated caches.
void awaitConvergence(const Options& options, const Fleet& fleet, LookupClient& controller,
                      Report& report) {
  const std::string digest = fleet.contentDigest().hex();
  const auto start = std::chrono::steady_clock::now();
  const auto timeoutMs = static_cast<uint32_t>(options.faults.settleSeconds * 1000);
  report.converged = waitFor(timeoutMs, [&] {
    const auto status = controller.status();
    if (!status.ok()) return false;
    const ControllerStatus& now = status.value();
    return fleet.registered() == fleet.workers() && now.committed &&
           now.locationsInSync == now.locations && now.contentDigest == digest;
  });
  const auto took = std::chrono::steady_clock::now() - start;
  report.convergedSeconds = std::chrono::duration<double>(took).count();
}

int run(const Options& options) {
  const auto requests = makeRequests(options);
  if (!requests.ok()) {
    std::fprintf(stderr, "holdfast-fleet: %s\n", requests.error().message.c_str());
    return kExitUsage;
  }

  if (const auto wrong = invalidControllerAddresses(options.controller)) {
    std::fprintf(stderr, "holdfast-fleet: --controller: %s\n", wrong->c_str());
    return kExitUsage;
  }
  std::signal(SIGINT, onSignal);
  std::signal(SIGTERM, onSignal);
  if (options.engines.kind) return runEngines(options, requests.value(), stopRequested);
  Fleet fleet(options);
  // Look-ups have a thread of their own: reports do not delay them.
  ClientThread lookupThread;
  LookupClientOptions lookupOptions;
  lookupOptions.controller = options.controller;
  lookupOptions.security = options.security;
  lookupOptions.timeoutMs = kLookupTimeoutMs;
  LookupClient lookups(lookupThread, lookupOptions);
  lookupOptions.timeoutMs = 5'000;
  LookupClient queries(lookupThread, lookupOptions);

  if (!awaitRegistration(options, fleet)) return kExitNoController;
  fleet.markStart();

  Report report;
  {
    text::Progress progress;
    serveRequests(requests.value(), options, fleet, lookups, stopRequested, progress, report);
  }
  if (options.faults.any()) {
    fleet.stopFaults();
    awaitConvergence(options, fleet, queries, report);
  }
  compareContents(fleet, queries, report);
  const Fleet::Totals totals = fleet.sinceStart();
  report.replays = totals.replays;
  report.replayedOperations = totals.replayedOperations;
  report.fullSyncs = totals.fullSyncs;
  report.resyncedKeys = totals.fullSyncKeys;
  compareResumptions(fleet, queries, report);
  if (!options.leave) {
    if (const size_t left = fleet.leave(kLeaveTimeoutMs); left > 0) {
      std::fprintf(stderr, "holdfast-fleet: %zu workers could not deregister\n", left);
    }
  }
  if (options.json) {
    std::printf("%s\n", toJson(report).c_str());
  } else {
    std::fputs(toTable(report).c_str(), stdout);
  }
  if (options.json && !report.problem.empty()) {
    std::fprintf(stderr, "holdfast-fleet: %s\n", report.problem.c_str());
  }
  if (!outputWritten("holdfast-fleet")) return kExitOutput;
  return report.digestsEqual() && report.converged.value_or(true) ? kExitEqual : kExitDifferent;
}

}  // namespace

}  // namespace holdfast::fleet

int main(int argc, char** argv) {
  const auto parsed = holdfast::fleet::parseOptions(argc, argv);
  if (!parsed.options) return parsed.exitCode;
  return holdfast::fleet::run(*parsed.options);
}
