// Random operations, answers, losses, restarts of workers and of the controller, against what the
// worker processes really did.
//
//   HOLDFAST_SEED=n runs that one sequence, HOLDFAST_SEQUENCES=n so many of them.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <set>
#include <span>

#include "executor_fixture.h"

namespace holdfast::test {
namespace {

constexpr uint32_t kRanks = 3;
// What every process holds in its location "gpu".
constexpr ChunkHash kHeld[] = {1, 2, 3};
constexpr const char* kInstances[] = {"a", "b"};

uint64_t fromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

// What a worker process did with one operation.
struct Deed {
  bool finished = false;
  bool failed = false;
  uint64_t tokens = 0;
  bool awaited = false;  // the present session is to be answered when it has finished
};

struct Process {
  std::string instance;
  uint32_t rank = 0;
  uint64_t run = 0;
  uint64_t attempt = 0;
  std::map<uint64_t, Deed> deeds;  // by number
  SessionId session = kNoSession;  // kNoSession: not connected
  std::shared_ptr<AskedLink> link;
  size_t delivered = 0;  // of link->asked
};

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    options_.timeoutMs.fill(2'000);
    options_.eventsKeptMax = 30;
    open({});
    for (const char* instance : kInstances) {
      for (uint32_t rank = 0; rank < kRanks; ++rank) {
        processes_.push_back(std::make_unique<Process>());
        processes_.back()->instance = instance;
        processes_.back()->rank = rank;
        restartWorker(*processes_.back());
      }
    }
  }

  void step() {
    Process& process = *processes_[below(processes_.size())];
    switch (below(20)) {
      case 0:
      case 1:
      case 2:
        return start();
      case 3:
      case 4:
      case 5:
        return commit(1 + below(3));
      case 6:
      case 7:
      case 8:
      case 9:
        return deliver(process);
      case 10:
      case 11:
      case 12:
      case 13:
        return finish(process);
      case 14:
        return cut(process);
      case 15:
      case 16:
        return connect(process);
      case 17:
        if (below(4) == 0) restartWorker(process);
        return;
      case 18:
        if (below(4) == 0) killController();
        return;
      default:
        clock_.nowMs += below(300);
        controller_->take(input::Tick{});
        controller_->take(input::Work{});
        return check();
    }
  }

  // Everybody comes back and everything ends.
  void settle() {
    for (auto& process : processes_) connect(*process);
    for (int i = 0; i < 20; ++i) {
      commit(SIZE_MAX);
      controller_->take(input::Work{});
      for (auto& process : processes_) {
        while (process->delivered < process->link->asked.size()) deliver(*process);
        while (finish(*process), unfinished(*process) != nullptr) {
        }
      }
    }
    clock_.nowMs += 2'000;
    controller_->take(input::Tick{});
    commit(SIZE_MAX);
    check();
    for (const auto& [serial, event] : controller_->executor.log().bySerial()) {
      ASSERT_TRUE(event->record.final() && event->settled) << event->record.id;
    }
    controller_->work();
    ASSERT_LE(controller_->executor.log().finished(), options_.eventsKeptMax);
  }

  // Events always tell the truth about what the processes did.
  void check() {
    for (const auto& [serial, event] : controller_->executor.log().bySerial()) {
      for (const RankRecord& rank : event->record.ranks) checkRank(event->record, rank);
      const auto before = ended_.find(event->record.number);
      if (!event->settled) {
        ASSERT_EQ(before, ended_.end()) << event->record.id << " had ended";
      } else if (before == ended_.end()) {
        ended_.emplace(event->record.number, event->record);
      } else {
        ASSERT_EQ(before->second, event->record) << "an event changed after its end";
      }
    }
    checkPins();
    for (const auto& [id, number] : promised_) {
      const Event* event = controller_->executor.find(id);
      ASSERT_TRUE(event != nullptr || ended_.contains(number)) << id << " is lost";
    }
  }

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }

  void open(MemoryStore::Disk disk) {
    controller_ =
        std::make_unique<KillableController>(clock_, std::move(disk), options_, random_());
  }

