// Locations that are emptied at once, over real sockets, against a fake controller.
#include <gtest/gtest.h>

#include "client_fixture.h"
#include "keys.h"

namespace holdfast {
namespace {

std::set<ChunkHash> keysOf(FakeController& controller, const std::string& location) {
  return controller.with([&](State& state) { return state.keys(location); });
}

TEST(ClientClear, NothingIsHeldAndWhatFollowsIs) {
  FakeController controller;  // whose heartbeat interval is an hour
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  const LocationHandle gpu = client.location("gpu");
  client.admit(gpu, range(0, 10'000));
  client.admit(client.location("cpu"), range(0, 100));
  ASSERT_TRUE(client.flush(kLongMs));
  client.clear(gpu);
  client.admit(gpu, range(5, 8));
  client.evict(gpu, range(6, 7));
  ASSERT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(keysOf(controller, "gpu"), (std::set<ChunkHash>{5, 7}));
  EXPECT_EQ(keysOf(controller, "cpu"), setOf(range(0, 100)));
  const ClientLocationStatus status = client.locations()[0];
  EXPECT_EQ(status.count, 2u);
  EXPECT_EQ(status.lastSeq, 5u);
  const ClientCounters counters = client.counters();
  EXPECT_EQ(counters.clears, 1u);
  EXPECT_EQ(counters.operationsAccepted, 10'105u);
  EXPECT_EQ(counters.operationsSent, 10'104u);
  EXPECT_EQ(counters.registrations, 1u) << "it needs no new session";
  EXPECT_EQ(counters.fullSyncs, 0u);
  EXPECT_EQ(counters.keysResent(), 0u);
}

// Nobody flushes, and no heartbeat is due for an hour.
TEST(ClientClear, ItIsToldByItself) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  client.admit(client.location("gpu"), range(0, 100));
  ASSERT_TRUE(client.flush(kLongMs));
  client.clear(client.location("gpu"));
  client.admit(client.location("gpu"), range(7, 8));
  EXPECT_TRUE(eventually([&] { return keysOf(controller, "gpu") == std::set<ChunkHash>{7}; }));
}

// Older ones do not take it while they repair the location.
TEST(ClientClear, AControllerThatDoesNotTakeItIsToldByARegistration) {
  FakeController controller;
  controller.with([](State& state) { state.takeClears = false; });
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  const LocationHandle gpu = client.location("gpu");
  client.admit(gpu, range(0, 1'000));
  ASSERT_TRUE(client.flush(kLongMs));
  client.clear(gpu);
  client.admit(gpu, range(5, 8));
  ASSERT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(keysOf(controller, "gpu"), setOf(range(5, 8)));
  const ClientCounters counters = client.counters();
  EXPECT_EQ(counters.registrations, 2u);
  EXPECT_EQ(counters.connections, 1u);
  EXPECT_EQ(counters.fullSyncs, 0u);
}

TEST(ClientClear, WhileTheControllerIsAwayItDropsWhatWaits) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  const LocationHandle gpu = client.location("gpu");
  client.admit(gpu, range(0, 1'000));
  ASSERT_TRUE(client.flush(kLongMs));
  controller.stop();
  ASSERT_TRUE(reaches(client, ClientState::kConnecting));
  client.admit(gpu, range(1'000, 101'000));
  client.clear(gpu);
  client.admit(gpu, range(5, 8));
  controller.start();
  ASSERT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(keysOf(controller, "gpu"), setOf(range(5, 8)));
  const ClientCounters counters = client.counters();
  EXPECT_EQ(counters.operationsSent, 1'003u) << "what it made moot was sent";
  EXPECT_EQ(counters.operationsMoot, 100'000u);
  EXPECT_EQ(counters.decisionsDiverged, 0u);
}

TEST(ClientClear, AfterAFullQueueThereIsNothingToSync) {
  FakeController controller;
  ClientThread thread;
  ClientOptions options = optionsFor(controller);
  options.queueOperations = 1'000;
  Client client(thread, options);
  const LocationHandle gpu = client.location("gpu");
  client.admit(gpu, range(0, 500));
  ASSERT_TRUE(client.flush(kLongMs));
  controller.stop();
  ASSERT_TRUE(reaches(client, ClientState::kConnecting));
  for (ChunkHash key = 0; key < 100'000; key += 100) client.admit(gpu, range(key, key + 100));
  EXPECT_TRUE(eventually([&] { return client.counters().losses == 1; }));
  client.clear(gpu);
  client.admit(gpu, range(5, 8));
  controller.start();
  ASSERT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(keysOf(controller, "gpu"), setOf(range(5, 8)));
  EXPECT_EQ(client.counters().fullSyncs, 0u);
}

TEST(ClientClear, OneOfAnEmptyLocationCostsNoMessage) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  ASSERT_TRUE(client.flush(kLongMs));
  const uint64_t incarnation = client.locations()[0].incarnation;
  client.clear(client.location("gpu"));
  ASSERT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(client.counters().clears, 1u);
  EXPECT_EQ(client.locations()[0].incarnation, incarnation);
}

TEST(ClientClear, AClientThatHasStoppedTakesNone) {
  FakeController controller;
  ClientThread thread;
  Client client(thread, optionsFor(controller));
  ASSERT_TRUE(client.leave(kLongMs));
  client.clear(client.location("gpu"));
  EXPECT_EQ(client.counters().operationsAccepted, 0u);
  EXPECT_DEATH(client.clear(LocationHandle{2}), "no location 2");
}

}  // namespace
}  // namespace holdfast
