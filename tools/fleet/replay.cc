#include "fleet/replay.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "fleet/fault_schedule.h"
#include "fleet/outage.h"
#include "fleet/router.h"
#include "locks/mutex.h"

namespace holdfast::fleet {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

// Requests whose look-up is under way. A real router has such a bound as well.
constexpr size_t kInFlightMax = 1'024;
constexpr auto kIdle = std::chrono::milliseconds(50);

struct Answer {
  size_t request = 0;
  bool askedWhole = false;                             // while all workers were registered
  bool wasHeld = false;                                // its first chunk, by somebody, then
  uint64_t us = 0;                                     // since it was asked
  std::optional<std::vector<InstanceLayout>> layouts;  // nothing: failed
};

// Answers on their way from the client's thread to the one that serves. Outlives its callbacks:
// the look-up client ends every call before it goes.
class AnswerQueue {
 public:
  void push(Answer answer) {
    const MutexLock lock(mutex_);
    answers_.push_back(std::move(answer));
    arrived_.notifyOne();
  }
  // All that are there, if need be waiting for one until `end`.
  std::deque<Answer> take(SteadyTime end) {
    const MutexLock lock(mutex_);
    while (answers_.empty() && arrived_.waitUntil(mutex_, end)) {
    }
    return std::exchange(answers_, {});
  }

 private:
  Mutex mutex_;
  Condition arrived_;
  std::deque<Answer> answers_ HOLDFAST_GUARDED_BY(mutex_);
};

class Replay {
 public:
  Replay(const std::vector<Request>& requests, const Options& options, Fleet& fleet,
         LookupClient& lookups, const std::atomic<bool>& stop, text::Progress& progress,
         Report& report)
      : requests_(requests),
        options_(options),
        fleet_(fleet),
        lookups_(lookups),
        stop_(stop),
        progress_(progress),
        report_(report),
        router_(options.instances),
        queue_(std::make_shared<AnswerQueue>()),
        plan_(options.faults, options.seed, fleet.workers()) {}

  void run() {
    start_ = std::chrono::steady_clock::now();
    size_t next = 0;
    while ((next < requests_.size() && !stop_) || inFlight_ > 0) {
      for (const FaultPlan::Event& event : plan_.until(secondsSinceStart())) suffer(event);
      const bool more = next < requests_.size() && !stop_;
      const SteadyTime now = std::chrono::steady_clock::now();
      if (more && inFlight_ < kInFlightMax && dueAt(next) <= now) {
        begin(next++);
        watch(next);
        continue;
      }
      SteadyTime wake = now + kIdle;
      if (more && inFlight_ < kInFlightMax) wake = std::min(wake, dueAt(next));
      for (const Answer& answer : queue_->take(wake)) finish(answer);
      watch(next);
    }
    report_.seconds = secondsSinceStart();
    report_.operations = fleet_.sinceStart().operations;
    report_.lookupP50Us = latencies_.percentile(0.5);
    report_.lookupP99Us = latencies_.percentile(0.99);
    report_.lookupP999Us = latencies_.percentile(0.999);
    progress_.clear();
  }

 private:
  bool isWhole() const { return fleet_.registered() == fleet_.workers(); }

  double secondsSinceStart() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  SteadyTime dueAt(size_t request) const {
    const double last = static_cast<double>(std::max<uint64_t>(requests_.back().timestampMs, 1));
    const double share = static_cast<double>(requests_[request].timestampMs) / last;
    return start_ + std::chrono::duration_cast<SteadyTime::duration>(
                        std::chrono::duration<double>(share * options_.seconds));
  }

  void begin(size_t request) {
    const std::vector<ChunkHash>& chunks = requests_[request].chunks;
    if (options_.routing == Routing::kRoundRobin) {
      return serve(request, router_.next(chunks.size()));
    }
    if (options_.routing == Routing::kOracle) {
      return serve(request, router_.byPrefix(fleet_.holders(chunks), chunks.size()));
    }
    ++inFlight_;
    lookups_.lookup(
        chunks, {},
        [queue = queue_, request, whole = isWhole(), held = fleet_.holds(chunks.front()),
         asked = std::chrono::steady_clock::now()](Result<LookupAnswer> result) {
          const auto took = std::chrono::steady_clock::now() - asked;
          Answer answer{.request = request,
                        .askedWhole = whole,
                        .wasHeld = held,
                        .us = static_cast<uint64_t>(
                            std::chrono::duration_cast<std::chrono::microseconds>(took).count()),
                        .layouts = {}};
          if (result.ok()) answer.layouts = std::move(result.value().layouts);
          queue->push(std::move(answer));
        });
  }

