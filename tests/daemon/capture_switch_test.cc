// How a capture begins at a controller that works, on a real store, in this process.
#include "daemon/capture_switch.h"

#include <gtest/gtest.h>
#include <kj/async-io.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "core/notice.h"
#include "tests/support/ignored_link.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

class SwitchClock final : public Clock {
 public:
  uint64_t steadyMs() const override { return 1'000; }
  uint64_t wallMs() const override { return 1'700'000'000'000; }
};

// Takes no notice of what it is told.
class SwitchedWorker final : public IgnoredLink, public NoticeSink {
 public:
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
    controller_.emplace(
        core_, clock_, *store_, [this]() { return ++drawn_; }, worker_);
    recorder_.emplace(*controller_, worker_);
  }
  ~CaptureSwitchTest() noexcept override = default;

  void awaitCommitted() {
    do {
      store_->poll(*controller_);
      controller_->take(input::StorePolled{});
      std::this_thread::yield();
    } while (!controller_->registry().ledger().allCommitted());
    controller_->take(input::StorePolled{});
  }
  // A clear from its start to its end on the disk.
  void clear(SessionId session) {
    OperationRequest request;
    request.instance = "llama";
    request.location = "gpu";
    const auto started = controller_->take(input::Operation{request});
    ASSERT_TRUE(started.ok());
    const uint64_t number = started.value()->record.number;
    awaitCommitted();
    controller_->take(
        input::Answered{session, number, {OperationOutcome::Status::kDone, 1, 0, {}}});
    awaitCommitted();
  }

  Scratch scratch_;
  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  SwitchClock clock_;
  SwitchedWorker worker_;
  uint64_t drawn_ = 0;
  ControllerOptions core_;
  LogOptions log_;
  std::unique_ptr<RocksStore> store_;
  std::optional<Controller> controller_;
  std::optional<Recorder> recorder_;
};

// Nobody waits for the write that forgets an event, and still the copy of the store that a log
// begins with must have it.
TEST_F(CaptureSwitchTest, BeginsWhileEventsAreForgotten) {
  CaptureSwitch capture(log_, *controller_, *recorder_, *store_, io_.lowLevelProvider->getTimer());
  Registration registration;
  registration.instance = "llama";
  registration.run = registration.attempt = 1;
  registration.locations.emplace_back().location = "gpu";
  const auto session = controller_->take(input::Register{registration, worker_});
  ASSERT_TRUE(session.ok());
  awaitCommitted();
  for (int i = 0; i < 2; ++i) clear(session.value().session);
  EXPECT_EQ(controller_->executor().log().finished(), 2u);
  controller_->take(input::Work{});
  EXPECT_EQ(controller_->executor().log().finished(), 1u);
  ASSERT_TRUE(controller_->quiet());

  const std::string folder = capture.on("", false).wait(io_.waitScope);
  EXPECT_TRUE(recorder_->recording());
  EXPECT_TRUE(controller_->registry().ledger().allCommitted());
  EXPECT_TRUE(std::filesystem::exists(folder));
  ASSERT_TRUE(capture.off().ok());
}

}  // namespace
}  // namespace holdfast::test
