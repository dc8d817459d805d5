// The registry on its RocksDB store, without RPC: ingest, restart, forgetting a worker.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/filled_store.h"
#include "bench/ingest.h"
#include "bench/temporary_directory.h"
#include "core/controller.h"
#include "core/notice.h"
#include "notices/sentences.h"
#include "os/fault_ahead.h"
#include "store/rocks_store.h"

namespace holdfast::bench {
namespace {

constexpr uint64_t kMillion = 1000000;
// Reports between two polls of the store and ticks of the registry, as a busy loop has them.
constexpr size_t kReportsPerTurn = 64;

class SystemClock : public Clock {
 public:
  uint64_t steadyMs() const override { return ms(std::chrono::steady_clock::now()); }
  uint64_t wallMs() const override { return ms(std::chrono::system_clock::now()); }

 private:
  template <typename Time>
  static uint64_t ms(Time time) {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
  }
};

class Silence : public NoticeSink, public WorkerLink {
 public:
  void notice(const Notice& notice) override {
    if (levelOf(notice) == NoticeLevel::kWarning) progress(sentenceOf(notice));
  }
  void pause(const std::string& reason) override { paused = reason; }
  void resume() override {}
  void superseded(const std::string&) override {}
  void replay(const std::string&, uint64_t, uint64_t, uint64_t) override {}
  void startFullSync(const std::string&, Reason, uint64_t) override {}
  void closed(const std::string&) override {}
  void operate(const WorkerOperation&) override {}

  std::string paused;  // why reports were refused; empty: none was
};

// Controller and store, and the loop around them.
class Host {
 public:
  // Opens and recovers; error() if that fails.
  explicit Host(const std::string& dataDir, uint32_t familiesFree = StoreOptions().familiesFree) {
    faulter_.wait();
    StoreOptions options;
    options.familiesFree = familiesFree;
    options.dataDir = dataDir;
    options.create = true;
    auto opened = RocksStore::open(std::move(options));
    if (!opened.ok()) {
      error_ = opened.error().message;
      return;
    }
    store_ = std::move(opened.value());
    ControllerOptions controllerOptions;
    controllerOptions.registry.index.faulter = &faulter_;
    controller_.emplace(
        controllerOptions, clock_, *store_, []() { return uint64_t{1}; }, silence_);
  }

  const std::string& error() const { return error_; }
  const RecoveryReport& recovered() const { return controller_->recovered(); }
  const Registry& registry() const { return controller_->registry(); }

  template <typename Input>
  typename Input::Outcome take(const Input& input) {
    return controller_->take(input);
  }

  SessionId addWorker(const std::string& instance, uint32_t number) {
    const Registration registration = ingestWorker(instance, number);
    const auto outcome = take(input::Register{registration, silence_});
    if (!outcome.ok()) {
      error_ = outcome.error().message;
      return kNoSession;
    }
    return outcome.value().session;
  }

