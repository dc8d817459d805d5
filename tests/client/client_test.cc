// Clients over real sockets, against a fake controller that keeps a plain model: what they report
// and what that brings.
#include "client/client.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client_fixture.h"
#include "keys.h"

namespace holdfast {
namespace {

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

TEST(Client, LabelsAndLoadReachTheController) {
  FakeController controller;
  controller.with([](State& state) { state.heartbeatIntervalMs = 10; });
  ClientThread thread;
  ClientOptions options = optionsFor(controller);
  options.labels = {{"zone", "eu-1a"}, {"tier", ""}};
  Client client(thread, options);
  const auto isTold = [&](Load load) {
    return eventually([&] {
      return controller.with(
          [&](State& state) { return state.heartbeats != 0 && state.load == load; });
    });
  };
  EXPECT_TRUE(isTold(kLoadUnknown)) << "before it says anything";
  EXPECT_EQ(controller.with([](State& state) { return state.labels; }), options.labels);
  client.setLoad(0.8504);
  EXPECT_TRUE(isTold(850));
  client.setLoad(-1);
  EXPECT_TRUE(isTold(0));
  client.setLoad(1e300);
  EXPECT_TRUE(isTold(kLoadMax));
  client.setLoad(std::nan(""));
  EXPECT_TRUE(isTold(kLoadUnknown));
}

TEST(Client, ReportsReachTheController) {
  FakeController controller;
  ClientThread thread;
  ClientOptions options = optionsFor(controller);
  options.security.token = "secret";
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

}  // namespace
}  // namespace holdfast
