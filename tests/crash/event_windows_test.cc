// kill -9 at chosen moments of an operation: when its event is on the disk and not every worker has
// heard of it, and when they have and have not answered. Afterwards check-finish says what became
// of it.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "client/client.h"
#include "tests/daemon/daemon_process.h"

namespace holdfast::test {
namespace {

constexpr uint64_t kTokensPerChunk = 256;
constexpr int kNotEnded = 6;  // exit code of check-finish

// All ranks' engine: answers when it is told to, and knows what it began. The method names the
// event.
class HeldEngine final : public OperationHandler {
 public:
  HeldEngine(uint32_t rank, std::function<void(uint32_t)> onBegin)
      : rank_(rank), onBegin_(std::move(onBegin)) {}

  void compress(const CacheOperation& operation, Completion completion) override {
    {
      const std::lock_guard lock(mutex_);
      EXPECT_TRUE(begun_.insert(operation.method).second) << operation.method << " began twice";
      waiting_.push_back(std::move(completion));
    }
    onBegin_(rank_);
  }
  void answerAll() {
    const std::lock_guard lock(mutex_);
    for (const Completion& completion : waiting_) completion.done(kTokensPerChunk);
    waiting_.clear();
  }
  bool hasBegun(const std::string& event) {
    const std::lock_guard lock(mutex_);
    return begun_.contains(event);
  }

 private:
  const uint32_t rank_;
  const std::function<void(uint32_t)> onBegin_;
  std::mutex mutex_;
  std::set<std::string> begun_;
  std::vector<Completion> waiting_;
};

class EventWindowsTest : public DaemonTest {
 protected:
  void startDaemon() {
    DaemonStart what;
    what.arguments = {"--data-dir", dataDir(), "--listen", listen()};
    daemon_ = start(what);
    pid_ = daemon_->pid();
  }
  std::string listen() const { return "unix:" + (directory / "socket").string(); }

  void connect(uint32_t ranks, const std::function<void(uint32_t)>& onBegin) {
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      engines_.push_back(std::make_shared<HeldEngine>(rank, onBegin));
      ClientOptions options;
      options.controller = listen();
      options.instance = "a";
      options.worker = rank;
      options.worldSize = ranks;
      options.locations = {{.name = "gpu", .contents = {}}};
      options.operations = engines_.back();
      options.backoffMaxMs = 50;
      clients_.push_back(std::make_unique<Client>(thread_, std::move(options)));
    }
    ranks_ = ranks;
    awaitRanks();
  }
  // Until every rank is registered and answers.
  void awaitRanks() {
    ASSERT_TRUE(eventually([&] { return statusNumber(listen(), "workersActive") == ranks_; }));
    ASSERT_TRUE(eventually([&] { return ctl(listen(), "health a").exitCode == 0; }));
  }
  CommandResult compress(const std::string& event) {
    return ctl(listen(), "compress a gpu " + event + " --no-wait --event-id " + event);
  }
  CommandResult checkFinish(const std::string& event) {
    return ctl(listen(), "check-finish " + event + " --json");
  }
  // Of each rank, in order.
  static std::vector<std::string> statuses(const std::string& json) {
    constexpr std::string_view kKey = "\"status\": \"";
    std::vector<std::string> all;
    for (size_t at = json.find(kKey, json.find("\"ranks\"")); at != std::string::npos;
         at = json.find(kKey, at)) {
      at += kKey.size();
      all.push_back(json.substr(at, json.find('"', at) - at));
    }
    return all;
  }
  void killed() {
    ASSERT_EQ(daemon_->wait(), -SIGKILL);
    startDaemon();
  }

  std::unique_ptr<DaemonProcess> daemon_;
  std::atomic<pid_t> pid_ = -1;      // of the daemon, for the clients' thread
  std::atomic<bool> armed_ = false;  // the next operation that begins kills it
  uint32_t ranks_ = 0;
  std::vector<std::shared_ptr<HeldEngine>> engines_;
  ClientThread thread_;
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_F(EventWindowsTest, KilledBeforeTheAnswersItAsksForThemAndBeginsNothingTwice) {
  startDaemon();
  connect(2, [](uint32_t) {});
  ASSERT_EQ(compress("held").exitCode, 0);
  ASSERT_TRUE(
      eventually([&] { return engines_[0]->hasBegun("held") && engines_[1]->hasBegun("held"); }));
  daemon_->signal(SIGKILL);
  killed();
  EXPECT_EQ(checkFinish("held").exitCode, kNotEnded) << "nobody knows yet, or they say they run";
  // One answers while it is asked, the other one had answered nobody.
  engines_[0]->answerAll();
  EXPECT_EQ(checkFinish("held").exitCode, kNotEnded);
  daemon_->signal(SIGKILL);
  ASSERT_EQ(daemon_->wait(), -SIGKILL);
  engines_[1]->answerAll();
  startDaemon();
  ASSERT_TRUE(eventually([&] { return checkFinish("held").exitCode == 0; }))
      << checkFinish("held").output;
  EXPECT_EQ(statuses(checkFinish("held").output), std::vector<std::string>(2, "done"));
  clients_.clear();
}

// The controller tells eight workers in a turn, so with many of them it can be killed between the
// first and the last.
TEST_F(EventWindowsTest, KilledBeforeEveryWorkerHeardOfItTheOthersNeverRunIt) {
  constexpr uint32_t kRanks = 256;
  constexpr int kAttemptsMax = 20;
  startDaemon();
  connect(kRanks, [this](uint32_t) {
    if (armed_.exchange(false)) kill(pid_, SIGKILL);
  });
  uint32_t neverRun = 0;
  for (int attempt = 0; attempt < kAttemptsMax && neverRun == 0; ++attempt) {
    const std::string event = "event-" + std::to_string(attempt);
    ASSERT_NO_FATAL_FAILURE(awaitRanks());
    armed_ = true;
    // Whoever asked may have been answered or not: the event is on the disk all the same.
    compress(event);
    killed();
    for (const auto& engine : engines_) engine->answerAll();
    ASSERT_TRUE(eventually([&] {
      for (const auto& engine : engines_) engine->answerAll();
      const int code = checkFinish(event).exitCode;
      return code == 0 || code == 5;
    })) << checkFinish(event).output;
    const std::vector<std::string> all = statuses(checkFinish(event).output);
    ASSERT_EQ(all.size(), kRanks);
    for (uint32_t rank = 0; rank < kRanks; ++rank) {
      const bool begun = engines_[rank]->hasBegun(event);
      EXPECT_EQ(all[rank], begun ? "done" : "never run") << event << " rank " << rank;
      neverRun += begun ? 0 : 1;
    }
  }
  EXPECT_GT(neverRun, 0u) << "never killed in time";
  clients_.clear();
}

}  // namespace
}  // namespace holdfast::test
