// Clients that are refused, superseded, or lose their connection: what they do, and what they say.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client_fixture.h"
#include "keys.h"

namespace holdfast {
namespace {

TEST(Client, SupersededByACallStopsForGood) {
  FakeController controller;
  ClientThread thread;
  std::mutex mutex;
  std::vector<std::pair<ClientState, std::string>> states;
  Client client(thread, optionsFor(controller), [&](ClientState state, const std::string& reason) {
    const std::lock_guard lock(mutex);
    states.emplace_back(state, reason);
  });
  ASSERT_TRUE(client.flush(kLongMs));
  controller.supersede("another process");
  ASSERT_TRUE(reaches(client, ClientState::kSuperseded));
  EXPECT_TRUE(eventually(
      [&] { return controller.with([](State& state) { return state.openConnections == 0; }); }));
  client.admit(client.location("gpu"), range(0, 10));
  EXPECT_FALSE(client.flush(kLongMs)) << "at once, not after the time-out";
  EXPECT_FALSE(client.leave(kLongMs));
  EXPECT_EQ(client.state(), ClientState::kSuperseded);
  EXPECT_EQ(controller.with([](State& state) { return state.connections; }), 1u);
  const std::lock_guard lock(mutex);
  ASSERT_FALSE(states.empty());
  EXPECT_EQ(states.back(), std::pair(ClientState::kSuperseded, std::string("another process")));
}

TEST(Client, SupersededByAnErrorStopsForGood) {
  FakeController controller;
  controller.with([](State& state) {
    state.heartbeatIntervalMs = 10;
    state.heartbeatError = "superseded: by run 7";
  });
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  EXPECT_TRUE(reaches(client, ClientState::kSuperseded));
  controller.with([](State& state) { state.registerError = "superseded: by run 7"; });
  Client second(thread, optionsFor(controller));
  EXPECT_TRUE(reaches(second, ClientState::kSuperseded));
  EXPECT_EQ(controller.with([](State& state) { return state.registrations; }), 2u);
}

TEST(Client, RefusalsStopForGood) {
  FakeController controller;
  ClientThread thread;
  const auto isRefused = [&] {
    std::mutex mutex;
    std::string why;
    Client client(thread, optionsFor(controller), [&](ClientState, const std::string& reason) {
      const std::lock_guard lock(mutex);
      why = reason;
    });
    EXPECT_TRUE(reaches(client, ClientState::kRefused));
    EXPECT_FALSE(client.flush(kLongMs));
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return !why.empty();
    }));
    const std::lock_guard lock(mutex);
    return why;
  };
  controller.with([](State& state) { state.registerError = "refused: chunk size 128, not 256"; });
  EXPECT_EQ(isRefused(), "refused: chunk size 128, not 256");
  controller.with([](State& state) { state.registerError = "invalid: the instance id is empty"; });
  EXPECT_EQ(isRefused(), "invalid: the instance id is empty");
  controller.with([](State& state) { state.registerError = "denied: bound to other instances"; });
  EXPECT_EQ(isRefused(), "denied: bound to other instances");
  controller.with([](State& state) { state.grantWorker = false; });
  EXPECT_NE(isRefused().find("role of a worker"), std::string::npos);
}

TEST(Client, EverythingElseIsTriedAgain) {
  FakeController controller;
  controller.with([](State& state) {
    state.registerError = "unavailable: the disk is full";
    // What goes wrong with a report comes out at the next call.
    state.heartbeatIntervalMs = 10;
  });
  ClientThread thread;
  ClientOptions options = optionsFor(controller);
  options.callTimeoutMs = 50;
  Client client(thread, options);
  client.admit(client.location("gpu"), range(0, 3));
  const auto failsThreeTimes = [&] {
    const uint64_t before = controller.with([](State& state) { return state.registrations; });
    return eventually([&] {
      return controller.with([&](State& state) { return state.registrations >= before + 3; });
    });
  };
  EXPECT_TRUE(failsThreeTimes());
  controller.with([](State& state) { state.registerError = "a bug of the controller"; });
  EXPECT_TRUE(failsThreeTimes());
  controller.with([](State& state) {
    state.registerError.clear();
    state.hangRegister = true;
  });
  EXPECT_TRUE(failsThreeTimes());
  controller.with([](State& state) {
    state.hangRegister = false;
    state.omitDecisions = true;
  });
  EXPECT_TRUE(failsThreeTimes());
  controller.with([](State& state) {
    state.omitDecisions = false;
    state.reportError = "a bug of the controller";
  });
  EXPECT_TRUE(failsThreeTimes());
  controller.with([](State& state) {
    state.reportError.clear();
    state.heartbeatError = "a bug of the controller";
  });
  EXPECT_TRUE(failsThreeTimes());
  EXPECT_EQ(client.counters().operationsResent, 0u);
  controller.with([](State& state) { state.heartbeatError.clear(); });
  EXPECT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(controller.with([](State& state) { return state.keys("gpu").size(); }), 3u);
}