  // One report, when the store has room for it.
  void report(SessionId session, const Report& report) {
    while (!store_->hasRoom(report.operations.size() * sizeof(ChunkHash) + 256)) {
      store_->poll(*controller_);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    const auto outcome = take(input::Report{session, report});
    if (outcome.ok() && outcome.value() == ReportOutcome::kApplied) return;
    error_ = outcome.ok() ? "a report was not applied " + silence_.paused : outcome.error().message;
  }

  // What the loop does beside the messages.
  void turn() {
    store_->poll(*controller_);
    take(input::Tick{});
  }

  void waitCommitted() {
    while (!registry().ledger().allCommitted()) {
      store_->poll(*controller_);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  // `chunks` of each worker, in turns of one report each.
  void fill(const std::vector<SessionId>& workers, uint64_t chunks) {
    size_t reports = 0;
    forEachIngestReport(workers.size(), chunks, [&](size_t worker, const Report& one) {
      if (!error_.empty()) return;
      report(workers[worker], one);
      if (++reports % kReportsPerTurn == 0) turn();
    });
  }

  // Copies the store; `done` is called by a turn, with what went wrong.
  void backUp(const std::string& path, const std::function<void(const std::string&)>& done) {
    const auto refused = store_->checkpoint({path, {}}, [done](const CheckpointResult& result) {
      done(result.error ? result.error->message : "");
    });
    if (refused) done(refused->message);
  }
  bool committed() const { return registry().ledger().allCommitted(); }

  std::string close() {
    const auto lost = store_->close();
    return lost ? lost->message : "";
  }

 private:
  FaultAhead faulter_;
  SystemClock clock_;
  Silence silence_;
  std::unique_ptr<RocksStore> store_;
  std::optional<Controller> controller_;
  std::string error_;
};

std::string format(const char* pattern, double value) {
  char text[80];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

// Of this thread.
double processorMs() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// Empty, or why it could not be done.
std::string fillStore(const std::string& dataDir, size_t workerCount, uint64_t chunks) {
  // All families at once: making them in groups takes far longer where there are thousands.
  Host host(dataDir, static_cast<uint32_t>(2 * workerCount));
  if (!host.error().empty()) return host.error();
  std::vector<SessionId> workers;
  for (size_t i = 0; i < workerCount; ++i) {
    workers.push_back(host.addWorker("instance " + std::to_string(i), 0));
  }
  host.fill(workers, chunks);
  host.waitCommitted();
  return host.error().empty() ? host.close() : host.error();
}

// Reads a store back for nobody.
class Discarding : public RecoverySink {
 public:
  void begin(const RecoverySummary&) override {}
  void event(EventRecord) override {}
  void instance(OwnerId, const InstanceRecord&) override {}
  void worker(OwnerId, const WorkerRecord&, const std::vector<LocationRecord>&) override {}
  void segment(OwnerId, uint16_t, std::span<const ChunkHash>) override {}
  void journal(OwnerId, uint16_t, const JournalEntry&) override {}
  void batch(OwnerId, uint16_t, uint32_t, std::span<const ChunkHash>) override {}
  void buildingJournal(OwnerId, uint16_t, const JournalEntry&) override {}
  void pins(OwnerId, uint16_t, const PinRecord&, std::span<const ChunkHash>) override {}
  void finish(OwnerId) override {}
  void damaged(OwnerId, const std::string&, bool, uint32_t, const std::string&) override {}
};

// A start writes into tables what it finds in the log, up to 256 MiB, and leaves none to the next
// one: so each has a copy of the store as it was filled.
std::string copiedStore(const FilledStore& store, const TemporaryDirectory& directory) {
  const std::string path = directory.path() + "/store";
  std::filesystem::copy(store.dataDir, path, std::filesystem::copy_options::recursive);
  return path;
}

// Seconds of opening the store and reading all of it, without a registry; negative if that fails.
double scanSeconds(const FilledStore& store) {
  const TemporaryDirectory directory;
  StoreOptions options;
  options.dataDir = copiedStore(store, directory);
  const Stopwatch watch;
  auto opened = RocksStore::open(std::move(options));
  if (!opened.ok()) return -1;
  Discarding nobody;
  opened.value()->recover(nobody);
  return watch.seconds();
}

// Seconds of inserting what the store holds into an index that grows.
double insertSeconds(size_t workers, uint64_t chunks) {
  FaultAhead faulter;
  faulter.wait();
  ChunkIndex index({.faulter = &faulter});
  std::vector<HolderId> holders;
  for (size_t i = 0; i < workers; ++i) holders.push_back(index.addHolder());
  double total = 0;
  forEachIngestReport(workers, chunks, [&](size_t worker, const Report& report) {
    const Stopwatch watch;
    index.apply(holders[worker], 0, report.operations);
    total += watch.seconds();
  });
  return total;
}

RunResult restart(const RunOptions& options) {
  const FilledStore& store = filledStore(options);
  if (!store.error.empty()) return failed(store.error);
  const double scan = scanSeconds(store);
  if (scan < 0) return failed("the store cannot be read");
  const double insert = insertSeconds(store.workers, store.memberships / store.workers);
  const TemporaryDirectory directory;
  const std::string dataDir = options.lastRun ? store.dataDir : copiedStore(store, directory);
  RunResult result;
  const Stopwatch watch;
  Host host(dataDir);
  result.value = watch.seconds();
  if (!host.error().empty()) return failed(host.error());
  if (host.recovered().chunks != store.memberships) {
    return failed("recovered " + std::to_string(host.recovered().chunks) + " chunks");
  }
  result.limit = std::max(scan, insert);
  result.note =
      format("%.1f M chunks/s", static_cast<double>(store.memberships) / 1e6 / result.value) +
      format(", scan %.2f s", scan) + format(", insert %.2f s", insert);
  return result;
}

// In a process of its own: RocksDB goes through all families for each, which takes far longer in a
// memory that the rows before have scattered.
RunResult restartMany(const RunOptions& options) {
  static DaemonProcess daemon;
  static const size_t workers = options.size(4096);
  static const std::string filling = fillStore(daemon.dataDir(), workers, 0);
  if (!filling.empty()) return failed(filling);
  RunResult result;
  const Stopwatch watch;
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  result.value = watch.seconds();
  const std::string log = daemon.log();
  const bool stopped = daemon.stop();
  if (log.find(" " + std::to_string(workers) + " workers,") == std::string::npos || !stopped) {
    return failed("it did not recover " + std::to_string(workers) + " workers: " + log);
  }
  result.note = format("%.2f ms a worker", result.value * 1e3 / static_cast<double>(workers));
  return result;
}

RunResult forget(const RunOptions& options) {
  constexpr size_t kWorkers = 4;
  const TemporaryDirectory directory;
  Host host(directory.path());
  if (!host.error().empty()) return failed(host.error());
  std::vector<SessionId> workers;
  for (uint32_t i = 0; i < kWorkers; ++i) workers.push_back(host.addWorker("a", i));
  host.fill(workers, options.size(kMillion, kIngestCall));
  host.waitCommitted();
  if (!host.error().empty()) return failed(host.error());
  std::vector<double> turns;
  double processorMax = 0;  // what others on the machine do not lengthen
  const auto timed = [&](const auto& piece) {
    const Stopwatch watch;
    const double before = processorMs();
    piece();
    processorMax = std::max(processorMax, processorMs() - before);
    turns.push_back(watch.milliseconds());
  };
  timed([&] { (void)host.take(input::Deregister{workers[1]}); });
  bool more = true;
  while (more || !host.registry().ledger().allCommitted()) {
    timed([&] { more = host.take(input::Work{}); });
    timed([&] { host.turn(); });
  }
  RunResult result;
  result.value = *std::max_element(turns.begin(), turns.end());
  result.note = format("%.0f turns", static_cast<double>(turns.size())) +
                format(", at most %.2f ms of processor time", processorMax);
  return result;
}

// Reports go on while a store of 100 workers is copied: how long one of them, or the loop, waits.
class StallMeter {
 public:
  StallMeter(Host& host, std::vector<SessionId> workers, uint64_t chunks)
      : host_(host), workers_(std::move(workers)), next_(chunks) {}

  // A few reports, and the loop until they are committed.
  void round() {
    constexpr size_t kReports = 16;
    std::vector<ChunkHash> keys(kIngestCall);
    const Stopwatch commit;
    for (size_t i = 0; i < kReports; ++i) {
      for (ChunkHash& key : keys) key = splitmix64Finalise((uint64_t{1} << 40) + unique_++);
      host_.report(workers_[worker_], ingestReport(next_ + 1, keys));
      if (++worker_ == workers_.size()) {
        worker_ = 0;
        next_ += kIngestCall;
      }
    }
    while (!host_.committed() && host_.error().empty()) {
      const Stopwatch turn;
      host_.turn();
      turnMax = std::max(turnMax, turn.milliseconds());
    }
    commitMax = std::max(commitMax, commit.milliseconds());
  }

  double turnMax = 0;    // ms
  double commitMax = 0;  // ms

 private:
  Host& host_;
  const std::vector<SessionId> workers_;
  uint64_t next_;  // seq of the last operation of the workers that have not reported this time
  size_t worker_ = 0;
  uint64_t unique_ = 0;
};

RunResult backupStall(const RunOptions& options) {
  constexpr size_t kWorkers = 100;
  constexpr int kRoundsBefore = 500;
  const TemporaryDirectory directory;
  Host host(directory.path() + "/data");
  if (!host.error().empty()) return failed(host.error());
  std::vector<SessionId> workers;
  for (uint32_t i = 0; i < kWorkers; ++i) workers.push_back(host.addWorker("a", i));
  const uint64_t chunks = options.size(kMillion / 5, kIngestCall) / kIngestCall * kIngestCall;
  host.fill(workers, chunks);
  host.waitCommitted();
  StallMeter before(host, workers, chunks);
  for (int i = 0; i < kRoundsBefore; ++i) before.round();
  host.waitCommitted();
  // A round of all workers ends where it began.
  constexpr uint64_t kReportsBefore = uint64_t{kRoundsBefore} * 16 / kWorkers * kIngestCall;
  StallMeter during(host, workers, chunks + kReportsBefore);
  bool ended = false;
  std::string error;
  const Stopwatch watch;
  host.backUp(directory.path() + "/backup", [&](const std::string& wrong) {
    ended = true;
    error = wrong;
  });
  while (!ended && host.error().empty()) during.round();
  const double seconds = watch.seconds();
  if (error.empty()) error = host.error();
  if (!error.empty()) return failed(error);
  return {.value = std::max(during.commitMax, during.turnMax),
          .note = format("commit %.2f ms", during.commitMax) +
                  format(" (%.2f before)", before.commitMax) +
                  format(", turn %.2f ms", during.turnMax) +
                  format(" (%.2f before)", before.turnMax) + format(", took %.2f s", seconds),
          .error = {}};
}

}  // namespace

Registration ingestWorker(const std::string& instance, uint32_t number) {
  Registration registration;
  registration.instance = instance;
  registration.worker = number;
  registration.ip = "127.0.0.1";
  registration.port = 1;
  registration.run = 1;
  registration.attempt = 1;
  LocationStatement& location = registration.locations.emplace_back();
  location.location = "gpu";
  location.incarnation = 7;
  location.beganEmpty = true;
  return registration;
}

RunResult ingestIntoStore(const RunOptions& options) {
  const TemporaryDirectory directory;
  Host host(directory.path());
  if (!host.error().empty()) return failed(host.error());
  std::vector<SessionId> workers;
  for (uint32_t i = 0; i < kIngestWorkers; ++i) workers.push_back(host.addWorker("a", i));
  host.waitCommitted();
  const uint64_t chunks = ingestChunks(options);
  const Stopwatch watch;
  host.fill(workers, chunks);
  host.waitCommitted();
  const double seconds = watch.seconds();
  if (!host.error().empty()) return failed(host.error());
  RunResult result;
  const double operations = static_cast<double>(chunks * kIngestWorkers);
  result.value = operations / seconds / 1e6;
  result.note =
      format("%.0f folds", static_cast<double>(host.registry().counters().foldsCommitted));
  return result;
}

const FilledStore& filledStore(const RunOptions& options) {
  constexpr size_t kWorkers = 100;
  static const TemporaryDirectory directory;
  static const FilledStore store = [&] {
    const uint64_t chunks = options.size(kMillion, kIngestCall);
    FilledStore filled{directory.path(), kWorkers, kWorkers * chunks, {}};
    filled.error = fillStore(filled.dataDir, kWorkers, chunks);
    return filled;
  }();
  return store;
}

std::vector<Row> storeRows() {
  return {
      {.name = "ingest_core",
       .what = "durable ingest, core and store, 256 operations a report",
       .unit = "M/s",
       .floor = 5,
       .aim = 10,
       .better = Better::kHigher,
       .run = ingestIntoStore},
      {.name = "restart",
       .what = "restart to serving, 100 workers x 1 M chunks",
       .unit = "s",
       .floor = 12,
       .aim = 5,
       .better = Better::kLower,
       .run = restart,
       .limit = "the slower of reading the store and inserting what it holds",
       .floorOfLimit = 1.2},
      {.name = "restart_many",
       .what = "restart to serving, 4,096 instances with a worker each and no chunks",
       .unit = "s",
       .floor = 10,
       .aim = 5,
       .better = Better::kLower,
       .run = restartMany},
      {.name = "forget",
       .what = "longest turn while a worker of 1 M chunks is forgotten and swept",
       .unit = "ms",
       .floor = 1,
       .aim = 0.3,
       .better = Better::kLower,
       .run = forget},
      {.name = "backup_stall",
       .what = "longest that a report or the loop waits while a store of 100 workers is backed up",
       .unit = "ms",
       .floor = 50,
       .aim = 20,
       .better = Better::kLower,
       .run = backupStall},
  };
}

}  // namespace holdfast::bench
