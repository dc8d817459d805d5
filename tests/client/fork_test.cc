// Engines fork: what the child has of its parent's clients is dead, and harms nobody. And what a
// client must not change for the process it lives in.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <thread>

#include "client/client.h"
#include "client/lookup_client.h"
#include "fake_controller.h"
#include "keys.h"

namespace holdfast {
namespace {

// Their allocators' locks are not free in a child whose parent's other threads held them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kQuietParent = true;
#else
constexpr bool kQuietParent = false;
#endif

// Runs `child` in a forked process, which an alarm ends should it hang. Its exit code, or the
// number of the signal that ended it, negative.
int inChild(const std::function<int()>& child) {
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(60);
    _exit(child());
  }
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

ClientOptions workerOf(const FakeController& controller) {
  ClientOptions options;
  options.controller = controller.address();
  options.instance = "a";
  options.locations = {{"gpu", {}}};
  options.batchDelayMs = 1;
  return options;
}

TEST(Fork, TheChildsCopyIsDeadAndEndsAtOnce) {
  constexpr uint32_t kHourMs = 3'600'000;  // longer than the alarm
  FakeController controller;
  auto thread = std::make_unique<ClientThread>();
  auto client = std::make_unique<Client>(*thread, workerOf(controller));
  LookupClientOptions lookupOptions;
  lookupOptions.controller = controller.address();
  lookupOptions.timeoutMs = kHourMs;
  auto lookups = std::make_unique<LookupClient>(*thread, lookupOptions);
  ASSERT_TRUE(client->flush(20'000));
  ASSERT_TRUE(lookups->lookup({1}).ok());

  // So that now and then a lock is held by a thread that the child does not have.
  std::atomic<bool> stop = false;
  std::thread engine([&] {
    for (ChunkHash key = 0; !stop && !kQuietParent; ++key) {
      client->admit(LocationHandle{0}, range(key, key + 10));
      (void)client->locations();
    }
  });
  for (int turn = 0; turn < (kQuietParent ? 2 : 20); ++turn) {
    const int ended = inChild([&] {
      if (client->state() != ClientState::kForked) return 1;
      client->admit(LocationHandle{0}, range(0, 100'000));
      client->evict(LocationHandle{0}, range(0, 10));
      if (client->flush(kHourMs)) return 2;
      if (client->leave(kHourMs)) return 3;
      (void)client->counters();
      if (client->locations().size() != 1) return 4;
      if (client->p2pLookup(range(0, 3), kHourMs).ok()) return 5;
      if (lookups->lookup({1}).ok() || lookups->lookupTokens({1}).ok()) return 6;
      if (lookups->status().ok() || lookups->queryInstance("a").ok()) return 7;
      { const Client late(*thread, workerOf(controller)); }
      client = nullptr;
      lookups = nullptr;
      thread = nullptr;
      return 0;
    });
    ASSERT_EQ(ended, 0);
  }
  stop = true;
  engine.join();
  EXPECT_EQ(client->state(), ClientState::kRegistered);
  EXPECT_TRUE(client->flush(20'000));
  EXPECT_TRUE(lookups->lookup({1}).ok());
  EXPECT_EQ(controller.with([](FakeController::State& state) { return state.connections; }), 2u)
      << "the parent's connections were not touched";
}

#ifndef __SANITIZE_THREAD__  // which does not let a forked process start threads
TEST(Fork, TheChildMakesClientsOfItsOwn) {
  FakeController controller;
  ClientThread thread;
  LookupClientOptions options;
  options.controller = controller.address();
  options.timeoutMs = 20'000;
  LookupClient before(thread, options);
  ASSERT_TRUE(before.lookup({1}).ok());
  EXPECT_EQ(inChild([&] {
              ClientThread own;
              LookupClient client(own, options);
              return client.lookup({1}).ok() ? 0 : 1;
            }),
            0);
}
#endif

// KJ would have the whole process ignore it, and who writes into a closed pipe wants to be ended.
TEST(Fork, SigpipeStaysAsTheProcessHasIt) {
  struct sigaction before {};
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  ASSERT_EQ(sigaction(SIGPIPE, &standard, &before), 0);
  {
    FakeController controller;
    ClientThread thread;
    Client client(thread, workerOf(controller));
    ASSERT_TRUE(client.flush(20'000));
    struct sigaction now {};
    ASSERT_EQ(sigaction(SIGPIPE, nullptr, &now), 0);
    EXPECT_EQ(now.sa_handler, SIG_DFL);
    // Writing to connections that break does not end the process.
    for (int turn = 0; turn < 20; ++turn) {
      client.admit(LocationHandle{0}, range(0, 50'000));
      controller.cutConnections();
    }
    EXPECT_TRUE(client.flush(20'000));
  }
  ASSERT_EQ(sigaction(SIGPIPE, &before, nullptr), 0);
}

}  // namespace
}  // namespace holdfast
