// Replays, full syncs and report gates over real sockets, against a fake controller.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "client/client.h"
#include "client/report_gate.h"
#include "fake_controller.h"
#include "keys.h"

namespace holdfast {
namespace {

using State = FakeController::State;

constexpr uint32_t kLongMs = 20'000;  // nothing that succeeds takes this long

ClientOptions optionsFor(const FakeController& controller) {
  ClientOptions options;
  options.controller = controller.address();
  options.instance = "a";
  options.locations = {{"gpu", {}}};
  options.batchDelayMs = 1;
  options.backoffMinMs = 1;
  options.backoffMaxMs = 20;
  options.syncBatchKeys = 100;
  return options;
}

// What an operator does, or a digest that differs: the worker is asked for a full sync.
void diverge(FakeController& controller) {
  controller.with([](State& state) { state.model.locations["gpu"].diverged = true; });
  controller.askFullSync("gpu", 0);
}

TEST(ClientRepair, ReplaysWhatIsAskedFor) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  client.admit(client.location("gpu"), range(0, 1'000));
  ASSERT_TRUE(client.flush(kLongMs));
  const uint64_t incarnation = client.locations()[0].incarnation;
  const auto accepted = controller.askReplay("gpu", incarnation, 101, 300);
  EXPECT_EQ(accepted, std::pair(true, uint64_t{1}));
  EXPECT_TRUE(eventually(
      [&] { return controller.with([](State& state) { return state.retransmitted() == 200; }); }));
  EXPECT_EQ(controller.askReplay("gpu", incarnation, 900, 1'001), std::pair(false, uint64_t{1}));
  EXPECT_EQ(controller.askReplay("gpu", incarnation + 1, 1, 2), std::pair(false, uint64_t{1}));
  EXPECT_EQ(controller.askReplay("disk", incarnation, 1, 2), std::pair(false, uint64_t{0}));
  const ClientCounters counters = client.counters();
  EXPECT_EQ(counters.replays, 4u);
  EXPECT_EQ(counters.replaysRefused, 3u);
  EXPECT_EQ(counters.replayedOperations, 200u);
  EXPECT_EQ(counters.operationsSent, 1'200u);
}

TEST(ClientRepair, AFullSyncBringsTheContentOfAtStart) {
  FakeController controller;
  ClientThread thread;
  ClientOptions options = optionsFor(controller);
  options.locations = {{"gpu", range(0, 10'050)}, {"cpu", {}}};
  Client client(thread, options);
  ASSERT_TRUE(client.flush(kLongMs)) << "it comes true by itself";
  EXPECT_EQ(controller.with([](State& state) { return state.keys("gpu"); }),
            setOf(range(0, 10'050)));
  const ClientCounters counters = client.counters();
  EXPECT_EQ(counters.decisionsDiverged, 1u);
  EXPECT_EQ(counters.fullSyncs, 1u);
  EXPECT_EQ(counters.fullSyncsCompleted, 1u);
  EXPECT_EQ(counters.fullSyncKeys, 10'050u);
  EXPECT_EQ(counters.fullSyncBatches, 101u);
  EXPECT_EQ(counters.keysResent(), 10'050u);
  EXPECT_EQ(client.locations()[0].syncId, 0u);
}

TEST(ClientRepair, ACompleteSyncIsComparedWithoutWaitingForTheInterval) {
  FakeController controller;  // whose heartbeat interval is an hour
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  ASSERT_TRUE(client.flush(kLongMs));
  const uint64_t before = controller.with([](State& state) { return state.heartbeats; });
  diverge(controller);
  EXPECT_TRUE(eventually(
      [&] { return controller.with([&](State& state) { return state.heartbeats > before; }); }));
  EXPECT_EQ(client.counters().fullSyncsCompleted, 1u);
}

// The engine never rests while a full sync runs, batches get lost, and the connection breaks.
TEST(ClientRepair, SyncsGoOnOverBreakingConnectionsUnderLoad) {
  FakeController controller;
  controller.with([](State& state) {
    state.finishFullSyncs = false;
    for (uint32_t i = 0; i < 400; i += 7) state.batchesToLose.insert(i);
  });
  ClientThread thread;
  ClientOptions options = optionsFor(controller);
  options.locations = {{"gpu", range(0, 40'000)}};
  options.ringOperations = 1'000'000;
  Client client(thread, options);
  std::atomic<bool> running = true;
  std::set<ChunkHash> truth = setOf(range(0, 40'000));
  std::thread engine([&] {
    for (ChunkHash key = 0; running; key += 3) {
      client.evict(LocationHandle{0}, range(key, key + 2));
      client.admit(LocationHandle{0}, range(1'000'000 + key, 1'000'000 + key + 2));
      for (const ChunkHash k : range(key, key + 2)) truth.erase(k);
      for (const ChunkHash k : range(1'000'000 + key, 1'000'000 + key + 2)) truth.insert(k);
      std::this_thread::yield();
    }
  });
  for (const uint64_t batches : {100, 200, 300}) {
    EXPECT_TRUE(eventually([&] {
      return controller.with([&](State& state) { return state.model.batches >= batches; });
    }));
    controller.cutConnections();
  }
  controller.with([](State& state) { state.finishFullSyncs = true; });
  running = false;
  engine.join();
  ASSERT_TRUE(client.flush(kLongMs));
  controller.with([&](State& state) {
    EXPECT_EQ(state.keys("gpu"), truth);
    EXPECT_EQ(state.model.batchesAgain, 0u) << "it said that it had them";
    EXPECT_EQ(state.model.locations["gpu"].gaps, 0u);
  });
  EXPECT_EQ(client.counters().fullSyncs, 1u);
  EXPECT_EQ(client.counters().fullSyncsCompleted, 1u);
  EXPECT_GE(client.counters().decisionsSyncing, 1u);
}

TEST(ClientRepair, ARefusalIsKeptForPeople) {
  FakeController controller;
  controller.with([](State& state) { state.startError = "8 full syncs are under way"; });
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  ASSERT_TRUE(client.flush(kLongMs));
  diverge(controller);
  EXPECT_TRUE(eventually(
      [&] { return client.locations()[0].syncRefusal == "8 full syncs are under way"; }));
  EXPECT_EQ(client.locations()[0].syncId, 0u);
  controller.with([](State& state) { state.startError.clear(); });
  controller.askFullSync("gpu", 0);
  EXPECT_TRUE(eventually([&] { return client.counters().fullSyncsCompleted == 1; }));
  EXPECT_EQ(client.locations()[0].syncRefusal, "");
}

TEST(ClientRepair, ASyncThatNobodyKnowsIsGivenUp) {
  FakeController controller;
  controller.with([](State& state) { state.knowFullSyncs = false; });
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  ASSERT_TRUE(client.flush(kLongMs));
  diverge(controller);
  EXPECT_TRUE(eventually([&] {
    return controller.with([](State& state) { return state.statusRequests == 1; }) &&
           client.locations()[0].syncId == 0;
  }));
  controller.with([](State& state) { state.knowFullSyncs = true; });
  controller.askFullSync("gpu", 0);
  EXPECT_TRUE(eventually([&] { return client.counters().fullSyncsCompleted == 1; }));
  EXPECT_EQ(client.counters().fullSyncs, 2u);
}

TEST(ClientRepair, EnginesAreToldWhenToFreeze) {
  FakeController controller;
  controller.with([](State& state) { state.finishFullSyncs = false; });
  ClientThread thread;
  std::mutex mutex;
  std::vector<std::string> calls;
  ClientOptions options = optionsFor(controller);
  options.onFreeze = [&](std::string_view location, bool freeze) {
    const std::lock_guard lock(mutex);
    calls.push_back((freeze ? "freeze " : "thaw ") + std::string(location));
  };
  const auto are = [&](std::vector<std::string> expected) {
    return eventually([&] {
      const std::lock_guard lock(mutex);
      return calls == expected;
    });
  };
  Client client(thread, options);
  ASSERT_TRUE(client.flush(kLongMs));
  diverge(controller);
  EXPECT_TRUE(are({"freeze gpu"}));
  controller.with([](State& state) { state.canExitFreeze = true; });
  EXPECT_TRUE(are({"freeze gpu", "thaw gpu"})) << "though it is not complete";
  EXPECT_NE(client.locations()[0].syncId, 0u);
  controller.with([](State& state) { state.canExitFreeze = false; });
  controller.askFullSync("gpu", 0);
  EXPECT_TRUE(are({"freeze gpu", "thaw gpu", "freeze gpu"}));
  controller.with([](State& state) { state.finishFullSyncs = true; });
  EXPECT_TRUE(are({"freeze gpu", "thaw gpu", "freeze gpu", "thaw gpu"})) << "it is complete";
  controller.with([](State& state) { state.finishFullSyncs = false; });
  diverge(controller);
  EXPECT_TRUE(are({"freeze gpu", "thaw gpu", "freeze gpu", "thaw gpu", "freeze gpu"}));
  controller.cutConnections();
  EXPECT_TRUE(are({"freeze gpu", "thaw gpu", "freeze gpu", "thaw gpu", "freeze gpu", "thaw gpu"}))
      << "nobody is frozen for the lack of a controller";
}

// Does with each report what a test says.
class ScriptedGate : public ReportGate {
 public:
  std::function<Passage(Report)> script;
  uint64_t sessions = 0;

  Passage pass(Report report) override { return script(std::move(report)); }
  void sessionBegan() override { ++sessions; }
};

TEST(ClientRepair, AGateDecidesWhatIsSent) {
  FakeController controller;
  ClientThread thread;
  auto gate = std::make_shared<ScriptedGate>();
  // Every second report comes twice, after the next one, with its first key changed.
  std::vector<ReportGate::Report> held;
  gate->script = [&](ReportGate::Report report) -> ReportGate::Passage {
    if (held.empty()) {
      held.push_back(std::move(report));
      return {};
    }
    ReportGate::Report changed = std::move(held.front());
    held.clear();
    changed.keys[0] += 1'000'000;
    return {.reports = {std::move(report), changed, changed}};
  };
  ClientOptions options = optionsFor(controller);
  options.reportGate = gate;
  options.batchOperations = 10;
  Client client(thread, options);
  client.admit(client.location("gpu"), range(0, 20));
  EXPECT_TRUE(
      eventually([&] { return controller.with([](State& state) { return state.reports == 3; }); }));
  controller.with([](State& state) {
    EXPECT_EQ(state.keys("gpu").size(), 10u);
    EXPECT_TRUE(state.keys("gpu").contains(1'000'000));
    EXPECT_EQ(state.model.locations["gpu"].gaps, 1u) << "the second came first";
    EXPECT_EQ(state.retransmitted(), 10u);
  });
}

TEST(ClientRepair, AGateCutsConnections) {
  FakeController controller;
  ClientThread thread;
  auto gate = std::make_shared<ScriptedGate>();
  int cuts = 3;
  gate->script = [&](ReportGate::Report report) -> ReportGate::Passage {
    if (cuts > 0) {
      --cuts;
      return {.reports = {}, .cut = true};
    }
    return {.reports = {std::move(report)}};
  };
  ClientOptions options = optionsFor(controller);
  options.reportGate = gate;
  {
    Client client(thread, options);
    client.admit(client.location("gpu"), range(0, 20));
    EXPECT_TRUE(client.flush(kLongMs));
    EXPECT_EQ(client.counters().reconnects, 3u);
  }
  EXPECT_EQ(gate->sessions, 4u);
  EXPECT_EQ(controller.with([](State& state) { return state.keys("gpu"); }), setOf(range(0, 20)));
}

}  // namespace
}  // namespace holdfast
