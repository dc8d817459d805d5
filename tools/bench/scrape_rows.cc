// What a scrape of a whole fleet takes of the event loop.

#include <fcntl.h>
#include <kj/async-io.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "access/access_control.h"
#include "bench/bench.h"
#include "capture/replay_store.h"
#include "core/controller.h"
#include "core/notice.h"
#include "core/worker_link.h"
#include "metrics/scrape.h"
#include "net/loop_turns.h"
#include "os/file_limit.h"
#include "rpc/server.h"

namespace holdfast::bench {
namespace {

constexpr uint32_t kRanksOfInstance = 8;
constexpr const char* kTiers[] = {"gpu", "cpu", "disk", "remote"};
// Locations that change between two scrapes.
constexpr int kChangesBetween = 64;

class StandingClock final : public Clock {
 public:
  uint64_t steadyMs() const override { return 1'000; }
  uint64_t wallMs() const override { return 1'000; }
};

class SilentNotices final : public NoticeSink {
 public:
  void notice(const Notice&) override {}
};

class SilentLink final : public WorkerLink {
 public:
  void pause(const std::string&) override {}
  void resume() override {}
  void replay(const std::string&, uint64_t, uint64_t, uint64_t) override {}
  void startFullSync(const std::string&, Reason, uint64_t) override {}
  void operate(const WorkerOperation&) override {}
  void superseded(const std::string&) override {}
  void closed(const std::string&) override {}
};

// Of this thread: what others take of the processors meanwhile is no part of a scrape.
double processorMs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// As many files as the fleet's connections would be.
class OpenFiles {
 public:
  explicit OpenFiles(uint32_t count) {
    raiseFileLimit();
    for (uint32_t i = 0; i < count; ++i) files_.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  ~OpenFiles() {
    for (const int file : files_) close(file);
  }
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;

 private:
  std::vector<int> files_;
};

// A controller with a fleet, which nobody is connected to, on a store that keeps nothing.
class ScrapedFleet {
 public:
  explicit ScrapedFleet(uint32_t workers)
      : io_(kj::setupAsyncIo()),
        store_(nullptr, {}),
        controller_(
            optionsFor(workers), clock_, store_, [this]() { return ++drawn_; }, notices_),
        turns_(io_.lowLevelProvider->getTimer()),
        server_(ServerOptions{.hashing = {}, .metricsOfInstances = true}, ProcessFacts(),
                controller_, store_, notices_, access_, turns_, io_.unixEventPort),
        files_(workers) {
    for (uint32_t i = 0; i < workers; ++i) add(i);
  }

  // Whether everything was taken so far.
  bool ready() const { return ready_; }
  void change() {
    for (int i = 0; i < kChangesBetween; ++i) {
      Place& place = places_[random_() % places_.size()];
      const ChunkHash key = splitmix64Finalise(++nextKey_);
      const Report report{kTiers[place.tier], 1, ++place.seq, {{&key, 1}, {}}};
      ready_ = controller_.take(input::Report{place.session, report}).ok() && ready_;
    }
  }
  Services& services() { return server_.services(); }

 private:
  struct Place {
    SessionId session = kNoSession;
    size_t tier = 0;
    uint64_t seq = 0;
  };

  static ControllerOptions optionsFor(uint32_t workers) {
    ControllerOptions options;
    options.registry.lifeCycle.workersMax = workers;
    return options;
  }
  void add(uint32_t number) {
    Registration message;
    message.instance = "instance-" + std::to_string(number / kRanksOfInstance);
    message.worker = number % kRanksOfInstance;
    message.run = message.attempt = 1;
    for (const char* tier : kTiers) message.locations.push_back({tier, 1, true, 0, 0, {}, 1, 0});
    const auto registered = controller_.take(input::Register{message, link_});
    ready_ = ready_ && registered.ok();
    if (!registered.ok()) return;
    for (size_t tier = 0; tier < std::size(kTiers); ++tier) {
      places_.push_back({registered.value().session, tier, 0});
    }
  }

  kj::AsyncIoContext io_;
  StandingClock clock_;
  SilentNotices notices_;
  SilentLink link_;
  ReplayStore store_;
  uint64_t drawn_ = 0;
  Controller controller_;
  AccessControl access_ = AccessControl::open({}).value();
  LoopTurns turns_;
  Server server_;
  OpenFiles files_;
  std::vector<Place> places_;
  std::mt19937_64 random_{1};
  uint64_t nextKey_ = 0;
  bool ready_ = true;
};

RunResult scrapeOfFleet(const RunOptions& run) {
  ScrapedFleet fleet(static_cast<uint32_t>(run.size(4'096, 64)));
  if (!fleet.ready()) return failed("a registration was refused");
  const uint64_t scrapes = run.size(1'000, 100);
  std::vector<double> longest;
  std::vector<double> all;
  size_t bytes = 0;
  for (uint64_t i = 0; i < scrapes; ++i) {
    fleet.change();
    metrics::Scrape scrape(fleet.services());
    double longestMs = 0;
    double allMs = 0;
    for (bool more = true; more;) {
      const double begin = processorMs();
      more = scrape.step();
      const double took = processorMs() - begin;
      longestMs = std::max(longestMs, took);
      allMs += took;
    }
    longest.push_back(longestMs);
    all.push_back(allMs);
    bytes = scrape.take().size();
  }
  char note[120];
  std::snprintf(note, sizeof note, "%.2f ms in pieces, %zu KiB with numbers of each instance",
                median(std::move(all)), bytes >> 10);
  if (!fleet.ready()) return failed("a report was refused");
  return {.value = quantile(std::move(longest), 0.99), .note = note, .error = {}};
}

}  // namespace

std::vector<Row> scrapeRows() {
  return {{.name = "scrape",
           .what = "p99 of the longest turn that a scrape takes, 4,096 workers with 16,384 "
                   "locations",
           .unit = "ms",
           .floor = 1,
           .aim = 0.3,
           .better = Better::kLower,
           .run = scrapeOfFleet}};
}

}  // namespace holdfast::bench
