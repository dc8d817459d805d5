// How a capture begins at a controller that works, on a real store, in this process.
#include "daemon/capture_switch.h"

#include <gtest/gtest.h>
#include <kj/async-io.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "core/notice.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

class SwitchClock final : public Clock {
 public:
  uint64_t steadyMs() const override { return 1'000; }
  uint64_t wallMs() const override { return 1'700'000'000'000; }
};

// Takes no notice of what it is told.
class SwitchedWorker final : public WorkerLink, public NoticeSink {
 public:
  void pause(const std::string&) override {}
  void resume() override {}
  void replay(const std::string&, uint64_t, uint64_t, uint64_t) override {}
  void startFullSync(const std::string&, Reason, uint64_t) override {}
  void operate(const WorkerOperation&) override {}
  void superseded(const std::string&) override {}
  void closed(const std::string&) override {}
  void notice(const Notice&) override {}
};

class CaptureSwitchTest : public testing::Test {
 protected:
  CaptureSwitchTest() {
    StoreOptions options;
    options.dataDir = scratch_.path() / "data";
    options.create = true;
    // What is queued behind a synced write stays queued for a while.
    options.syncedWriteInterval = std::chrono::milliseconds(500);
    auto opened = RocksStore::open(options);
    if (!opened.ok()) throw std::runtime_error(opened.error().message);
    store_ = std::move(opened.value());
    core_.executor.eventsKeptMax = 1;
    log_.directory = scratch_.path() / "log";
    environment_.emplace(clock_, *store_, [this]() { return ++drawn_; });
    registry_.emplace(core_.registry, environment_->clock(), environment_->store(), worker_);
    registry_->recover();
    executor_.emplace(registry_->tree(), registry_->pins(), registry_->ledger(),
                      environment_->clock(), core_.executor,
                      [this]() { return environment_->random(); });
    registry_->observeSessions(&*executor_);
    inputs_.emplace(*environment_, *registry_, *executor_, worker_);
  }
  ~CaptureSwitchTest() noexcept override { registry_->observeSessions(nullptr); }

  void awaitCommitted() {
    do {
      store_->poll(*inputs_);
      inputs_->storePolled();
      std::this_thread::yield();
    } while (!registry_->ledger().allCommitted());
    inputs_->storePolled();
  }
  // A clear from its start to its end on the disk.
  void clear(SessionId session) {
    OperationRequest request;
    request.instance = "llama";
    request.location = "gpu";
    const auto started = inputs_->start(request);
    ASSERT_TRUE(started.ok());
    const uint64_t number = started.value()->record.number;
    awaitCommitted();
    inputs_->answered(session, number, {OperationOutcome::Status::kDone, 1, 0, {}});
    awaitCommitted();
  }

  Scratch scratch_;
  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  SwitchClock clock_;
  SwitchedWorker worker_;
  uint64_t drawn_ = 0;
  CoreOptions core_;
  LogOptions log_;
  std::unique_ptr<RocksStore> store_;
  std::optional<Environment> environment_;
  std::optional<Registry> registry_;
  std::optional<Executor> executor_;
  std::optional<Inputs> inputs_;
};

// Nobody waits for the write that forgets an event, and still the copy of the store that a log
// begins with must have it.
TEST_F(CaptureSwitchTest, BeginsWhileEventsAreForgotten) {
  CaptureSwitch capture(log_, core_, *inputs_, *store_, io_.lowLevelProvider->getTimer());
  Registration registration;
  registration.instance = "llama";
  registration.run = registration.attempt = 1;
  registration.locations.emplace_back().location = "gpu";
  const auto session = inputs_->registerWorker(registration, worker_);
  ASSERT_TRUE(session.ok());
  awaitCommitted();
  for (int i = 0; i < 2; ++i) clear(session.value().session);
  EXPECT_EQ(executor_->log().finished(), 2u);
  inputs_->work();
  EXPECT_EQ(executor_->log().finished(), 1u);
  ASSERT_TRUE(inputs_->quiet());

  const std::string folder = capture.on("", false).wait(io_.waitScope);
  EXPECT_TRUE(inputs_->capturing());
  EXPECT_TRUE(registry_->ledger().allCommitted());
  EXPECT_TRUE(std::filesystem::exists(folder));
  ASSERT_TRUE(capture.off().ok());
}

}  // namespace
}  // namespace holdfast::test
