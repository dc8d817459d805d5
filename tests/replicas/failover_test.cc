// Leaders that are stopped, step down, sleep or end without their log, and a copy that follows:
// whoever leads next holds what the workers hold, without anything sent again that was confirmed.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <utility>

#include "tests/replicas/group_test.h"
#include "tests/support/free_ports.h"

namespace holdfast::test {
namespace {

constexpr int kNotWritten = 5;

class FailoverTest : public GroupTest {};

TEST_F(FailoverTest, ALeaderThatIsStoppedHandsOver) {
  for (size_t node = 0; node < kControllers; ++node) startNode(node, "1h");
  // With such a patience nobody begins by itself: one that has less does.
  kill(0, SIGTERM);
  startNode(0, "200ms");
  const size_t leader = awaitLeader();
  ASSERT_EQ(leader, 0u);
  Workers all = workers();
  workFor(all, 300);
  nodes_[leader]->signal(SIGTERM);
  EXPECT_EQ(nodes_[leader]->wait(), 0) << nodes_[leader]->log();
  nodes_[leader].reset();
  ASSERT_NE(awaitLeader(), kNoLeader) << "nobody waits for an hour";
  expectAllHold(truthOf(all));
  expectNothingSentAgain(all);
}

TEST_F(FailoverTest, ALeaderStepsDownWhenItIsAsked) {
  for (size_t node = 0; node < kControllers; ++node) startNode(node);
  const size_t former = awaitLeader();
  ASSERT_NE(former, kNoLeader);
  Workers all = workers();
  workFor(all, 300);
  const CommandResult asked = ctl(addressOf(former), "step-down");
  EXPECT_EQ(asked.exitCode, 0) << asked.output;
  EXPECT_EQ(nodes_[former]->wait(), kDeposed) << nodes_[former]->log();
  nodes_[former].reset();
  ASSERT_NE(awaitLeader(), kNoLeader);
  startNode(former);
  expectAllHold(truthOf(all));
  expectNothingSentAgain(all);
}

// Nobody is to take it for an orderly end.
TEST_F(FailoverTest, ALeaderThatEndsWithoutItsLogSaysWhatIsNotConfirmed) {
  startNode(0);
  ASSERT_EQ(awaitLeader(), 0u);
  Workers all = workers();
  workFor(all, 300);
  for (size_t server = 0; server < kControllers; ++server) servers_.stop(server);
  // It goes on to write what it cannot confirm.
  ASSERT_TRUE(eventually([&] { return says(0, "connection to the log's servers was lost"); }));
  nodes_[0]->signal(SIGTERM);
  EXPECT_EQ(nodes_[0]->wait(), kNotWritten) << nodes_[0]->log();
  EXPECT_TRUE(says(0, "has not taken all that was reported")) << nodes_[0]->log();
  for (size_t server = 0; server < kControllers; ++server) servers_.resume(server);
  startNode(0);
  ASSERT_EQ(awaitLeader(), 0u);
  expectAllHold(truthOf(all));
}

// All have the same addresses here, as behind one that follows the leader.
TEST_F(FailoverTest, PortsOfLmcacheAreTheLeadersAlone) {
  const std::string pull = "127.0.0.1:" + std::to_string(freePort());
  const std::string reply = "127.0.0.1:" + std::to_string(freePort());
  more_ = {"--lmcache-pull", pull, "--lmcache-reply", reply};
  for (size_t node = 0; node < kControllers; ++node) startNode(node);
  const size_t former = awaitLeader();
  ASSERT_NE(former, kNoLeader);
  const auto taking = [&](size_t node) {
    return says(node, "taking LMCache's workers: reports to " + pull + ", requests to " + reply);
  };
  EXPECT_TRUE(eventually([&] { return taking(former); })) << logs();
  for (size_t node = 0; node < kControllers; ++node) EXPECT_EQ(taking(node), node == former);
  kill(former, SIGKILL);
  const size_t leader = awaitLeader();
  ASSERT_NE(leader, kNoLeader);
  EXPECT_TRUE(eventually([&] { return taking(leader); })) << logs();
}

// It sleeps while it is replaced, and must not confirm anything when it wakes up.
TEST_F(FailoverTest, ALeaderThatWasAsleepEndsAndFollows) {
  for (size_t node = 0; node < kControllers; ++node) startNode(node);
  const size_t former = awaitLeader();
  ASSERT_NE(former, kNoLeader);
  Workers all = workers();
  workFor(all, 300);
  nodes_[former]->signal(SIGSTOP);
  auto asleep = std::move(nodes_[former]);
  const size_t leader = awaitLeader();
  ASSERT_NE(leader, kNoLeader);
  asleep->signal(SIGCONT);
  EXPECT_EQ(asleep->wait(), kDeposed) << asleep->log();
  startNode(former);
  expectAllHold(truthOf(all));
  expectNothingSentAgain(all);
}

// The group begins with a store that was alone; the second controller begins with a copy of it.
TEST_F(FailoverTest, ACopyOfTheLeaderFollows) {
  DaemonStart alone;
  alone.arguments = {"--data-dir", (directory / "data-a").string(), "--create", "--listen",
                     addressOf(0)};
  nodes_[0] = start(alone);
  std::filesystem::create_symlink(directory / "socket-a", directory / "leader");
  Workers all = workers();
  workFor(all, 200);
  truthOf(all);
  kill(0, SIGTERM);
  startNode(0);
  ASSERT_EQ(awaitLeader(), 0u);
  workFor(all, 200);
  const CommandResult made =
      ctl(addressOf(0), "backup " + (directory / "data-b").string() + " --json");
  ASSERT_EQ(made.exitCode, 0) << made.output << logs();
  startNode(1);
  workFor(all, 200);
  expectAllHold(truthOf(all));
  kill(0, SIGKILL);
  ASSERT_EQ(awaitLeader(), 1u);
  expectAllHold(truthOf(all));
  expectNothingSentAgain(all);
}

}  // namespace
}  // namespace holdfast::test
