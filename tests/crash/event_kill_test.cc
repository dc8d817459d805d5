// kill -9 at random moments while cache operations run: no event that was answered for is lost, and
// none says more than the workers did.
//
//   HOLDFAST_EVENT_KILLS=n kills so often (20), HOLDFAST_SEED=n draws the same moments again.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "client/client.h"
#include "tests/daemon/daemon_process.h"
#include "tests/support/repetitions.h"

namespace holdfast::test {
namespace {

constexpr uint32_t kRanksAsked = 3;
constexpr uint64_t kTokensDone = 256;

// An engine that takes its time, and knows what it did. The method names the event.
class SlowEngine final : public OperationHandler {
 public:
  explicit SlowEngine(uint64_t seed) : random_(seed) {}
  ~SlowEngine() override {
    for (std::thread& thread : threads_) thread.join();
  }

  void compress(const CacheOperation& operation, Completion completion) override {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(begun_.insert(operation.method).second) << operation.method << " began twice";
    const std::chrono::milliseconds time(random_() % 40);
    threads_.emplace_back([this, time, event = operation.method, completion] {
      std::this_thread::sleep_for(time);
      {
        const std::lock_guard locked(mutex_);
        finished_.insert(event);
      }
      completion.done(kTokensDone);
    });
  }
  bool hasBegun(const std::string& event) {
    const std::lock_guard lock(mutex_);
    return begun_.contains(event);
  }
  bool hasFinished(const std::string& event) {
    const std::lock_guard lock(mutex_);
    return finished_.contains(event);
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::set<std::string> begun_;
  std::set<std::string> finished_;
  std::vector<std::thread> threads_;
};

class EventKillTest : public DaemonTest {
 protected:
  // Asks for operations until told to stop; remembers those that the controller answered for.
  void keepAsking(uint32_t asker) {
    while (!stop_) {
      const std::string event = "event-" + std::to_string(asker) + "-" + std::to_string(next_++);
      const CommandResult asked =
          ctl(socketAddress(), "compress a gpu " + event + " --event-id " + event + " --no-wait");
      if (asked.exitCode != 0) continue;
      const std::lock_guard lock(mutex_);
      promised_.insert(event);
    }
  }

  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> next_ = 0;
  std::mutex mutex_;
  std::set<std::string> promised_;
};

TEST_F(EventKillTest, NoEventIsLostAndNoneClaimsWhatWasNotDone) {
  const uint64_t seed = fromEnvironment("HOLDFAST_SEED", std::random_device{}());
  const uint64_t kills = fromEnvironment("HOLDFAST_EVENT_KILLS", 20);
  SCOPED_TRACE("replay with HOLDFAST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);

  auto daemon = startOnSocket();
  ClientThread thread;
  std::vector<std::shared_ptr<SlowEngine>> engines;
  std::vector<std::unique_ptr<Client>> clients;
  for (uint32_t rank = 0; rank < kRanksAsked; ++rank) {
    engines.push_back(std::make_shared<SlowEngine>(seed + rank));
    ClientOptions options;
    options.controller = socketAddress();
    options.instance = "a";
    options.worker = rank;
    options.worldSize = kRanksAsked;
    options.locations = {{.name = "gpu", .contents = {}}};
    options.operations = engines.back();
    options.backoffMaxMs = 50;
    clients.push_back(std::make_unique<Client>(thread, std::move(options)));
  }
  std::vector<std::thread> askers;
  for (uint32_t i = 0; i < 3; ++i) askers.emplace_back([this, i] { keepAsking(i); });
  for (uint64_t kill = 1; kill <= kills; ++kill) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100 + random() % 300));
    daemon->signal(SIGKILL);
    ASSERT_EQ(daemon->wait(), -SIGKILL);
    daemon = startOnSocket();
  }
  stop_ = true;
  for (std::thread& asker : askers) asker.join();

  ASSERT_TRUE(eventually([&] {
    return ctl(socketAddress(), "events --unfinished").output == "no events\n";
  })) << ctl(socketAddress(), "events --unfinished").output;
  std::map<std::string, uint64_t> ends;
  for (const std::string& event : promised_) {
    const CommandResult said = ctl(socketAddress(), "check-finish " + event + " --json");
    ASSERT_TRUE(said.exitCode == 0 || said.exitCode == 5) << event << ": " << said.output;
    // One "status" for the event, then one for each rank.
    size_t at = said.output.find("\"ranks\"");
    for (uint32_t rank = 0; rank < kRanksAsked; ++rank) {
      constexpr std::string_view kKey = "\"status\": \"";
      at = said.output.find(kKey, at) + kKey.size();
      const std::string status = said.output.substr(at, said.output.find('"', at) - at);
      ++ends[status];
      if (status == "done") {
        EXPECT_TRUE(engines[rank]->hasFinished(event)) << event << " rank " << rank;
      } else if (status == "never run") {
        EXPECT_FALSE(engines[rank]->hasBegun(event)) << event << " rank " << rank;
      } else {
        ADD_FAILURE() << event << " rank " << rank << " is " << status
                      << ", but the process that ran it is there";
      }
    }
  }
  EXPECT_GT(ends["done"], 0u);
  std::cout << kills << " kills, " << promised_.size() << " events: " << ends["done"]
            << " ranks done, " << ends["never run"] << " never run\n";
  clients.clear();
}

}  // namespace
}  // namespace holdfast::test
