// Three controllers of a group on a log of three real servers: leaders are killed under load, and
// whoever leads next holds what the workers hold, without anything sent again that was confirmed.
//
//   HOLDFAST_KILLS=n kills so often (4), HOLDFAST_SEED=n draws the same moments again.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"
#include "core/registry/registry_digest.h"
#include "tests/crash/busy_worker.h"
#include "tests/daemon/daemon_process.h"
#include "tests/nats/servers.h"
#include "tests/support/repetitions.h"

namespace holdfast::test {
namespace {

constexpr size_t kControllers = 3;
constexpr size_t kNoLeader = kControllers;
constexpr int kDeposed = 8;
constexpr int kNotWritten = 5;

// That nobody had a moment ago.
uint16_t freePort() {
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(probe, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(probe);
  return ntohs(address.sin_port);
}

class FailoverTest : public DaemonTest {
 protected:
  // The address of the leader, wherever that is: a link to its socket.
  std::string leaderAddress() const { return "unix:" + (directory / "leader").string(); }
  std::string addressOf(size_t node) const { return "unix:" + socketOf(node).string(); }

  void startNode(size_t node, const std::string& leadAfter = "4s") {
    const std::string name = nameOf(node);
    DaemonStart what;
    what.arguments = {"--data-dir",
                      (directory / ("data-" + name)).string(),
                      "--create",
                      "--listen",
                      addressOf(node),
                      "--cluster",
                      "test",
                      "--node",
                      name,
                      "--lead-after",
                      leadAfter,
                      "--nats-size",
                      "64MiB"};
    what.arguments.insert(what.arguments.end(), more_.begin(), more_.end());
    for (const std::string& server : servers_.options().servers) {
      what.arguments.insert(what.arguments.end(), {"--replicate-nats", server});
    }
    nodes_[node] = start(what);
  }
  void kill(size_t node, int signal) {
    nodes_[node]->signal(signal);
    nodes_[node]->wait();
    nodes_[node].reset();
  }
  // Who leads among those that run, as it says itself; a leader that another one deposed has ended.
  size_t awaitLeader() {
    size_t leader = kNoLeader;
    const bool found = eventually([&] {
      for (size_t node = 0; node < kControllers && leader == kNoLeader; ++node) {
        if (nodes_[node] != nullptr && says(node, "leading group")) leader = node;
      }
      return leader != kNoLeader;
    });
    EXPECT_TRUE(found) << logs();
    if (!found) return kNoLeader;
    std::filesystem::remove(directory / "leader");
    std::filesystem::create_symlink(socketOf(leader), directory / "leader");
    return leader;
  }
  bool says(size_t node, const std::string& text) const {
    return nodes_[node]->log().find(text) != std::string::npos;
  }
  std::string logs() const {
    std::string all;
    for (size_t node = 0; node < kControllers; ++node) {
      if (nodes_[node] != nullptr) all += nameOf(node) + ":\n" + nodes_[node]->log();
    }
    return all;
  }
  // All controllers that run come to hold this.
  void expectAllHold(const std::string& digest) {
    for (size_t node = 0; node < kControllers; ++node) {
      if (nodes_[node] == nullptr) continue;
      EXPECT_TRUE(eventually([&] {
        return statusText(addressOf(node), "contentDigest") == digest;
      })) << nameOf(node)
          << " holds " << statusText(addressOf(node), "contentDigest") << " and not " << digest
          << "\n"
          << logs();
    }
  }
  using Workers = std::vector<std::unique_ptr<BusyWorker>>;
  Workers workers() {
    BusyWorkerOptions of;
    of.controller = leaderAddress();
    of.seed = seed_;
    return busyWorkers(thread_, 2, 2, of);
  }
  // They work from now on until truthOf(), for so long before this returns.
  void workFor(Workers& workers, uint64_t ms) {
    for (auto& worker : workers) {
      worker->pause();
      worker->resume();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  }
  // They rest, and everything is confirmed: what they hold.
  std::string truthOf(Workers& workers) {
    for (auto& worker : workers) worker->pause();
    RegistryDigest truth;
    for (auto& worker : workers) {
      EXPECT_TRUE(worker->client().flush(60'000)) << worker->describe() << logs();
      worker->addTo(truth);
    }
    return truth.hex();
  }
  static void expectNothingSentAgain(const Workers& workers) {
    for (const auto& worker : workers) {
      const ClientCounters counters = worker->client().counters();
      EXPECT_EQ(counters.keysResent(), 0u);
      EXPECT_EQ(counters.losses, 0u);
      EXPECT_EQ(counters.decisionsDiverged, 0u);
    }
  }

  const uint64_t kills_ = repetitions("HOLDFAST_KILLS", 4);
  const uint64_t seed_ = fromEnvironment("HOLDFAST_SEED", std::random_device{}());
  const testing::ScopedTrace trace_{__FILE__, __LINE__,
                                    "replay with HOLDFAST_SEED=" + std::to_string(seed_)};
  std::mt19937_64 random_{seed_};
  NatsServers servers_{kControllers};
  std::vector<std::string> more_;  // arguments of each node
  std::vector<std::unique_ptr<DaemonProcess>> nodes_{kControllers};
  ClientThread thread_;

 private:
  static std::string nameOf(size_t node) { return std::string(1, static_cast<char>('a' + node)); }
  std::filesystem::path socketOf(size_t node) const {
    return directory / ("socket-" + nameOf(node));
  }
};

TEST_F(FailoverTest, KilledLeadersLoseNothingThatWasConfirmed) {
  for (size_t node = 0; node < kControllers; ++node) startNode(node);
  size_t leader = awaitLeader();
  ASSERT_NE(leader, kNoLeader);
  Workers all = workers();
  workFor(all, 300);
  expectAllHold(truthOf(all));
  for (uint64_t round = 0; round < kills_ && !HasFailure(); ++round) {
    workFor(all, 100 + random_() % 400);
    kill(leader, SIGKILL);
    const size_t former = leader;
    leader = awaitLeader();
    ASSERT_NE(leader, kNoLeader);
    workFor(all, 0);
    startNode(former);
    expectAllHold(truthOf(all));
    expectNothingSentAgain(all);
  }
}

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
