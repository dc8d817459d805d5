// kill -9 of the leader under load, again and again: whoever leads next holds what the workers
// hold, nothing is sent again that was confirmed, and look-ups go on. Says how long it took.
//
//   HOLDFAST_KILLS=n kills so often (4), HOLDFAST_SEED=n draws the same moments again.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/replicas/group_test.h"
#include "tests/replicas/router.h"

namespace holdfast::test {
namespace {

// Sanitizers slow down a machine so much that leaders fall silent.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr const char* kLeadAfter = "4s";
#else
constexpr const char* kLeadAfter = "300ms";
#endif

using Clock = Router::Clock;
using Times = std::vector<double>;  // ms

double msBetween(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

void say(const char* what, Times times) {
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  std::printf("  %-46s %7.0f %7.0f\n", what, times[times.size() / 2], times.back());
}

class KillsTest : public GroupTest {
 protected:
  // As a supervisor does: a leader that another one deposed while it lived follows again.
  void startDeposed() {
    for (size_t node = 0; node < kControllers; ++node) {
      if (nodes_[node] == nullptr || nodes_[node]->running()) continue;
      EXPECT_EQ(nodes_[node]->wait(), kDeposed) << nodes_[node]->log();
      ++deposed_;
      startNode(node, kLeadAfter);
    }
  }
  void expectAllComeToHold(const std::string& digest) {
    const auto holds = [&](size_t node) {
      return ctl(addressOf(node), "status --json").output.find('"' + digest + '"') !=
             std::string::npos;
    };
    EXPECT_TRUE(eventually([&] {
      startDeposed();
      return holds(0) && holds(1) && holds(2);
    })) << "not all hold "
        << digest << "\n"
        << logs();
  }
  // Once the router knows of no other leader.
  size_t settledLeader(const Router& router) {
    size_t node = kNoLeader;
    EXPECT_TRUE(eventually([&] {
      startDeposed();
      node = awaitLeader();
      return node != kNoLeader &&
             says(node, "leading group 'test': epoch " + std::to_string(router.leader().epoch));
    })) << logs();
    return node;
  }
  // From its last breath until everybody works with the next one.
  void killAndMeasure(size_t node, const Workers& all, const Router& router) {
    const uint64_t epoch = router.leader().epoch;
    const auto killed = Clock::now();
    kill(node, SIGKILL);
    // What is numbered from now on is nothing that it has seen.
    std::vector<uint64_t> seen;
    for (const auto& worker : all) seen.push_back(worker->client().locations()[0].lastSeq);
    std::vector<bool> back(all.size());
    Times returns;
    const bool done = soon([&] {
      for (size_t i = 0; i < all.size(); ++i) {
        if (back[i] || all[i]->client().locations()[0].committedSeq <= seen[i]) continue;
        back[i] = true;
        returns.push_back(msBetween(killed, Clock::now()));
      }
      return returns.size() == all.size() && router.leader().epoch > epoch;
    });
    ASSERT_TRUE(done) << logs();
    lookedUp_.push_back(msBetween(killed, router.leader().since));
    confirmed_.push_back(returns.front());
    allConfirmed_.push_back(returns.back());
  }
  // Looks often enough to tell when.
  static bool soon(const std::function<bool()>& condition) {
    const auto deadline = Clock::now() + kPatience;
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  void summarise(const Router::Tally& lookups) const {
    std::printf("%zu kills; ms from kill -9 of the leader:         median maximum\n",
                confirmed_.size());
    say("first look-up that the next leader answers", lookedUp_);
    say("first report that it confirms to a worker", confirmed_);
    say("every worker has a report confirmed by it", allConfirmed_);
    std::printf("look-ups: %llu answered, %zu failed, the longest took %.0f ms\n",
                static_cast<unsigned long long>(lookups.answered), lookups.failures.size(),
                lookups.longestMs);
    std::printf("leaders deposed while they lived: %llu\n",
                static_cast<unsigned long long>(deposed_));
  }

  const uint64_t kills_ = repetitions("HOLDFAST_KILLS", 4);
  uint64_t deposed_ = 0;
  Times lookedUp_;
  Times confirmed_;
  Times allConfirmed_;
};

TEST_F(KillsTest, LeadersLoseNothingThatWasConfirmed) {
  for (size_t node = 0; node < kControllers; ++node) startNode(node, kLeadAfter);
  ASSERT_NE(awaitLeader(), kNoLeader);
  Workers all =
      workers({.controller = everyAddress(), .backoffMaxMs = ClientOptions{}.backoffMaxMs});
  ClientThread routing;
  const Router router(routing, everyAddress());
  workFor(all, 300);
  expectAllComeToHold(truthOf(all));
  for (uint64_t round = 0; round < kills_ && !HasFailure(); ++round) {
    workFor(all, 100 + random_() % 400);
    const size_t former = settledLeader(router);
    ASSERT_NE(former, kNoLeader);
    killAndMeasure(former, all, router);
    if (HasFailure()) break;
    startNode(former, kLeadAfter);
    expectAllComeToHold(truthOf(all));
    expectNothingSentAgain(all);
    const Router::Tally lookups = router.tally();
    EXPECT_TRUE(lookups.failures.empty()) << lookups.failures.front();
  }
  summarise(router.tally());
}

}  // namespace
}  // namespace holdfast::test
