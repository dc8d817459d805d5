// Three controllers of a group on a log of three real servers, with workers that report to them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "client/client_thread.h"
#include "tests/crash/busy_worker.h"
#include "tests/daemon/daemon_process.h"
#include "tests/nats/servers.h"
#include "tests/support/repetitions.h"

namespace holdfast::test {

inline constexpr size_t kControllers = 3;
inline constexpr size_t kNoLeader = kControllers;
inline constexpr int kDeposed = 8;  // exit code: another one leads

class GroupTest : public DaemonTest {
 protected:
  // The address of the leader that awaitLeader() found last: a link to its socket.
  std::string leaderAddress() const { return "unix:" + (directory / "leader").string(); }
  std::string addressOf(size_t node) const { return "unix:" + socketOf(node).string(); }
  // All controllers, as clients name them.
  std::string everyAddress() const;

  // `own`: arguments of this one alone.
  DaemonStart onNode(size_t node, const std::string& leadAfter,
                     const std::vector<std::string>& own) const;
  void startNode(size_t node, const std::string& leadAfter = "4s",
                 const std::vector<std::string>& own = {});
  // The same, without waiting until it is ready.
  void launchNode(size_t node, const std::vector<std::string>& own);
  // Signals it and waits for its end.
  void kill(size_t node, int signal);
  // Who leads among those that run, as it says itself; the one of the latest epoch, for one that
  // another one deposed may not have ended yet.
  std::optional<size_t> leading() const;
  // kNoLeader: nobody comes to lead.
  size_t awaitLeader();
  bool says(size_t node, const std::string& text) const;
  std::string logs() const;
  // All controllers that run come to hold this.
  void expectAllHold(const std::string& digest);

  using Workers = std::vector<std::unique_ptr<BusyWorker>>;
  // Two instances of two ranks, as `of` says; its seed is this test's.
  Workers workers(BusyWorkerOptions of);
  // Who report to whoever leads.
  Workers workers() { return workers({.controller = leaderAddress()}); }
  // They work from now on until truthOf(), for so long before this returns.
  static void workFor(Workers& workers, uint64_t ms);
  // They rest, and everything is confirmed: what they hold.
  std::string truthOf(Workers& workers);
  static void expectNothingSentAgain(const Workers& workers);

  const uint64_t seed_ = fromEnvironment("HOLDFAST_SEED", std::random_device{}());
  const testing::ScopedTrace trace_{__FILE__, __LINE__,
                                    "replay with HOLDFAST_SEED=" + std::to_string(seed_)};
  std::mt19937_64 random_{seed_};
  NatsServers servers_{kControllers};
  std::vector<std::string> log_ = servers_.options().servers;  // that the next nodes are told of
  std::vector<std::string> more_;                              // arguments of each node
  std::vector<std::unique_ptr<DaemonProcess>> nodes_{kControllers};
  ClientThread thread_;

  static std::string nameOf(size_t node) { return std::string(1, static_cast<char>('a' + node)); }
  std::filesystem::path dataOf(size_t node) const { return directory / ("data-" + nameOf(node)); }
  std::filesystem::path socketOf(size_t node) const {
    return directory / ("socket-" + nameOf(node));
  }
};

}  // namespace holdfast::test
