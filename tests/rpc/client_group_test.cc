// Engines' and routers' clients against several real controllers, one of which is killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"
#include "client/lookup_client.h"
#include "tests/support/fake_group.h"
#include "threaded_server.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

constexpr uint32_t kLongMs = 30'000;  // nothing that succeeds takes this long

std::vector<ChunkHash> chunks(uint64_t first, uint64_t last) {
  std::vector<ChunkHash> all(last - first + 1);
  std::iota(all.begin(), all.end(), first);
  return all;
}

ClientOptions workerOf(const std::string& controllers) {
  ClientOptions options;
  options.controller = controllers;
  options.instance = "llama-0";
  options.locations = {{"gpu", {}}};
  options.batchDelayMs = 1;
  options.backoffMinMs = 1;
  options.backoffMaxMs = 50;
  return options;
}

LookupClientOptions routerOf(const std::string& controllers) {
  LookupClientOptions options;
  options.controller = controllers;
  options.timeoutMs = kLongMs;
  options.backoffMinMs = 1;
  options.backoffMaxMs = 50;
  return options;
}

// Looks until it is so; false after a long time.
bool comesAbout(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLongMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// What the group confirmed is on the disk of whoever takes over; that nothing more is, and nothing
// less, is what a group promises.
TEST(ClientOfAGroup, NothingIsLostWithTheLeader) {
  auto a = std::make_unique<ThreadedServer>(leader("a"));
  auto b = std::make_unique<ThreadedServer>(follower(a->address()));
  ClientThread thread;
  Client client(thread, workerOf(a->address() + "," + b->address()));
  const auto gpu = client.location("gpu");
  client.admit(gpu, chunks(1, 1'000));
  ASSERT_TRUE(client.flush(kLongMs));
  a->stopCommitting();
  client.admit(gpu, chunks(1'001, 1'100));
  ASSERT_TRUE(comesAbout([&]() { return a->operationsTaken() == 1'100; }));

  const std::string second = b->address();
  b.reset();
  b = std::make_unique<ThreadedServer>(leader(second, 4), a->kill(), second);
  client.admit(gpu, chunks(1'101, 1'200));
  ASSERT_TRUE(client.flush(kLongMs)) << client.lastError();
  LookupClient router(thread, routerOf(second));
  const auto found = router.lookup(chunks(1, 1'200));
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_EQ(found.value().layouts.size(), 1u);
  EXPECT_EQ(found.value().layouts[0].matchedChunks, 1'200u);
  EXPECT_EQ(found.value().role, "leader");
  EXPECT_EQ(found.value().epoch, 4u);
  EXPECT_EQ(client.counters().operationsResent, 0u);
  EXPECT_EQ(client.counters().fullSyncs, 0u);
  EXPECT_EQ(client.counters().registrations, 2u);
}

TEST(ClientOfAGroup, ALeaderThatBecomesAFollowerIsLeft) {
  ThreadedServer a(leader("a"));
  ThreadedServer b(follower(a.address()));
  ClientThread thread;
  Client client(thread, workerOf(a.address() + "," + b.address()));
  const auto gpu = client.location("gpu");
  client.admit(gpu, chunks(1, 10));
  ASSERT_TRUE(client.flush(kLongMs));
  a.become(follower(b.address()));
  b.become(leader(b.address(), 4));
  client.admit(gpu, chunks(11, 20));
  ASSERT_TRUE(client.flush(kLongMs)) << client.lastError();
  // It has nothing of what the first one had, and takes all of it.
  LookupClient router(thread, routerOf(b.address()));
  const auto found = router.lookup(chunks(1, 20));
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found.value().layouts.size(), 1u);
  EXPECT_EQ(found.value().layouts[0].matchedChunks, 20u);
  EXPECT_EQ(a.operationsTaken(), 10u);
}

// Also a worker that has nothing to say, and would find out with its next heartbeat only.
TEST(ClientOfAGroup, ALeaderThatIsCutOffIsLeftForTheNextAndTakenAgainWhereThereIsNone) {
  ThreadedServer a(leader("a"));
  ThreadedServer b(follower(a.address()));
  ClientThread thread;
  Client client(thread, workerOf(a.address() + "," + b.address()));
  const auto gpu = client.location("gpu");
  client.admit(gpu, chunks(1, 10));
  ASSERT_TRUE(client.flush(kLongMs));
  a.cutOff();
  ASSERT_TRUE(comesAbout([&]() { return client.state() != ClientState::kRegistered; }));
  LookupClient router(thread, routerOf(a.address()));
  EXPECT_EQ(router.lookup(chunks(1, 10)).value().layouts.size(), 1u);
  a.become(leader("a"));
  ASSERT_TRUE(comesAbout([&]() { return client.state() == ClientState::kRegistered; }));
  EXPECT_EQ(client.counters().operationsResent, 0u);
  EXPECT_EQ(client.counters().fullSyncs, 0u);
  a.cutOff();
  b.become(leader(b.address(), 4));
  client.admit(gpu, chunks(11, 20));
  ASSERT_TRUE(client.flush(kLongMs)) << client.lastError();
  LookupClient other(thread, routerOf(b.address()));
  const auto found = other.lookup(chunks(1, 20));
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_EQ(found.value().layouts.size(), 1u);
  EXPECT_EQ(found.value().layouts[0].matchedChunks, 20u);
}

TEST(ClientOfAGroup, LookUpsGoOnWithoutTheLeaderAndPassOverTheStale) {
  auto a = std::make_unique<ThreadedServer>(leader("a"));
  ClientThread thread;
  const std::string first = a->address();
  MemoryStore::Disk disk;
  {
    Client client(thread, workerOf(first));
    client.admit(client.location("gpu"), chunks(1, 8));
    ASSERT_TRUE(client.flush(kLongMs));
    disk = a->kill();  // a worker that ends deregisters
  }
  ThreadedServer stale(follower(first, 60'000), disk);
  ThreadedServer fresh(follower(first, 10), disk);
  LookupClient router(thread, routerOf(first + "," + stale.address() + "," + fresh.address()));
  for (int i = 0; i < 30; ++i) {
    const auto found = router.lookup(chunks(1, 8), {.maxAgeMs = 1'000});
    ASSERT_TRUE(found.ok()) << found.error().message;
    ASSERT_EQ(found.value().layouts.size(), 1u);
    EXPECT_EQ(found.value().layouts[0].matchedChunks, 8u);
    EXPECT_EQ(found.value().role, "follower");
    EXPECT_EQ(found.value().ageMs, 10u);
    EXPECT_EQ(found.value().index, 70u);
  }
  // Who does not mind is answered by both.
  bool old = false;
  for (int i = 0; i < 30 && !old; ++i) old = router.lookup(chunks(1, 8)).value().ageMs == 60'000;
  EXPECT_TRUE(old);
  EXPECT_TRUE(router.instances().ok());
}

TEST(ClientOfAGroup, WhenAllAreStaleThatIsTheAnswer) {
  ThreadedServer a(follower("", 500));
  ThreadedServer b(follower("", 700));
  ClientThread thread;
  LookupClientOptions options = routerOf(a.address() + "," + b.address());
  options.timeoutMs = 500;
  LookupClient router(thread, options);
  const auto found = router.lookup(chunks(1, 8), {.maxAgeMs = 100});
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(found.error().message, HasSubstr("unavailable: stale by "));
}

}  // namespace
}  // namespace holdfast::test
