// Clients over real sockets, against a fake controller that keeps a plain model.
#include "client/client.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "client/lookup_client.h"
#include "fake_controller.h"
#include "keys.h"

namespace holdfast {
namespace {

using State = FakeController::State;

constexpr uint32_t kLongMs = 20'000;  // nothing that succeeds takes this long

ClientOptions optionsFor(const FakeController& controller) {
  ClientOptions options;
  options.controller = controller.address();
  options.instance = "llama/0 \"a\"";
  options.worker = 3;
  options.locations = {{"gpu", {}}, {"cpu", {}}};
  options.batchDelayMs = 1;
  options.backoffMinMs = 1;
  options.backoffMaxMs = 20;
  return options;
}

bool reaches(const Client& client, ClientState state) {
  return eventually([&] { return client.state() == state; });
}

// After a restart of the controller all workers register at about the same moment.
TEST(Client, WorkersThatRegisteredTogetherDoNotSendTheirHeartbeatsTogether) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kInterval{1'000};
  // It knows one worker only.
  std::list<FakeController> controllers(16);
  ClientThread thread;
  std::vector<std::unique_ptr<Client>> clients;
  for (FakeController& controller : controllers) {
    controller.with([&](State& state) { state.heartbeatIntervalMs = kInterval.count(); });
    clients.push_back(std::make_unique<Client>(thread, optionsFor(controller)));
  }
  std::map<const Client*, Clock::time_point> first;
  ASSERT_TRUE(eventually([&] {
    for (const auto& client : clients) {
      if (client->counters().heartbeats != 0) first.try_emplace(client.get(), Clock::now());
    }
    return first.size() == clients.size();
  }));
  const auto byTime = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto [earliest, latest] = std::minmax_element(first.begin(), first.end(), byTime);
  EXPECT_GT(latest->second - earliest->second, kInterval / 4);
}

TEST(Client, ReportsReachTheController) {
  FakeController controller;
  ClientThread thread;
  ClientOptions options = optionsFor(controller);
  options.token = "secret";
  options.model = "llama";
  options.hashing = ClientHashing{};
  Client client(thread, options);
  const LocationHandle gpu = client.location("gpu");
  client.admit(gpu, range(0, 5'000));
  client.evict(gpu, range(100, 200));
  client.admit(client.location("cpu"), range(7, 9));
  ASSERT_TRUE(client.flush(kLongMs));
  controller.with([&](State& state) {
    EXPECT_EQ(state.keys("cpu"), setOf(range(7, 9)));
    EXPECT_EQ(state.keys("gpu").size(), 4'900u);
    EXPECT_FALSE(state.keys("gpu").contains(100));
    EXPECT_EQ(state.token, "secret");
    EXPECT_EQ(state.instance, options.instance);
    EXPECT_EQ(state.model_, "llama");
    EXPECT_EQ(state.run, client.run());
    EXPECT_TRUE(state.statedHashing);
  });
  EXPECT_EQ(client.state(), ClientState::kRegistered);
  const ClientCounters counters = client.counters();
  EXPECT_EQ(counters.operationsAccepted, 5'102u);
  EXPECT_EQ(counters.operationsSent, 5'102u);
  EXPECT_EQ(counters.registrations, 1u);
  EXPECT_EQ(counters.registrationsInSync, 1u);
  EXPECT_EQ(counters.decisionsByReason[static_cast<size_t>(Reason::kUnknownEmpty)], 2u);
  EXPECT_EQ(counters.keysResent(), 0u);
  EXPECT_EQ(client.locations()[0].count, 4'900u);
  EXPECT_EQ(client.locations()[0].committedSeq, 5'100u);
}

TEST(Client, SendsWithoutBeingAskedToFlush) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  client.admit(client.location("gpu"), range(0, 3));
  EXPECT_TRUE(eventually(
      [&] { return controller.with([](State& state) { return state.keys("gpu").size() == 3; }); }));
  client.admit(client.location("gpu"), range(3, 9'000));
  EXPECT_TRUE(eventually([&] {
    return controller.with([](State& state) { return state.keys("gpu").size() == 9'000; });
  }));
}

TEST(Client, AFlushNeedsTheConfirmation) {
  FakeController controller;
  controller.with([](State& state) { state.confirm = false; });
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  client.admit(client.location("gpu"), range(0, 3));
  EXPECT_FALSE(client.flush(50));
  controller.with([](State& state) { state.confirm = true; });
  EXPECT_TRUE(client.flush(kLongMs));
  EXPECT_TRUE(client.flush(kLongMs)) << "nothing to do";
}

TEST(Client, AFlushWaitsForAConnection) {
  FakeController controller;
  controller.stop();
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  client.admit(client.location("gpu"), range(0, 3));
  std::thread flushing([&] { EXPECT_TRUE(client.flush(kLongMs)); });
  EXPECT_FALSE(client.flush(20));
  controller.start();
  flushing.join();
  EXPECT_EQ(controller.with([](State& state) { return state.keys("gpu").size(); }), 3u);
}

TEST(Client, ReconnectsInSyncAndSendsNothingAgain) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  const LocationHandle gpu = client.location("gpu");
  client.admit(gpu, range(0, 1'000));
  ASSERT_TRUE(client.flush(kLongMs));
  for (uint64_t turn = 1; turn <= 3; ++turn) {
    controller.stop();
    ASSERT_TRUE(reaches(client, ClientState::kConnecting));
    controller.start();
    ASSERT_TRUE(reaches(client, ClientState::kRegistered));
    // Counted a moment after it shows.
    EXPECT_TRUE(eventually([&] { return client.counters().reconnects == turn; }));
    EXPECT_EQ(client.counters().registrationsInSync, turn + 1);
  }
  client.evict(gpu, range(0, 10));
  ASSERT_TRUE(client.flush(kLongMs));
  controller.with([](State& state) {
    EXPECT_EQ(state.keys("gpu"), setOf(range(10, 1'000)));
    EXPECT_EQ(state.retransmitted(), 0u);
    EXPECT_EQ(state.attempt, 4u);
  });
  EXPECT_EQ(client.counters().operationsSent, 1'010u);
  EXPECT_EQ(client.counters().keysResent(), 0u);
}

TEST(Client, ReplaysWhatTheControllerLost) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  client.admit(client.location("gpu"), range(0, 1'000));
  ASSERT_TRUE(client.flush(kLongMs));
  controller.stop();
  controller.with([](State& state) { state.model.locations["gpu"].loseTail(300); });
  client.admit(client.location("gpu"), range(1'000, 1'100));
  controller.start();
  ASSERT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(controller.with([](State& state) { return state.keys("gpu"); }),
            setOf(range(0, 1'100)));
  EXPECT_EQ(client.counters().decisionsReplay, 1u);
  EXPECT_EQ(client.counters().operationsResent, 300u) << "it had confirmed them";
}

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
  controller.with([](State& state) { state.authenticateError = "refused: unknown token"; });
  EXPECT_EQ(isRefused(), "refused: unknown token");
  controller.with([](State& state) {
    state.authenticateError.clear();
    state.grantWorker = false;
  });
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

TEST(Client, APauseHoldsReportsBackUntilResumed) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  const LocationHandle gpu = client.location("gpu");
  client.admit(gpu, range(0, 100));
  ASSERT_TRUE(client.flush(kLongMs));
  controller.pause("gpu");
  ASSERT_TRUE(reaches(client, ClientState::kPaused));
  client.admit(gpu, range(100, 200));
  client.admit(client.location("cpu"), range(0, 10));
  EXPECT_TRUE(eventually([&] {
    return controller.with([](State& state) { return state.keys("cpu").size() == 10; });
  }));
  EXPECT_FALSE(client.flush(20));
  EXPECT_EQ(client.locations()[0].queued, 100u);
  controller.resume();
  ASSERT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(client.state(), ClientState::kRegistered);
  controller.with([](State& state) {
    EXPECT_EQ(state.keys("gpu"), setOf(range(0, 200)));
    EXPECT_EQ(state.attempt, 2u);
    EXPECT_EQ(state.connections, 1u) << "registered again on the same connection";
    EXPECT_EQ(state.retransmitted(), 0u);
  });
  EXPECT_EQ(client.counters().reconnects, 0u);
  controller.pause("");
  ASSERT_TRUE(reaches(client, ClientState::kPaused));
  controller.resume();
  EXPECT_TRUE(reaches(client, ClientState::kRegistered));
}

TEST(Client, AFullQueueIsStatedAndHealedByAFullSync) {
  FakeController controller;
  ClientThread thread;
  ClientOptions options = optionsFor(controller);
  options.queueOperations = 1'000;
  Client client(thread, options);
  ASSERT_TRUE(client.flush(kLongMs));
  controller.stop();
  ASSERT_TRUE(reaches(client, ClientState::kConnecting));
  const LocationHandle gpu = client.location("gpu");
  // More than the inbox takes, in small steps.
  for (ChunkHash key = 0; key < 100'000; key += 100) client.admit(gpu, range(key, key + 100));
  client.evict(gpu, range(0, 50'000));
  EXPECT_FALSE(client.flush(1));
  EXPECT_TRUE(eventually([&] { return client.counters().operationsLost > 100'000; }));
  EXPECT_EQ(client.counters().losses, 1u);
  EXPECT_EQ(client.counters().operationsAccepted, 150'000u);
  controller.start();
  ASSERT_TRUE(reaches(client, ClientState::kRegistered));
  client.admit(gpu, range(0, 10));
  EXPECT_TRUE(client.flush(kLongMs));
  controller.with([](State& state) {
    EXPECT_FALSE(state.statements[0].beganEmpty);
    EXPECT_EQ(state.statements[0].count, 50'000u);
    KeyDigest digest;
    for (ChunkHash key = 50'000; key < 100'000; ++key) digest.add(key);
    EXPECT_EQ(state.statements[0].digest, digest);
    EXPECT_EQ(state.keys("gpu").size(), 50'010u);
  });
}

TEST(Client, ATierThatSurvivedCostsNothing) {
  FakeController controller;
  ClientThread thread;
  {
    Client client(thread, optionsFor(controller));
    client.admit(client.location("cpu"), range(0, 1'000));
    ASSERT_TRUE(client.flush(kLongMs));
  }
  ClientOptions options = optionsFor(controller);
  options.locations[1].contents = range(0, 1'000);
  Client client(thread, options);
  ASSERT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(client.counters().decisionsByReason[static_cast<size_t>(Reason::kAdopted)], 2u);
  EXPECT_EQ(client.counters().operationsSent, 0u);
}

TEST(Client, LeavingDeregisters) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  EXPECT_TRUE(client.leave(kLongMs));
  EXPECT_EQ(client.state(), ClientState::kLeft);
  EXPECT_EQ(controller.with([](State& state) { return state.deregistrations; }), 1u);
  EXPECT_TRUE(eventually(
      [&] { return controller.with([](State& state) { return state.openConnections == 0; }); }));
  controller.stop();
  Client alone(thread, optionsFor(controller));
  EXPECT_FALSE(alone.leave(20));
  EXPECT_EQ(alone.state(), ClientState::kLeft);
}

TEST(Client, PeersAreLookedUp) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  ASSERT_TRUE(reaches(client, ClientState::kRegistered));
  const auto peers = client.p2pLookup(range(0, 5), kLongMs);
  ASSERT_TRUE(peers.ok());
  ASSERT_EQ(peers.value().size(), 1u);
  EXPECT_EQ(peers.value()[0].instance, "other");
  EXPECT_EQ(peers.value()[0].chunks, 5u);
  EXPECT_EQ(peers.value()[0].peerUrl, "tcp://other:1");
  EXPECT_EQ(client.p2pLookup(std::span<const ChunkHash>(), kLongMs).error().code,
            ErrorCode::kInvalid);
  // One that is under way when the connection is lost, or the client ends, has an answer too.
  controller.with([](State& state) { state.hangLookups = true; });
  std::atomic<int> failed = 0;
  const auto count = [&](const Result<std::vector<Client::Peer>>& answer) {
    if (!answer.ok()) ++failed;
  };
  client.p2pLookup(range(0, 5), count);
  controller.stop();
  EXPECT_TRUE(eventually([&] { return failed == 1; }));
  ASSERT_TRUE(reaches(client, ClientState::kConnecting));
  client.p2pLookup(range(0, 5), count);
  EXPECT_TRUE(eventually([&] { return failed == 2; }));
  EXPECT_NE(client.p2pLookup(range(0, 5), kLongMs).error().message.find(controller.address()),
            std::string::npos)
      << "it says which controller cannot be reached";
}

TEST(Client, WorksOverAUnixSocket) {
  FakeController controller("unix:/tmp/holdfast_client_test." + std::to_string(getpid()));
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  client.admit(client.location("gpu"), range(0, 200'000));
  EXPECT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(controller.with([](State& state) { return state.keys("gpu").size(); }), 200'000u);
  unlink(controller.address().c_str() + 5);
}

TEST(Client, ManyClientsComeAndGoOnOneThread) {
  FakeController controller;
  ClientThread thread;
  for (int turn = 0; turn < 5; ++turn) {
    std::vector<std::unique_ptr<Client>> clients;
    for (uint32_t i = 0; i < 30; ++i) {
      ClientOptions options = optionsFor(controller);
      options.worker = i;
      clients.push_back(std::make_unique<Client>(thread, options));
      clients.back()->admit(clients.back()->location("gpu"), range(i, i + 10));
      // Some end before they are connected, some in the middle of something.
      if (i % 3 == 0) clients.pop_back();
    }
    if (turn == 2) controller.cutConnections();
  }
  EXPECT_TRUE(eventually(
      [&] { return controller.with([](State& state) { return state.openConnections == 0; }); }));
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

TEST(Client, OptionsAreChecked) {
  ClientOptions good;
  good.instance = "a";
  good.locations = {{"gpu", {}}};
  EXPECT_FALSE(good.validate());
  const auto isWrong = [&](const std::function<void(ClientOptions&)>& spoil) {
    ClientOptions options = good;
    spoil(options);
    return options.validate().has_value();
  };
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.instance = ""; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.instance = std::string(257, 'x'); }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.locations.clear(); }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.locations = {{"gpu", {}}, {"gpu", {}}}; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.locations = {{"g\n", {}}}; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.batchOperations = 0; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.batchOperations = 65'537; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.backoffMinMs = 6'000; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.controller = ""; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.controller = "127.0.0.1"; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.hashing = ClientHashing{.chunkSize = 0}; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) {
    o.worker = 2;
    o.worldSize = 2;
  }));
  EXPECT_FALSE(isWrong([](ClientOptions& o) {
    o.worker = 1;
    o.worldSize = 2;
  }));
  EXPECT_FALSE(isWrong([](ClientOptions& o) { o.worker = 7; })) << "the world size is not known";
}

TEST(Client, BadOptionsAreAnErrorNotTheEnd) {
  ClientThread thread;
  const auto client = Client::create(thread, {.controller = "nowhere", .instance = "a"});
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code, ErrorCode::kInvalid);
  EXPECT_NE(client.error().message.find("\"nowhere\", has no port"), std::string::npos);
  const auto lookups = LookupClient::create(thread, {.timeoutMs = 0});
  ASSERT_FALSE(lookups.ok());
  EXPECT_NE(lookups.error().message.find("timeoutMs is 0"), std::string::npos);
  FakeController controller;
  auto good = Client::create(thread, optionsFor(controller));
  ASSERT_TRUE(good.ok());
  EXPECT_TRUE(good.value()->flush(kLongMs));
  auto goodLookups = LookupClient::create(thread, {.controller = controller.address()});
  ASSERT_TRUE(goodLookups.ok());
  EXPECT_TRUE(goodLookups.value()->lookup({1}).ok());
}

TEST(ClientDeathTest, AThreadThatEndsBeforeItsClientsSaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto endTooEarly = [] {
    FakeController controller;
    auto thread = std::make_unique<ClientThread>();
    const Client client(*thread, optionsFor(controller));
    thread = nullptr;
  };
  EXPECT_DEATH(endTooEarly(), "a ClientThread ends before 1 of its clients: destroy them first");
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

// The program of src/client/README.md, where no controller runs.
TEST(Client, TheReadmesProgramFailsWithAMessage) {
  const std::string command = std::string(HOLDFAST_README_PROGRAM) + " 127.0.0.1:1 2>&1";
  FILE* const program = popen(command.c_str(), "r");
  ASSERT_NE(program, nullptr);
  std::string said;
  for (char line[512]; std::fgets(line, sizeof line, program) != nullptr;) said += line;
  EXPECT_EQ(WEXITSTATUS(pclose(program)), 1);
  EXPECT_NE(said.find("cannot reach the controller at 127.0.0.1:1: connection refused"),
            std::string::npos)
      << said;
}

}  // namespace
}  // namespace holdfast
