// A daemon that has nothing to do uses no processor.

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "client/client.h"
#include "daemon_process.h"

namespace holdfast::test {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kWindow{2};
// Far above what an idle daemon needs (under 1 %), far below a loop that polls without a pause.
constexpr double kShareMax = 0.05;
// The loop's ticks are ten a second; RocksDB and the store's threads wake up now and then.
constexpr double kSleepsPerSecondMax = 300;

// So far, of all threads of a process.
struct Usage {
  double seconds = 0;
  uint64_t sleeps = 0;  // times that a thread gave up the processor to wait
};

Usage usageOf(pid_t pid) {
  const std::filesystem::path process = "/proc/" + std::to_string(pid);
  Usage usage;
  std::ifstream stat(process / "stat");
  std::string line;
  std::getline(stat, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string field;
  for (int i = 3; i <= 15 && fields >> field; ++i) {
    if (i >= 14) usage.seconds += std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  for (const auto& thread : std::filesystem::directory_iterator(process / "task")) {
    std::ifstream status(thread.path() / "status");
    while (std::getline(status, line)) {
      if (line.starts_with("voluntary_ctxt_switches:")) {
        usage.sleeps += std::stoull(line.substr(line.find(':') + 1));
      }
    }
  }
  return usage;
}

class IdleTest : public DaemonTest {
 protected:
  // Looks at one window after the other until one is quiet: what a start leaves to do (families,
  // compactions) ends at some time. False if none was.
  static bool comesToRest(pid_t pid, std::string& seen) {
    const auto deadline = SteadyClock::now() + kPatience;
    while (SteadyClock::now() < deadline) {
      const Usage before = usageOf(pid);
      const auto begun = SteadyClock::now();
      std::this_thread::sleep_for(kWindow);
      const Usage after = usageOf(pid);
      const double seconds = std::chrono::duration<double>(SteadyClock::now() - begun).count();
      const double share = (after.seconds - before.seconds) / seconds;
      const double sleeps = static_cast<double>(after.sleeps - before.sleeps) / seconds;
      seen = std::to_string(100 * share) + " % of a processor, " + std::to_string(sleeps) +
             " voluntary switches a second";
      if (share < kShareMax && sleeps < kSleepsPerSecondMax) return true;
    }
    return false;
  }
};

TEST_F(IdleTest, UsesNoProcessorOnAnEmptyStore) {
  const auto daemon = start(onDataDir());
  std::string seen;
  EXPECT_TRUE(comesToRest(daemon->pid(), seen)) << seen;
  RecordProperty("usage", seen);
}

TEST_F(IdleTest, UsesHardlyAnyWithAHundredWorkersThatOnlyBeat) {
  const auto daemon = start(onDataDir());
  ClientThread thread;
  std::vector<std::unique_ptr<Client>> workers;
  for (uint32_t rank = 0; rank < 100; ++rank) {
    ClientOptions options;
    options.controller = daemon->address();
    options.instance = "llama-" + std::to_string(rank / 8);
    options.worker = rank % 8;
    options.locations = {{.name = "gpu", .contents = {}}};
    workers.push_back(std::make_unique<Client>(thread, options));
    workers.back()->admit(workers.back()->location("gpu"), std::vector<ChunkHash>{rank + 1});
  }
  ASSERT_TRUE(eventually([&]() {
    return std::all_of(workers.begin(), workers.end(), [](const auto& worker) {
      return worker->state() == ClientState::kRegistered;
    });
  }));
  std::string seen;
  EXPECT_TRUE(comesToRest(daemon->pid(), seen)) << seen;
  RecordProperty("usage", seen);
}

}  // namespace
}  // namespace holdfast::test