  void checkRank(const EventRecord& event, const RankRecord& rank) {
    const auto& deeds = deedsOf_[{event.instance, rank.worker, rank.run}];
    const auto deed = deeds == nullptr ? std::optional<Deed>() : find(*deeds, event.number);
    switch (rank.status) {
      case RankStatus::kDone:
        ASSERT_TRUE(deed && deed->finished && !deed->failed);
        ASSERT_EQ(deed->tokens, rank.numTokens);
        break;
      case RankStatus::kFailed:
        ASSERT_TRUE(deed && deed->finished && deed->failed);
        break;
      case RankStatus::kNeverRun:
        ASSERT_FALSE(deed) << event.id << " rank " << rank.worker << " has run it";
        break;
      case RankStatus::kPending:
        ASSERT_FALSE(deed);
        break;
      default:
        break;
    }
  }
  // What is pinned is what the present process has pinned; a rank that is done has its pins.
  void checkPins() {
    for (const auto& [serial, event] : controller_->executor.log().bySerial()) {
      numbersOf_[event->record.id].insert(event->record.number);
      if (event->record.kind != OperationKind::kPin) continue;
      for (const RankRecord& rank : event->record.ranks) {
        const Worker* worker =
            controller_->registry.tree().findWorker(event->record.instance, rank.worker);
        if (rank.status != RankStatus::kDone || rank.numTokens == 0 || worker == nullptr ||
            worker->record.run != rank.run) {
          continue;
        }
        const Location& gpu = *worker->find("gpu");
        // Where the controller lost the old process's reports, it waits for a full sync.
        if (gpu.record.live.hidden) continue;
        ASSERT_TRUE(gpu.pins != nullptr && gpu.pins->find(kHeld[0]) != nullptr &&
                    gpu.pins->find(kHeld[1]) != nullptr)
            << event->record.id << " rank " << rank.worker << " is done, but nothing is pinned";
      }
    }
    for (const auto& [name, instance] : controller_->registry.tree().instances()) {
      for (const auto& [rank, worker] : instance->workers) {
        const Location* gpu = worker->find("gpu");
        if (gpu == nullptr || gpu->pins == nullptr) continue;
        const uint32_t id = rank;
        const auto& deeds = deedsOf_[{name, id, worker->record.run}];
        const LocationPins& pins = *gpu->pins;
        pins.forGroups(0, pins.groups(), [&](uint32_t, const LocationPins::Group& group) {
          const auto& numbers = numbersOf_[group.record.eventId];
          ASSERT_TRUE(deeds != nullptr && std::any_of(numbers.begin(), numbers.end(),
                                                      [&](uint64_t number) {
                                                        const auto deed = find(*deeds, number);
                                                        return deed && deed->finished &&
                                                               !deed->failed && deed->tokens != 0;
                                                      }))
              << group.record.eventId << " was not done by rank " << id;
        });
      }
    }
  }
  static std::optional<Deed> find(const std::map<uint64_t, Deed>& deeds, uint64_t number) {
    const auto found = deeds.find(number);
    return found == deeds.end() ? std::nullopt : std::optional(found->second);
  }

  void start() {
    OperationRequest request;
    request.eventId = "event " + std::to_string(below(40));
    constexpr OperationKind kKinds[] = {OperationKind::kMove, OperationKind::kPin,
                                        OperationKind::kClear};
    request.kind = kKinds[below(3)];
    request.instance = kInstances[below(2)];
    request.location = "gpu";
    if (request.kind == OperationKind::kMove) {
      request.toInstance = kInstances[below(2)];
      request.toLocation = "cpu";
    }
    if (request.kind == OperationKind::kPin) {
      request.allChunks = false;
      request.chunks = {kHeld[0], kHeld[1], 99};
    }
    // May well be refused.
    static_cast<void>(controller_->take(input::Operation{request}));
  }

  void commit(size_t writes) {
    controller_->commit(writes);
    // From when it is on the disk an event may not be lost.
    for (const auto& [serial, event] : controller_->executor.log().bySerial()) {
      if (event->recorded) promised_[event->record.id] = event->record.number;
    }
    check();
  }

  void connect(Process& process) {
    if (process.session != kNoSession && below(3) != 0) return;
    // A client registers again on the connection that it has, or on a new one.
    process.link = std::make_shared<AskedLink>();
    links_.push_back(process.link);
    process.delivered = 0;
    for (auto& [number, deed] : process.deeds) deed.awaited = false;
    Registration registration;
    registration.instance = process.instance;
    registration.worker = process.rank;
    registration.peerUrl = "peer";
    registration.run = process.run;
    registration.attempt = ++process.attempt;
    for (const char* name : {"gpu", "cpu"}) {
      LocationStatement statement;
      statement.location = name;
      statement.incarnation = process.run;
      statement.beganEmpty = true;
      if (statement.location == "gpu") {
        statement.lastSeq = statement.count = std::size(kHeld);
        for (const ChunkHash chunk : kHeld) statement.digest.add(chunk);
      }
      registration.locations.push_back(statement);
    }
    const auto outcome = controller_->take(input::Register{registration, *process.link});
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    process.session = outcome.value().session;
    // What the controller has not heard of yet.
    const uint64_t next = outcome.value().decisions[0].nextSeq;
    if (next > std::size(kHeld)) return;
    const std::span<const ChunkHash> keys = std::span(kHeld).subspan(next - 1);
    const Report report{"gpu", process.run, next, {keys, {}}};
    const auto reported = controller_->take(input::Report{process.session, report});
    ASSERT_TRUE(reported.ok() && reported.value() == ReportOutcome::kApplied);
  }