TEST(Client, GarbageFromTheOtherSideIsALostConnection) {
  FakeController controller;
  controller.speakGarbage(std::string(64, '\xFF'));
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  EXPECT_TRUE(eventually(
      [&] { return controller.with([](State& state) { return state.connections >= 5; }); }));
  controller.speakGarbage("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_TRUE(eventually(
      [&] { return controller.with([](State& state) { return state.connections >= 10; }); }));
  controller.speakGarbage("");
  EXPECT_TRUE(reaches(client, ClientState::kRegistered));
}

// Engine threads report, each its own keys, while connections break all the time.
TEST(Client, EngineThreadsAndBreakingConnections) {
  FakeController controller;
  ClientThread thread;
  ClientOptions options = optionsFor(controller);
  options.batchOperations = 500;
  Client client(thread, options);
  constexpr int kThreads = 4;
  std::vector<std::set<ChunkHash>> truth(kThreads);
  std::atomic<int> running = kThreads;
  std::vector<std::thread> engines;
  engines.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    engines.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<uint64_t>(t) + 1);
      for (int i = 0; i < 2'000; ++i) {
        std::vector<ChunkHash> keys(1 + random() % 60);
        const bool evict = random() % 3 == 0;
        for (ChunkHash& key : keys) {
          key = random() % 5'000 * kThreads + static_cast<uint64_t>(t);
          if (evict) {
            truth[static_cast<size_t>(t)].erase(key);
          } else {
            truth[static_cast<size_t>(t)].insert(key);
          }
        }
        evict ? client.evict(LocationHandle{0}, keys) : client.admit(LocationHandle{0}, keys);
        if (i % 500 == 0) (void)client.counters();
      }
      --running;
    });
  }
  int cuts = 0;
  while (running > 0) {
    const uint64_t before = controller.with([](State& state) { return state.reports; });
    eventually([&] {
      return running == 0 ||
             controller.with([&](State& state) { return state.reports > before + 20; });
    });
    controller.cutConnections();
    ++cuts;
  }
  for (std::thread& engine : engines) engine.join();
  ASSERT_TRUE(client.flush(kLongMs));
  std::set<ChunkHash> all;
  for (const auto& keys : truth) all.insert(keys.begin(), keys.end());
  controller.with([&](State& state) {
    EXPECT_EQ(state.keys("gpu"), all);
    EXPECT_EQ(state.model.locations["gpu"].gaps, 0u);
    EXPECT_EQ(state.retransmitted(), 0u);
  });
  EXPECT_EQ(client.counters().operationsLost, 0u);
  EXPECT_EQ(client.counters().operationsResent, 0u);
  EXPECT_GT(cuts, 0);
}

// Without a callback, with one, and by the call that waits.
TEST(Client, SaysWhyItCannotReachItsController) {
  FakeController controller;
  const std::string refused =
      "cannot reach the controller at " + controller.address() + ": connection refused";
  controller.stop();
  std::mutex mutex;
  std::vector<std::pair<ClientLogLevel, std::string>> lines;
  ClientOptions options = optionsFor(controller);
  options.onLog = [&](ClientLogLevel level, const std::string& line) {
    const std::lock_guard lock(mutex);
    lines.emplace_back(level, line);
  };
  ClientThread thread;
  Client client(thread, options);
  EXPECT_TRUE(eventually([&] { return client.lastError().starts_with(refused); }))
      << client.lastError();
  EXPECT_EQ(client.state(), ClientState::kConnecting);
  client.admit(client.location("gpu"), range(0, 3));
  const ClientOutcome flushed = client.flush(20);
  EXPECT_FALSE(flushed);
  EXPECT_NE(flushed.why.find("within 20 ms: " + refused), std::string::npos) << flushed.why;
  controller.start();
  EXPECT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(client.lastError(), "");
  controller.stop();
  EXPECT_TRUE(eventually([&] { return client.lastError().starts_with(refused); }));
  EXPECT_NE(client.leave(1).why.find(refused), std::string::npos);
  const std::lock_guard lock(mutex);
  ASSERT_GE(lines.size(), 3u);
  EXPECT_EQ(lines[0].first, ClientLogLevel::kWarning);
  EXPECT_NE(lines[0].second.find("worker 3: " + refused), std::string::npos);
  EXPECT_EQ(lines[1].first, ClientLogLevel::kInfo) << "one line, however often it tried";
  EXPECT_NE(lines[1].second.find("registered at the controller"), std::string::npos);
}

TEST(Client, AFlushThatFailsSaysWhy) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  ASSERT_TRUE(client.flush(kLongMs));
  controller.with([](State& state) { state.confirm = false; });
  client.admit(client.location("gpu"), range(0, 3));
  EXPECT_NE(client.flush(20).why.find("has not confirmed everything"), std::string::npos);
  controller.supersede("run 7 has registered");
  ASSERT_TRUE(reaches(client, ClientState::kSuperseded));
  EXPECT_EQ(client.flush(kLongMs).why, "run 7 has registered");
}

}  // namespace
}  // namespace holdfast