  void finish(const Answer& answer) {
    --inFlight_;
    const size_t chunks = requests_[answer.request].chunks.size();
    if (!answer.layouts) {
      ++report_.lookupsFailed;
      serve(answer.request, router_.next(chunks));
      return;
    }
    ++report_.lookups;
    if (answer.askedWhole && isWhole()) latencies_.add(answer.us);
    holders_.clear();
    for (const InstanceLayout& layout : *answer.layouts) {
      // Others may share the controller; their caches are of no use here.
      const auto instance = fleet_.instanceNamed(layout.instance);
      if (instance) holders_.push_back({*instance, layout.matchedChunks});
    }
    report_.lookupsBlind += holders_.empty() && answer.wasHeld &&
                            fleet_.holds(requests_[answer.request].chunks.front());
    serve(answer.request, router_.byPrefix(holders_, chunks));
  }

  void suffer(const FaultPlan::Event& event) {
    fleet_.suffer(event);
    report_.restarts += event.kind == FaultPlan::Kind::kRestart;
    report_.cuts += event.kind == FaultPlan::Kind::kCut;
    report_.corruptions += event.kind == FaultPlan::Kind::kCorrupt;
  }

  void serve(size_t request, size_t instance) {
    const auto& chunks = requests_[request].chunks;
    const size_t hits = fleet_.serve(instance, chunks);
    ++report_.requests;
    report_.hits.add(chunks.size(), hits);
    const bool lost = fleet_.sessionsWereLost();
    if (!lost) {
      report_.hitsBefore.add(chunks.size(), hits);
    } else if (isWhole()) {
      report_.hitsAfter.add(chunks.size(), hits);
    }
  }

  void tell(Outage::News news, size_t registered) {
    if (news == Outage::News::kGone) {
      // Of several the others answer look-ups.
      const bool several = options_.controller.find(',') != std::string::npos;
      progress_.event(several ? "The leader is gone: reports wait."
                              : "The controller is gone: requests go round-robin, reports wait.");
    } else if (news == Outage::News::kBack) {
      char text[100];
      std::snprintf(text, sizeof text, "All %zu workers are registered again after %.1f s.",
                    registered, outage_.seconds());
      progress_.event(text);
    }
  }

  // Tells a person what is going on.
  void watch(size_t next) {
    const size_t registered = fleet_.registered();
    // With faults workers come and go all the time.
    if (!options_.faults.any()) tell(outage_.see(isWhole(), secondsSinceStart()), registered);
    const double done = static_cast<double>(next) / static_cast<double>(requests_.size());
    char details[120];
    std::snprintf(details, sizeof details, "%zu requests, hit share %.1f %%, %zu of %zu workers",
                  next, report_.hits.ratio().value_or(0) * 100, registered, fleet_.workers());
    progress_.show(done, options_.seconds - secondsSinceStart(), details);
  }

  const std::vector<Request>& requests_;
  const Options& options_;
  Fleet& fleet_;
  LookupClient& lookups_;
  const std::atomic<bool>& stop_;
  text::Progress& progress_;
  Report& report_;

  Router router_;
  std::shared_ptr<AnswerQueue> queue_;
  FaultPlan plan_;
  LatencyLog latencies_;
  std::vector<PrefixHolder> holders_;
  SteadyTime start_;
  size_t inFlight_ = 0;
  Outage outage_;
};

}  // namespace

void serveRequests(const std::vector<Request>& requests, const Options& options, Fleet& fleet,
                   LookupClient& lookups, const std::atomic<bool>& stop, text::Progress& progress,
                   Report& report) {
  Replay(requests, options, fleet, lookups, stop, progress, report).run();
}

}  // namespace holdfast::fleet