  void cut(Process& process) {
    if (process.session == kNoSession) return;
    controller_->take(input::ConnectionClosed{process.session});
    process.session = kNoSession;
  }

  void restartWorker(Process& process) {
    // Sometimes the controller hears of the new process before the old connection breaks.
    if (below(2) == 0) cut(process);
    process.run = ++nextRun_;
    process.attempt = 0;
    process.deeds.clear();
    process.session = kNoSession;
    connect(process);
  }

  void killController() {
    for (auto& process : processes_) process->session = kNoSession;
    std::unique_ptr<KillableController> old = std::move(controller_);
    open(old->store.afterCrash());
    // What never reached the disk was never promised.
    check();
  }

  // The worker takes the next message from its connection, if that is still there.
  void deliver(Process& process) {
    if (process.session == kNoSession || process.delivered == process.link->asked.size()) return;
    const Asked asked = process.link->asked[process.delivered++];
    const auto deed = process.deeds.find(asked.number);
    switch (asked.ask) {
      case WorkerOperation::Ask::kBegin:
        ASSERT_EQ(deed, process.deeds.end()) << "sent twice";
        process.deeds[asked.number].awaited = true;
        remember(process);
        return;
      case WorkerOperation::Ask::kCheck:
      case WorkerOperation::Ask::kAwait:
        if (deed == process.deeds.end()) {
          return answer(process, asked.number, {OperationOutcome::Status::kNeverRun, 0, 0, {}});
        }
        if (deed->second.finished) return answerDeed(process, asked.number, deed->second);
        if (asked.ask == WorkerOperation::Ask::kAwait) {
          deed->second.awaited = true;
          return;
        }
        return answer(process, asked.number, {OperationOutcome::Status::kRunning, 0, 0, {}});
    }
  }

  std::map<uint64_t, Deed>::value_type* unfinished(Process& process) {
    for (auto& deed : process.deeds) {
      if (!deed.second.finished) return &deed;
    }
    return nullptr;
  }

  void finish(Process& process) {
    auto* const begun = unfinished(process);
    if (begun == nullptr) return;
    Deed& deed = begun->second;
    deed.finished = true;
    deed.failed = below(5) == 0;
    deed.tokens = below(2) * 100;
    remember(process);
    if (deed.awaited && process.session != kNoSession) {
      answerDeed(process, begun->first, deed);
    }
  }

  void answerDeed(Process& process, uint64_t number, const Deed& deed) {
    answer(process, number,
           {deed.failed ? OperationOutcome::Status::kFailed : OperationOutcome::Status::kDone,
            deed.tokens, 0, deed.failed ? "did not work" : ""});
  }
  void answer(Process& process, uint64_t number, const OperationOutcome& outcome) {
    controller_->take(input::Answered{process.session, number, outcome});
  }

  // What a process did stays known when it is gone.
  void remember(const Process& process) {
    auto& deeds = deedsOf_[{process.instance, process.rank, process.run}];
    if (deeds == nullptr) deeds = std::make_unique<std::map<uint64_t, Deed>>();
    *deeds = process.deeds;
  }

  std::mt19937_64 random_;
  SteppedClock clock_;
  Executor::Options options_;
  std::vector<std::shared_ptr<AskedLink>> links_;  // outlive every registry
  std::unique_ptr<KillableController> controller_;
  std::vector<std::unique_ptr<Process>> processes_;
  uint64_t nextRun_ = 0;
  std::map<std::tuple<std::string, uint32_t, uint64_t>, std::unique_ptr<std::map<uint64_t, Deed>>>
      deedsOf_;
  std::map<uint64_t, EventRecord> ended_;  // by number
  std::map<std::string, uint64_t> promised_;
  std::map<std::string, std::set<uint64_t>> numbersOf_;  // of all events with an id
};

TEST(ExecutorPropertyTest, EventsTellTheTruthThroughLossesAndRestarts) {
  const char* const one = std::getenv("HOLDFAST_SEED");
  const uint64_t first = one != nullptr ? std::stoull(one) : std::random_device{}();
  const uint64_t sequences = one != nullptr ? 1 : fromEnvironment("HOLDFAST_SEQUENCES", 300);
  for (uint64_t seed = first; seed < first + sequences; ++seed) {
    World world(seed);
    for (int i = 0; i < 600 && !testing::Test::HasFatalFailure(); ++i) world.step();
    if (!testing::Test::HasFatalFailure()) world.settle();
    ASSERT_FALSE(testing::Test::HasFatalFailure()) << "replay with HOLDFAST_SEED=" << seed;
  }
}

}  // namespace
}  // namespace holdfast::test
