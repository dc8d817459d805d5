// Rows of controllers that share a log on NATS JetStream: three servers on this machine, which take
// their part of its processors.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <span>
#include <thread>

#include "bench/bench.h"
#include "bench/confirmations.h"
#include "bench/daemon_process.h"
#include "bench/ingest.h"
#include "bench/nats_cluster.h"
#include "bench/rpc_load.h"
#include "client/lookup_client.h"

namespace holdfast::bench {
namespace {

constexpr double kCatchUpSecondsMax = 120;

std::string formatted(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

RunResult withLog(const std::function<RunResult(const NatsCluster&)>& measure) {
  if (const std::string why = NatsCluster::missing(); !why.empty()) return skipped(why);
  NatsCluster log;
  if (const std::string error = log.start(); !error.empty()) return failed(error);
  return measure(log);
}

RunResult ingestReplicated(const RunOptions& run) {
  if (const std::string why = NatsCluster::missing(); !why.empty()) return skipped(why);
  // Before there are servers beside it.
  const RunResult alone = ingestThroughRpc(run, {});
  if (!alone.error.empty()) return alone;
  return withLog([&](const NatsCluster& log) {
    RunResult replicated = ingestThroughRpc(run, log.daemonArguments());
    replicated.note += ", " + formatted("%.2f M/s", alone.value) + " without a log";
    replicated.limit = alone.value;
    return replicated;
  });
}

// --- confirmations ---

// So many operations a second, evenly, of all workers together, until its end.
class SteadyIngest {
 public:
  SteadyIngest(const std::string& controller, double perSecond) : perSecond_(perSecond) {
    for (uint32_t rank = 0; rank < kRpcWorkers; ++rank) {
      ClientOptions options = rpcWorker(controller, rank);
      options.instance = "steady";  // beside the workers of ingestInto()
      options.batchOperations = 256;
      clients_.push_back(std::make_unique<Client>(thread_, options));
    }
    if (allRegistered(clients_, 1)) load_ = std::thread([this] { run(); });
  }
  ~SteadyIngest() {
    ending_ = true;
    if (load_.joinable()) load_.join();
  }
  SteadyIngest(const SteadyIngest&) = delete;
  SteadyIngest& operator=(const SteadyIngest&) = delete;

  bool runs() const { return load_.joinable(); }

 private:
  void run() {
    constexpr std::chrono::milliseconds kTurn{2};
    const double perTurn = perSecond_ * 0.002 / kRpcWorkers;
    std::vector<ChunkHash> keys;
    uint64_t reported = 0;
    auto next = std::chrono::steady_clock::now();
    for (uint64_t turn = 1; !ending_; ++turn) {
      const auto due = static_cast<uint64_t>(perTurn * static_cast<double>(turn));
      for (uint32_t rank = 0; rank < kRpcWorkers; ++rank) {
        keys.clear();
        for (uint64_t i = reported; i < due; ++i) {
          keys.push_back(splitmix64Finalise((uint64_t{rank} << 40) + i));
        }
        clients_[rank]->admit(LocationHandle{0}, keys);
      }
      reported = due;
      next += kTurn;
      std::this_thread::sleep_until(next);
    }
  }

  const double perSecond_;
  ClientThread thread_;
  Clients clients_;
  std::atomic<bool> ending_{false};
  std::thread load_;
};

struct Waits {
  double p50 = 0;
  double p99 = 0;
  std::string error;
};

// What a worker waits for a confirmation while others report so much.
Waits waitsUnder(double operationsPerSecond, double seconds,
                 const std::vector<std::string>& arguments) {
  DaemonProcess daemon(arguments);
  if (const std::string error = daemon.start(); !error.empty()) return {0, 0, error};
  const SteadyIngest load(daemon.address(), operationsPerSecond);
  if (!load.runs()) return {0, 0, "workers did not register"};
  const auto times = confirmationTimes(daemon.address(), seconds);
  if (!times.ok()) return {0, 0, times.error().message};
  return {quantile(times.value(), 0.5), quantile(times.value(), 0.99), {}};
}

RunResult confirmations(const RunOptions& run, double share) {
  return withLog([&](const NatsCluster& log) {
    DaemonProcess fast(log.daemonArguments());
    if (const std::string error = fast.start(); !error.empty()) return failed(error);
    const RunResult rate = ingestInto(fast.address(), run.size(500'000, 10'000));
    fast.kill();
    if (!rate.error.empty()) return rate;
    const double perSecond = share * rate.value * 1e6;
    const double seconds = std::max(0.2, 4 * std::min(1.0, run.scale));
    NatsCluster other;
    if (const std::string error = other.start(); !error.empty()) return failed(error);
    const Waits with = waitsUnder(perSecond, seconds, other.daemonArguments());
    if (!with.error.empty()) return failed(with.error);
    const Waits alone = waitsUnder(perSecond, seconds, {});
    if (!alone.error.empty()) return failed(alone.error);
    return RunResult{.value = with.p99,
                     .note = "p50 " + formatted("%.1f ms", with.p50) + " at " +
                             formatted("%.2f M/s", perSecond / 1e6) + "; without a log p50 " +
                             formatted("%.1f", alone.p50) + ", p99 " +
                             formatted("%.1f ms", alone.p99),
                     .error = {},
                     .limit = alone.p99};
  });
}

// --- followers ---

// A follower that comes when the log has everything: how fast it applies that.
RunResult catchUp(const RunOptions& run) {
  return withLog([&](const NatsCluster& log) {
    DaemonProcess leader(log.daemonArguments());
    if (const std::string error = leader.start(); !error.empty()) return failed(error);
    const uint64_t perWorker = run.size(2'000'000, 10'000);
    const RunResult ingested = ingestInto(leader.address(), perWorker);
    if (!ingested.error.empty()) return ingested;

    const uint64_t operations = perWorker * kRpcWorkers;
    DaemonProcess follower(log.daemonArguments());
    const Stopwatch watch;
    if (const std::string error = follower.start(); !error.empty()) return failed(error);
    ClientThread thread;
    LookupClient asking(thread, {.controller = follower.address()});
    std::optional<uint64_t> before;  // that it had when it was asked first
    double sinceSeconds = 0;
    while (watch.seconds() < kCatchUpSecondsMax) {
      const auto status = asking.status();
      if (!status.ok()) return failed(status.error().message);
      const uint64_t has = status.value().memberships;
      if (!before) {
        before = has;
        sinceSeconds = watch.seconds();
      } else if (has == operations) {
        const double seconds = watch.seconds() - sinceSeconds;
        return RunResult{
            .value = static_cast<double>(operations - *before) / seconds / 1e6,
            .note = std::to_string(operations) + " operations, " +
                    formatted("%.2f s from the start of its process, ", watch.seconds()) +
                    formatted("%.2f s of processors", follower.processorSeconds()),
            .error = {}};
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return failed("the follower did not catch up: " + follower.log());
  });
}

// The longest that the loop let one of these look-ups wait, ms: one each millisecond until done().
template <typename Done>
Result<double> longestWait(LookupClient& asking, const Done& done) {
  if (const auto begun = asking.status(true); !begun.ok()) return begun.error();
  do {
    if (const auto answer = asking.lookup({1}); !answer.ok()) return answer.error();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  } while (!done());
  const auto status = asking.status();
  if (!status.ok()) return status.error();
  return static_cast<double>(status.value().lookupWindowMaxUs) / 1e3;
}

// A new controller copies the store of the one that leads, beside reports.
RunResult joinReplica(const RunOptions& run) {
  constexpr double kReportsPerSecond = 200'000;
  return withLog([&](const NatsCluster& log) {
    DaemonProcess leader(log.daemonArguments());
    if (const std::string error = leader.start(); !error.empty()) return failed(error);
    const RunResult ingested = ingestInto(leader.address(), run.size(5'000'000, 10'000));
    if (!ingested.error.empty()) return ingested;
    const SteadyIngest load(leader.address(), kReportsPerSecond);
    if (!load.runs()) return failed("workers did not register");

    ClientThread thread;
    LookupClient asking(thread, {.controller = leader.address()});
    std::vector<std::string> arguments = log.daemonArguments();
    arguments.insert(arguments.end(), {"--join", leader.address()});
    DaemonProcess joining(arguments);
    std::string error;
    std::atomic<bool> joined{false};
    const Stopwatch watch;
    std::thread start([&] {
      error = joining.start();
      joined = true;
    });
    const auto beside = longestWait(asking, [&] { return joined.load(); });
    start.join();
    const double seconds = watch.seconds();
    if (!error.empty()) return failed(error);
    if (!beside.ok()) return failed(beside.error().message);
    joining.kill();
    const Stopwatch after;
    const auto alone = longestWait(asking, [&] { return after.seconds() >= seconds; });
    if (!alone.ok()) return failed(alone.error().message);
    const auto status = asking.status();
    if (!status.ok()) return failed(status.error().message);
    return RunResult{.value = beside.value(),
                     .note = formatted("in %.1f s, a store of ", seconds) +
                             formatted("%.0f MiB with ",
                                       static_cast<double>(status.value().diskBytes) / (1 << 20)) +
                             std::to_string(status.value().memberships) + " memberships; " +
                             formatted("%.1f ms without", alone.value()),
                     .error = {}};
  });
}

// Followers that hear nothing for 300 ms want to lead: not because the machine is busy.
RunResult leaderStays(const RunOptions& run) {
  return withLog([&](const NatsCluster& log) {
    std::array<DaemonProcess, 3> group = {DaemonProcess(log.daemonArguments()),
                                          DaemonProcess(log.daemonArguments()),
                                          DaemonProcess(log.daemonArguments())};
    std::string all;
    for (DaemonProcess& one : group) {
      if (const std::string error = one.start(); !error.empty()) return failed(error);
      all += (all.empty() ? "" : ",") + one.address();
    }
    ClientThread thread;
    LookupClient asking(thread, {.controller = all});
    const auto before = asking.status();
    if (!before.ok()) return failed(before.error().message);
    const Stopwatch watch;
    const RunResult ingested = ingestInto(all, run.size(2'000'000, 10'000));
    if (!ingested.error.empty()) return ingested;
    const double seconds = watch.seconds();
    const auto after = asking.status();
    if (!after.ok()) return failed(after.error().message);
    return RunResult{
        .value = static_cast<double>(after.value().replica.epoch - before.value().replica.epoch),
        .note = "in " + formatted("%.1f s of ", seconds) + formatted("%.2f M/s", ingested.value),
        .error = {}};
  });
}

}  // namespace

std::vector<Row> replicationRows() {
  const std::string alone = "the same without a log";
  return {
      {.name = "ingest_replicated",
       .what = "ingest_rpc of a controller whose log is on three servers of NATS",
       .unit = "M/s",
       .floor = 2,
       .aim = 4,
       .better = Better::kHigher,
       .run = ingestReplicated,
       .limit = alone},
      {.name = "confirm_10",
       .what = "p99 from a report to its confirmation, at 10 % of that rate",
       .unit = "ms",
       .floor = 100,
       .aim = 20,
       .better = Better::kLower,
       .run = [](const RunOptions& run) { return confirmations(run, 0.1); },
       .limit = alone},
      {.name = "confirm_50",
       .what = "the same at 50 %",
       .unit = "ms",
       .floor = 200,
       .aim = 50,
       .better = Better::kLower,
       .run = [](const RunOptions& run) { return confirmations(run, 0.5); },
       .limit = alone},
      {.name = "replica_catch_up",
       .what = "a new follower reads and applies the log of its group",
       .unit = "M/s",
       .floor = 10,
       .aim = 20,
       .better = Better::kHigher,
       .run = catchUp},
      {.name = "replica_join",
       .what = "longest wait for the loop of a controller that gives a new one a copy of its store",
       .unit = "ms",
       .floor = 50,
       .aim = 20,
       .better = Better::kLower,
       .run = joinReplica},
      {.name = "leader_stays",
       .what = "take-overs while three controllers of a group ingest at full speed",
       .unit = "",
       .floor = 0,
       .aim = 0,
       .better = Better::kLower,
       .run = leaderStays},
  };
}

}  // namespace holdfast::bench
