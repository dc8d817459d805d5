// Look-ups while hundreds of workers arrive at once and the store makes room for them.

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "client/client.h"
#include "client/lookup_client.h"
#include "daemon_process.h"

namespace holdfast::test {
namespace {

constexpr uint32_t kWorkers = 500;
constexpr uint32_t kInFlight = 64;

// Keeps look-ups in flight until it is destroyed.
class LookupLoad {
 public:
  explicit LookupLoad(const std::string& controller)
      : client_(thread_, {.controller = controller, .token = {}}) {
    for (uint32_t i = 0; i < kInFlight; ++i) ask();
  }
  ~LookupLoad() {
    stop_ = true;
    eventually([&]() { return lanes_ == 0; });
  }
  LookupLoad(const LookupLoad&) = delete;
  LookupLoad& operator=(const LookupLoad&) = delete;

  uint64_t answered() const { return answered_; }

 private:
  void ask() {
    std::vector<ChunkHash> hashes(32);
    for (size_t i = 0; i < hashes.size(); ++i) hashes[i] = splitmix64Finalise(i);
    client_.lookup(std::move(hashes), {}, [this](const Result<LookupAnswer>&) {
      ++answered_;
      if (stop_) {
        --lanes_;
      } else {
        ask();
      }
    });
  }

  std::atomic<bool> stop_{false};
  std::atomic<uint32_t> lanes_{kInFlight};
  std::atomic<uint64_t> answered_{0};
  ClientThread thread_;
  LookupClient client_;
};

class LatencyTest : public DaemonTest {
 protected:
  static std::unique_ptr<Client> worker(ClientThread& thread, const std::string& controller,
                                        const std::string& instance, uint32_t rank) {
    ClientOptions options;
    options.controller = controller;
    options.instance = instance;
    options.worker = rank;
    options.locations = {{.name = "gpu", .contents = {}}};
    return std::make_unique<Client>(thread, options);
  }
  // p99 of the look-ups since the last call, in microseconds.
  static uint64_t windowP99(const std::string& controller) {
    const std::string status = ctl(controller, "status --json --reset-lookup-window").output;
    const size_t window = status.find("\"lookupWindow\"");
    const size_t at = status.find("\"p99Us\": ", window);
    return std::stoull(status.substr(at + 9));
  }
};

TEST_F(LatencyTest, DoesNotMoveWhileHundredsOfWorkersRegister) {
  const auto daemon = start(onDataDir());
  const std::string address = daemon->address();
  ClientThread workerThread;
  const auto holder = worker(workerThread, address, "holder", 0);
  std::vector<ChunkHash> keys(32);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = splitmix64Finalise(i);
  holder->admit(holder->location("gpu"), keys);
  ASSERT_TRUE(holder->flush(60'000));
  LookupLoad load(address);

  // The machine may be busy with something else in either window: the quietest of a few counts.
  double best = 1e9;
  for (int attempt = 0; attempt < 8 && best > 2; ++attempt) {
    const auto waitForLookups = [&](uint64_t count) {
      const uint64_t wanted = load.answered() + count;
      ASSERT_TRUE(eventually([&]() { return load.answered() >= wanted; }));
    };
    windowP99(address);
    waitForLookups(20'000);
    const uint64_t before = windowP99(address);
    std::vector<std::unique_ptr<Client>> workers;
    for (uint32_t rank = 0; rank < kWorkers; ++rank) {
      workers.push_back(worker(workerThread, address, "crowd" + std::to_string(attempt), rank));
    }
    ASSERT_TRUE(eventually([&]() {
      return std::all_of(workers.begin(), workers.end(), [](const auto& client) {
        return client->state() == ClientState::kRegistered;
      });
    }));
    waitForLookups(5'000);
    const uint64_t during = windowP99(address);
    best = std::min(best, static_cast<double>(during) / static_cast<double>(before));
    printf("p99 %llu us before, %llu us while %u workers registered\n",
           static_cast<unsigned long long>(before), static_cast<unsigned long long>(during),
           kWorkers);
  }
  EXPECT_LE(best, 2.0);
}

}  // namespace
}  // namespace holdfast::test
