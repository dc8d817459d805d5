// kill -9 in the middle of everything that a controller does: reports, folds, backups, captures and
// the recovery from the kill before. Each time the restarted controller must hold what the workers
// hold, nothing may be sent again, a backup that was reported whole must verify, and the log of a
// capture must replay up to the kill.
//
//   HOLDFAST_KILLS=n kills so often (10), HOLDFAST_SEED=n draws the same moments again.
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <chrono>
#include <future>
#include <iomanip>
#include <iostream>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "client/client.h"
#include "core/registry/registry_digest.h"
#include "tests/crash/busy_worker.h"
#include "tests/daemon/daemon_process.h"
#include "tests/support/repetitions.h"

namespace holdfast::test {
namespace {

// Large enough that folds take a while.
constexpr size_t kCapacity = 40'000;  // of a worker
constexpr uint32_t kInstances = 2;
constexpr uint32_t kRanks = 3;

enum Moment { kReports, kFolds, kBackup, kCapture, kRecovery, kMoments };
constexpr std::array<const char*, kMoments> kMomentNames = {"reports", "folds", "a backup",
                                                            "a capture", "the recovery"};

struct Tally {
  uint64_t kills = 0;
  uint64_t underWay = 0;  // kills that found the thing begun and not ended
};

// Of the files of all capture logs in a directory.
uintmax_t bytesOfLogs(const std::string& directory) {
  uintmax_t bytes = 0;
  for (const auto& log : std::filesystem::directory_iterator(directory)) {
    const std::filesystem::path first = log.path() / "000001.log";
    if (std::filesystem::exists(first)) bytes += std::filesystem::file_size(first);
  }
  return bytes;
}

class TortureTest : public DaemonTest {
 protected:
  void addWorkers(uint64_t seed) {
    BusyWorkerOptions of;
    of.controller = socketAddress();
    of.capacity = kCapacity;
    of.seed = seed;
    workers = busyWorkers(thread, kInstances, kRanks, of);
  }

  void sleepUpTo(uint64_t milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % (milliseconds + 1)));
  }

  void kill() {
    daemon->signal(SIGKILL);
    ASSERT_EQ(daemon->wait(), -SIGKILL);
    ++killsInAll;
  }

  // Kills the daemon in the middle of `moment`, as far as chance allows.
  void killDuring(Moment moment) {
    Tally& tally = tallies.at(moment);
    ++tally.kills;
    switch (moment) {
      case kFolds: {
        // Folds are due as soon as there are more operations than chunks.
        const uint64_t before = statusNumber(socketAddress(), "foldsStarted");
        ASSERT_TRUE(
            eventually([&] { return statusNumber(socketAddress(), "foldsStarted") > before; }));
        sleepUpTo(30);
        kill();
        ++tally.underWay;
        break;
      }
      case kBackup: {
        const std::string copy = (directory / ("backup-" + std::to_string(tally.kills))).string();
        auto backup =
            std::async(std::launch::async, [&] { return ctl(socketAddress(), "backup " + copy); });
        sleepUpTo(80);
        kill();
        if (backup.get().exitCode == 0) {
          const CommandResult verified =
              runCommand(std::string(HOLDFAST_INSPECT) + " verify " + copy);
          EXPECT_EQ(verified.exitCode, 0) << verified.output;
        } else {
          ++tally.underWay;
        }
        std::filesystem::remove_all(copy);
        break;
      }
      case kCapture: {
        const std::string log = (directory / ("capture-" + std::to_string(tally.kills))).string();
        // Not at once where folds take long.
        ASSERT_TRUE(eventually([&] {
          return ctl(socketAddress(), "capture on " + log).exitCode == 0;
        })) << daemon->log();
        // Its first entries reach the file within a moment; a kill before that leaves nothing.
        ASSERT_TRUE(eventually([&] { return bytesOfLogs(log) > 1'024; }));
        sleepUpTo(300);
        kill();
        ++tally.underWay;
        const CommandResult replayed = runCommand(std::string(HOLDFAST_REPLAY) + " " + log);
        EXPECT_EQ(replayed.exitCode, 0) << replayed.output;
        std::filesystem::remove_all(log);
        break;
      }
      case kRecovery: {
        sleepUpTo(100);
        kill();
        DaemonStart what;
        what.arguments = {"--data-dir", dataDir(), "--listen", socketAddress()};
        daemon = std::make_unique<DaemonProcess>(directory / "log-of-recovery", what);
        sleepUpTo(150);
        if (daemon->log().find("ready on ") == std::string::npos) ++tally.underWay;
        kill();
        break;
      }
      default:
        sleepUpTo(150);
        kill();
        ++tally.underWay;
        break;
    }
  }

  void startAgainAndCompare() {
    daemon = startOnSocket();
    for (auto& worker : workers) worker->pause();
    RegistryDigest truth;
    for (auto& worker : workers) {
      ASSERT_TRUE(worker->client().flush(60'000))
          << worker->describe() << daemon->log() << ctl(socketAddress(), "workers").output;
      worker->addTo(truth);
    }
    ASSERT_EQ(statusText(socketAddress(), "contentDigest"), truth.hex()) << daemon->log();
  }

  void checkWorkers() {
    for (auto& worker : workers) {
      const ClientCounters counters = worker->client().counters();
      EXPECT_EQ(counters.keysResent(), 0u) << worker->describe();
      EXPECT_EQ(counters.losses, 0u) << worker->describe();
      EXPECT_EQ(counters.decisionsDiverged, 0u) << worker->describe();
      EXPECT_GT(worker->held(), kCapacity / 2);
      operations += counters.operationsSent;
    }
  }

  void printSummary() const {
    std::cout << std::left << std::setw(16) << "killed during" << std::right << std::setw(8)
              << "kills" << std::setw(12) << "under way"
              << "\n";
    for (size_t i = 0; i < kMoments; ++i) {
      std::cout << std::left << std::setw(16) << kMomentNames.at(i) << std::right << std::setw(8)
                << tallies.at(i).kills << std::setw(12) << tallies.at(i).underWay << "\n";
    }
    std::cout << killsInAll << " kills in all, " << operations
              << " operations sent, none twice; all digests equal\n";
  }

  std::mt19937_64 random;
  std::unique_ptr<DaemonProcess> daemon;
  ClientThread thread;
  std::vector<std::unique_ptr<BusyWorker>> workers;
  std::array<Tally, kMoments> tallies;
  uint64_t killsInAll = 0;
  uint64_t operations = 0;
};

TEST_F(TortureTest, EveryKillIsSurvivedWhateverWasUnderWay) {
  const uint64_t seed = fromEnvironment("HOLDFAST_SEED", std::random_device{}());
  const uint64_t kills = repetitions("HOLDFAST_KILLS", 10);
  SCOPED_TRACE("replay with HOLDFAST_SEED=" + std::to_string(seed));
  random.seed(seed);
  daemon = startOnSocket();
  addWorkers(seed);
  for (uint64_t round = 0; killsInAll < kills; ++round) {
    const Moment moment = static_cast<Moment>(round % kMoments);
    SCOPED_TRACE("round " + std::to_string(round) + ", in the middle of " +
                 kMomentNames.at(moment));
    for (auto& worker : workers) worker->resume();
    ASSERT_NO_FATAL_FAILURE(killDuring(moment));
    ASSERT_NO_FATAL_FAILURE(startAgainAndCompare());
  }
  checkWorkers();
  if (!HasFailure()) printSummary();
}

}  // namespace
}  // namespace holdfast::test
