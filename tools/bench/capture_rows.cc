// What a capture log costs, and how fast it is replayed.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/ingest.h"
#include "bench/temporary_directory.h"
#include "capture/log_reader.h"
#include "capture/player.h"
#include "capture/recorder.h"
#include "core/notice.h"
#include "notices/sentences.h"
#include "os/fault_ahead.h"

namespace holdfast::bench {
namespace {

namespace fs = std::filesystem;

// The time of the same ingest through RPC with a log and without one, in turns.
RunResult captureCost(const RunOptions& options) {
  constexpr int kTurns = 3;
  const TemporaryDirectory directory;
  double secondsWith = 0;
  double secondsWithout = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    const RunResult without = ingestThroughRpc(options, {});
    if (!without.error.empty()) return failed(without.error);
    const RunResult with = ingestThroughRpc(options, {"--capture", directory.path()});
    if (!with.error.empty()) return failed(with.error);
    secondsWithout += 1 / without.value;
    secondsWith += 1 / with.value;
    std::error_code ignored;
    for (const auto& log : fs::directory_iterator(directory.path())) {
      fs::remove_all(log.path(), ignored);
    }
  }
  return {.value = (secondsWith / secondsWithout - 1) * 100,
          .note = std::to_string(static_cast<int>(kTurns / secondsWith * 10) / 10.0).substr(0, 4) +
                  " M/s with a log",
          .error = {}};
}

class SteadyTime final : public Clock {
 public:
  uint64_t steadyMs() const override { return 1'000; }
  uint64_t wallMs() const override { return 1'700'000'000'000; }
};

class Silence final : public NoticeSink, public WorkerLink {
 public:
  void notice(const Notice& notice) override {
    if (levelOf(notice) == NoticeLevel::kWarning) progress(sentenceOf(notice));
  }
  void pause(const std::string&) override {}
  void resume() override {}
  void superseded(const std::string&) override {}
  void replay(const std::string&, uint64_t, uint64_t, uint64_t) override {}
  void startFullSync(const std::string&, Reason, uint64_t) override {}
  void closed(const std::string&) override {}
  void operate(const WorkerOperation&) override {}
};

// Captures the messages of ingest_core. Empty, or why that failed.
std::string captureIngest(const std::string& directory, uint64_t workers, uint64_t chunks) {
  SteadyTime clock;
  ReplayStore store(nullptr, {});
  Silence silence;
  Controller controller(
      {}, clock, store, []() { return uint64_t{1}; }, silence);
  Recorder recorder(controller, silence);
  LogOptions log;
  log.directory = directory;
  log.queueBytesMax = size_t{4} << 30;  // nobody waits for the disk here
  auto writer = LogWriter::open(log);
  if (!writer.ok()) return writer.error().message;
  recorder.begin(std::move(writer.value()), {});
  std::vector<SessionId> sessions;
  for (uint32_t i = 0; i < workers; ++i) {
    const auto outcome = controller.take(input::Register{ingestWorker("a", i), silence});
    if (!outcome.ok()) return outcome.error().message;
    sessions.push_back(outcome.value().session);
  }
  forEachIngestReport(workers, chunks, [&](size_t worker, const Report& report) {
    (void)controller.take(input::Report{sessions[worker], report});
  });
  recorder.end(Recorder::End::kSwitchedOff);
  return controller.registry().counters().operations == workers * chunks
             ? ""
             : "reports were not applied";
}

// A replay of the messages of ingest_core, over ingest_core.
RunResult replaySpeed(const RunOptions& options) {
  const RunResult live = ingestIntoStore(options);
  if (!live.error.empty()) return live;
  const TemporaryDirectory directory;
  const uint64_t chunks = ingestChunks(options);
  if (const std::string error = captureIngest(directory.path(), kIngestWorkers, chunks);
      !error.empty()) {
    return failed(error);
  }
  auto log = LogReader::open({directory.path()});
  if (!log.ok()) return failed(log.error().message);
  Silence silence;
  FaultAhead faulter;
  faulter.wait();
  Player player({.recovery = {}, .into = nullptr, .faulter = &faulter}, silence);
  const Stopwatch watch;
  while (log.value()->next()) {
    if (const auto why = player.play(log.value()->entry())) return failed(*why);
  }
  const double seconds = watch.seconds();
  if (!player.differences().empty()) return failed(player.differences().front());
  const double replayed = static_cast<double>(chunks * kIngestWorkers) / seconds / 1e6;
  return {.value = replayed / live.value,
          .note = std::to_string(replayed).substr(0, 4) + " M/s, " +
                  std::to_string(live.value).substr(0, 4) + " M/s live",
          .error = {}};
}

}  // namespace

std::vector<Row> captureRows() {
  return {
      {.name = "capture_cost",
       .what = "time that ingest through RPC takes longer with a capture log",
       .unit = "%",
       .floor = 10,
       .aim = 5,
       .better = Better::kLower,
       .run = captureCost},
      {.name = "replay_speed",
       .what = "replay of a log flat out over ingest_core",
       .unit = "x",
       .floor = 0.7,
       .aim = 1,
       .better = Better::kHigher,
       .run = replaySpeed},
  };
}

}  // namespace holdfast::bench
