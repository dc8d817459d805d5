// A controller on the store in memory, and workers whose answers to cache operations a test gives
// one by one.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/controller.h"
#include "core/operations/event_summary.h"
#include "tests/support/ignored_link.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::test {

class SteppedClock final : public Clock {
 public:
  uint64_t steadyMs() const override { return nowMs; }
  uint64_t wallMs() const override { return storeMs() + wallJumpMs; }
  uint64_t storeMs() const override { return 1'700'000'000'000 + nowMs; }
  uint64_t nowMs = 1'000;
  uint64_t wallJumpMs = 0;  // modulo 2^64
};

// What a worker was asked, copied.
struct Asked {
  WorkerOperation::Ask ask;
  uint64_t number;
  OperationKind kind;
  std::string location;
  bool allChunks;
  std::vector<ChunkHash> chunks;
  PromptTokens tokens;
  std::string method;
  WorkerOperation::Destination destination;
  bool copy;
  uint64_t ttlSeconds;
};

class AskedLink final : public IgnoredLink {
 public:
  void closed(const std::string&) override { isClosed = true; }
  void operate(const WorkerOperation& o) override {
    asked.push_back({o.ask,
                     o.number,
                     o.kind,
                     std::string(o.location),
                     o.allChunks,
                     {o.chunks.begin(), o.chunks.end()},
                     o.tokens,
                     std::string(o.method),
                     o.destination,
                     o.copy,
                     o.ttlSeconds});
  }
  std::vector<Asked> asked;
  bool isClosed = false;
};

// A controller on a store of its own, which can be killed. Silent workers are not LOST.
class KillableController {
 public:
  explicit KillableController(Clock& clock, MemoryStore::Disk disk = {},
                              const Executor::Options& options = {}, uint64_t seed = 1)
      : store(std::move(disk)),
        random(seed),
        controller(
            patient(options), clock, store, [this] { return random(); }, notices),
        registry(controller.registry()),
        executor(controller.executor()) {
    controller.onSettled([this](const Event& event) { settled.push_back(event.record.id); });
  }

  template <typename Input>
  typename Input::Outcome take(const Input& input) {
    return controller.take(input);
  }
  // Background work until there is none left.
  void work() {
    while (take(input::Work{})) {
    }
  }
  // Commits up to n writes and tells.
  void commit(size_t n = SIZE_MAX) {
    store.complete(n);
    poll();
  }
  void setHealth(const StoreHealth& health) {
    store.setHealth(health);
    poll();
  }

  RecordedNotices notices;
  MemoryStore store;
  std::mt19937_64 random;
  Controller controller;
  const Registry& registry;
  const Executor& executor;
  std::vector<std::string> settled;

 private:
  static ControllerOptions patient(const Executor::Options& options) {
    ControllerOptions all{{}, options};
    all.registry.lifeCycle.heartbeatTimeoutMs = UINT64_MAX;
    all.registry.lifeCycle.lostGraceMs = UINT64_MAX;
    return all;
  }
  void poll() {
    store.poll(controller);
    take(input::StorePolled{});
  }
};

class ExecutorTest : public testing::Test {
 protected:
  struct Rank {
    AskedLink link;
    SessionId session = kNoSession;
    uint64_t run = 1;
    uint64_t attempt = 0;
    std::string model = {};
    bool takesTokens = false;
    uint32_t pinSecondsMax = 0;
  };

  ExecutorTest() { open({}); }
  void open(MemoryStore::Disk disk) {
    controller = std::make_unique<KillableController>(clock, std::move(disk), options);
  }
  void restart() { open(MemoryStore::Disk(controller->store.afterCrash())); }

  // Registers ranks 0 to n - 1, each with the locations gpu and cpu.
  void registerInstance(const std::string& instance, uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) registerRank(instance, i, n);
    controller->commit();
  }
  void registerRank(const std::string& instance, uint32_t id, uint32_t worldSize = 0) {
    Rank& one = rank(instance, id);
    Registration registration;
    registration.instance = instance;
    registration.worker = id;
    registration.peerUrl = "peer://" + instance + "/" + std::to_string(id);
    registration.worldSize = worldSize;
    registration.model = one.model;
    registration.run = one.run;
    registration.takesTokens = one.takesTokens;
    registration.pinSecondsMax = one.pinSecondsMax;
    registration.attempt = ++one.attempt;
    for (const char* name : {"gpu", "cpu"}) {
      LocationStatement statement;
      statement.location = name;
      statement.incarnation = 7;
      statement.beganEmpty = true;
      registration.locations.push_back(statement);
    }
    const auto outcome = controller->take(input::Register{registration, one.link});
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    one.session = outcome.value().session;
  }
  void disconnect(const std::string& instance, uint32_t id) {
    controller->take(input::ConnectionClosed{rank(instance, id).session});
  }
  Rank& rank(const std::string& instance, uint32_t id) { return ranks[{instance, id}]; }

  static OperationRequest request(OperationKind kind, std::string id = "e1") {
    OperationRequest one;
    one.eventId = std::move(id);
    one.kind = kind;
    one.instance = "a";
    if (kind != OperationKind::kHealth) one.location = "gpu";
    return one;
  }
  // Starts it, which must be possible; the event's id.
  std::string start(OperationRequest what) {
    const auto started = controller->take(input::Operation{what});
    EXPECT_TRUE(started.ok()) << (started.ok() ? "" : started.error().message);
    return started.ok() ? started.value()->record.id : "";
  }
  std::string errorOf(OperationRequest what) {
    const auto started = controller->take(input::Operation{what});
    return started.ok() ? "no error" : started.error().message;
  }
  const EventRecord& event(const std::string& id = "e1") {
    const Event* found = controller->executor.find(id);
    if (found == nullptr) throw std::runtime_error("no event " + id);
    return found->record;
  }
  EventStatus status(const std::string& id = "e1") { return summarise(event(id)).status; }
  RankStatus rankStatus(uint32_t i, const std::string& id = "e1") {
    return event(id).ranks[i].status;
  }
  void answer(uint32_t id, const OperationOutcome& outcome, const std::string& eventId = "e1") {
    controller->take(input::Answered{rank("a", id).session, event(eventId).number, outcome});
  }
  static OperationOutcome done(uint64_t tokens) {
    return {OperationOutcome::Status::kDone, tokens, 0, {}};
  }
  static OperationOutcome failed(std::string error) {
    return {OperationOutcome::Status::kFailed, 0, 0, std::move(error)};
  }
  void pass(uint64_t ms) {
    clock.nowMs += ms;
    controller->take(input::Tick{});
    controller->work();
  }

  SteppedClock clock;
  Executor::Options options;
  std::unique_ptr<KillableController> controller;
  std::map<std::pair<std::string, uint32_t>, Rank> ranks;
};

}  // namespace holdfast::test
