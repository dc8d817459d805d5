// Engines and a controller over real sockets: what is looked up is what they said, whoever
// restarts.
#include <gtest/gtest.h>
#include <kj/async-io.h>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "core/controller.h"
#include "gateways/engine_events/intake.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::engines {
namespace {

// MessagePack by hand: [0, [EVENT, ...]], hashes below 128.
std::string eventBytes(const std::string& type, const std::vector<uint8_t>& hashes,
                       const std::string& medium = "GPU") {
  const auto text = [](const std::string& value) {
    return static_cast<char>(0xA0 | value.size()) + value;
  };
  if (type == "AllBlocksCleared") return "\x91" + text(type);
  std::string event = (type == "BlockStored" ? "\x97" : "\x93") + text(type);
  event += static_cast<char>(0x90 | hashes.size());
  event.append(hashes.begin(), hashes.end());
  if (type == "BlockStored") event += std::string("\xC0\x90\x10\xC0", 4);
  return event + text(medium);
}
std::string messageBytes(const std::vector<std::string>& events) {
  std::string message("\x92\x00", 2);
  message += static_cast<char>(0x90 | events.size());
  for (const std::string& event : events) message += event;
  return message;
}
std::string storing(const std::vector<uint8_t>& hashes) {
  return messageBytes({eventBytes("BlockStored", hashes)});
}

// One process of an engine, as vLLM publishes: PUB, and a ROUTER that replays what it keeps.
class PeerEngine {
 public:
  explicit PeerEngine(const std::string& at = "tcp://127.0.0.1:*",
                      const std::string& replayAt = "tcp://127.0.0.1:*")
      : events_(context_, zmq::socket_type::pub), replay_(context_, zmq::socket_type::router) {
    events_.set(zmq::sockopt::linger, 0);
    replay_.set(zmq::sockopt::linger, 0);
    events_.bind(at);
    replay_.bind(replayAt);
    endpoint = events_.get(zmq::sockopt::last_endpoint);
    replayEndpoint = replay_.get(zmq::sockopt::last_endpoint);
    thread_ = std::thread([this]() { serve(); });
  }
  ~PeerEngine() {
    ended_ = true;
    thread_.join();
  }

  void publish(const std::string& payload, bool live = true) {
    const std::lock_guard lock(mutex_);
    kept_.emplace_back(next_, payload);
    if (kept_.size() > 50) kept_.pop_front();
    if (live) send(events_, {"", seqBytes(next_), payload});
    ++next_;
  }
  size_t replays() const { return replays_; }

  std::string endpoint;
  std::string replayEndpoint;

 private:
  static std::string seqBytes(uint64_t seq) {
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(seq >> shift);
    return bytes;
  }
  static void send(zmq::socket_t& socket, const std::vector<std::string>& parts) {
    for (size_t i = 0; i < parts.size(); ++i) {
      socket.send(zmq::buffer(parts[i]),
                  i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  void serve() {
    while (!ended_) {
      zmq::pollitem_t item{replay_.handle(), 0, ZMQ_POLLIN, 0};
      if (zmq::poll(&item, 1, std::chrono::milliseconds(20)) == 0) continue;
      std::vector<std::string> parts;
      for (bool more = true; more;) {
        zmq::message_t part;
        (void)replay_.recv(part);
        more = part.more();
        parts.push_back(part.to_string());
      }
      if (parts.size() < 3) continue;
      uint64_t from = 0;
      for (const char byte : parts[2]) from = from << 8 | static_cast<uint8_t>(byte);
      ++replays_;
      const std::lock_guard lock(mutex_);
      for (const auto& [seq, payload] : kept_) {
        if (seq >= from) send(replay_, {parts[0], "", "", seqBytes(seq), payload});
      }
      send(replay_, {parts[0], "", "", seqBytes(UINT64_MAX), ""});
    }
  }

  zmq::context_t context_;
  zmq::socket_t events_;
  zmq::socket_t replay_;
  std::mutex mutex_;  // of what publish() and replays share
  std::deque<std::pair<uint64_t, std::string>> kept_;
  uint64_t next_ = 0;
  std::atomic<size_t> replays_ = 0;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

class IntakeClock final : public Clock {
 public:
  uint64_t steadyMs() const override { return now; }
  uint64_t wallMs() const override { return now; }
  uint64_t storeMs() const override { return now; }
  uint64_t now = 1'000;
};

class engineIntake : public testing::Test {
 protected:
  engineIntake() : io_(kj::setupAsyncIo()), timer_(io_.lowLevelProvider->getTimer()) { begin({}); }
  ~engineIntake() noexcept override { end(); }

  void begin(test::MemoryStore::Disk disk) {
    store_ = std::make_unique<test::MemoryStore>(std::move(disk));
    const auto random = [this]() { return random_(); };
    controller_ =
        std::make_unique<Controller>(ControllerOptions{}, clock_, *store_, random, notices_);
    thread_ = std::make_unique<gateways::SocketThread>();
    intake_ = std::make_unique<Intake>(*controller_, *thread_, timer_, notices_, doctor_, random,
                                       options_);
  }
  void end() {
    intake_->stop().wait(io_.waitScope);
    intake_.reset();
    thread_.reset();
    controller_.reset();
  }
  // As if killed: what was not committed is gone.
  void restart() {
    end();
    begin(store_->afterCrash());
  }

  EngineSource sourceOf(const PeerEngine& engine, const std::string& instance = "a") {
    EngineSource source;
    source.name.instance = instance;
    source.endpoint = engine.endpoint;
    source.replayEndpoint = engine.replayEndpoint;
    return source;
  }
  void turn() {
    intake_->tick();
    timer_.afterDelay(2 * kj::MILLISECONDS).wait(io_.waitScope);
    if (commits_) store_->complete();
    store_->poll(*controller_);
    controller_->take(input::StorePolled{});
  }
  // Until it is so; the test's own time-out is the limit.
  void until(const std::function<bool()>& so) {
    while (!so()) turn();
  }
  bool holds(ChunkHash key) {
    PromptLookup lookup = controller_->newLookup();
    EXPECT_FALSE(lookup.begin("", {&key, 1}, {}));
    controller_->advance(lookup, SIZE_MAX);
    return !controller_->take(input::LookedUp{lookup, {}}).empty();
  }
  const Worker* worker(const std::string& instance = "a") {
    return controller_->registry().tree().findWorker(instance, 0);
  }
  SourceState state() { return intake_->list(nullptr, 1).at(0); }
  void untilAt(uint64_t position) {
    until([&]() { return state().position == position; });
  }

  kj::AsyncIoContext io_;
  kj::Timer& timer_;
  std::mt19937_64 random_{1};
  IntakeClock clock_;
  test::RecordedNotices notices_;
  HashDoctor doctor_{notices_};
  IntakeOptions options_;
  std::unique_ptr<test::MemoryStore> store_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<gateways::SocketThread> thread_;
  std::unique_ptr<Intake> intake_;
  bool commits_ = true;
};

TEST_F(engineIntake, WhatAnEngineSaysIsLookedUpWhetherItCameBeforeOrAfterwards) {
  PeerEngine engine;
  engine.publish(storing({1, 2}));
  ASSERT_TRUE(intake_->add(sourceOf(engine)).ok());
  untilAt(0);
  EXPECT_TRUE(holds(1));
  until([&]() { return state().connected; });
  engine.publish(storing({3}));
  engine.publish(
      messageBytes({eventBytes("BlockRemoved", {1}), eventBytes("BlockStored", {4}, "CPU")}));
  untilAt(2);
  EXPECT_FALSE(holds(1));
  EXPECT_TRUE(holds(3));
  EXPECT_TRUE(holds(4));
  EXPECT_EQ(worker()->record.state, WorkerState::kActive);
  ASSERT_NE(worker()->find("CPU"), nullptr);
  engine.publish(
      messageBytes({eventBytes("AllBlocksCleared", {}), eventBytes("BlockStored", {5})}));
  untilAt(3);
  EXPECT_FALSE(holds(3));
  EXPECT_TRUE(holds(4));
  EXPECT_TRUE(holds(5));
  EXPECT_EQ(controller_->registry().counters().clears, 1u);
}

TEST_F(engineIntake, WhatIsNotSentLiveComesByAReplay) {
  PeerEngine engine;
  ASSERT_TRUE(intake_->add(sourceOf(engine)).ok());
  until([&]() { return state().connected; });
  engine.publish(storing({1}));
  untilAt(0);
  engine.publish(storing({2}), false);
  engine.publish(messageBytes({eventBytes("BlockRemoved", {1})}), false);
  engine.publish(storing({3}));
  untilAt(3);
  EXPECT_FALSE(holds(1));
  EXPECT_TRUE(holds(2));
  EXPECT_TRUE(holds(3));
  EXPECT_EQ(intake_->totals().lost, 0u);
  EXPECT_EQ(intake_->totals().gaps, 1u);
}

TEST_F(engineIntake, AfterARestartOnlyWhatCameSinceIsAskedForAndSourcesAreKnown) {
  PeerEngine engine;
  ASSERT_TRUE(intake_->add(sourceOf(engine)).ok());
  for (uint8_t i = 0; i < 20; ++i) engine.publish(storing({i}));
  untilAt(19);
  restart();
  EXPECT_TRUE(holds(7));
  EXPECT_EQ(state().position, 19u);
  engine.publish(messageBytes({eventBytes("BlockRemoved", {7})}));
  untilAt(20);
  EXPECT_FALSE(holds(7));
  EXPECT_TRUE(holds(8));
  EXPECT_LE(intake_->totals().messages, 1u);
  EXPECT_EQ(intake_->totals().restarts, 0u);
}

TEST_F(engineIntake, WhatWasNotCommittedIsAskedForAgain) {
  PeerEngine engine;
  ASSERT_TRUE(intake_->add(sourceOf(engine)).ok());
  engine.publish(storing({1}));
  untilAt(0);
  turn();
  commits_ = false;
  engine.publish(storing({2}));
  untilAt(1);
  restart();
  EXPECT_FALSE(holds(2));
  commits_ = true;
  untilAt(1);
  EXPECT_TRUE(holds(1));
  EXPECT_TRUE(holds(2));
}

TEST_F(engineIntake, AnotherProcessBeginsEmptyWhetherWeWereThereOrNot) {
  auto engine = std::make_unique<PeerEngine>();
  const EngineSource source = sourceOf(*engine);
  ASSERT_TRUE(intake_->add(source).ok());
  engine->publish(storing({1}));
  engine->publish(storing({2}));
  untilAt(1);
  engine.reset();
  engine = std::make_unique<PeerEngine>(source.endpoint, source.replayEndpoint);
  engine->publish(storing({3}));
  untilAt(0);
  EXPECT_FALSE(holds(1));
  EXPECT_TRUE(holds(3));
  // Both at once.
  end();
  engine.reset();
  engine = std::make_unique<PeerEngine>(source.endpoint, source.replayEndpoint);
  for (uint8_t i = 10; i < 15; ++i) engine->publish(storing({i}));
  begin(store_->afterCrash());
  untilAt(4);
  EXPECT_FALSE(holds(3));
  EXPECT_TRUE(holds(10));
}

TEST_F(engineIntake, WhatNothingCanBringIsForgottenAndKnownToBeMissing) {
  PeerEngine engine;
  ASSERT_TRUE(intake_->add(sourceOf(engine)).ok());
  engine.publish(storing({1}));
  untilAt(0);
  end();
  for (int i = 0; i < 60; ++i) engine.publish(storing({2}));  // it keeps 50
  begin(store_->afterCrash());
  engine.publish(storing({3}));
  untilAt(61);
  EXPECT_FALSE(holds(1));
  EXPECT_TRUE(holds(2));
  EXPECT_TRUE(state().lossy);
  EXPECT_EQ(worker()->find("GPU")->sync, SyncState::kDiverged);
  engine.publish(messageBytes({eventBytes("AllBlocksCleared", {})}));
  engine.publish(storing({4}));
  untilAt(63);
  EXPECT_EQ(worker()->find("GPU")->sync, SyncState::kCaughtUp);
  EXPECT_FALSE(holds(2));
}

TEST_F(engineIntake, WhoeverLostSomethingIsNamedAlsoAfterARestartUntilItIsEmpty) {
  end();
  std::vector<std::string> lost;
  options_.onLost = [&](const EngineSource& source) { lost.push_back(source.name.instance); };
  begin({});
  PeerEngine engine;
  for (int i = 0; i < 60; ++i) engine.publish(storing({2}));  // it keeps 50
  ASSERT_TRUE(intake_->add(sourceOf(engine)).ok());
  untilAt(59);
  EXPECT_EQ(lost.size(), 1u);
  restart();
  EXPECT_EQ(lost.size(), 2u);
  engine.publish(messageBytes({eventBytes("AllBlocksCleared", {})}));
  untilAt(60);
  restart();
  EXPECT_EQ(lost, (std::vector<std::string>{"a", "a"}));
}

TEST_F(engineIntake, WhatCannotBeReadIsToldAndEndsNothing) {
  PeerEngine engine;
  ASSERT_TRUE(intake_->add(sourceOf(engine)).ok());
  engine.publish("garbage");
  engine.publish(storing({4}));
  untilAt(1);
  EXPECT_TRUE(holds(4));
  EXPECT_EQ(intake_->totals().unreadable, 1u);
}

TEST_F(engineIntake, SilenceIsNoLossAsLongAsThereIsAConnection) {
  auto engine = std::make_unique<PeerEngine>();
  ASSERT_TRUE(intake_->add(sourceOf(*engine)).ok());
  engine->publish(storing({1}));
  untilAt(0);
  for (int i = 0; i < 30; ++i) {
    clock_.now += 5'000;
    turn();
    controller_->take(input::Tick{});
  }
  EXPECT_TRUE(holds(1));
  engine.reset();
  until([&]() { return !state().connected; });
  clock_.now += 31'000;
  controller_->take(input::Tick{});
  EXPECT_EQ(worker()->record.state, WorkerState::kLost);
  EXPECT_FALSE(holds(1));
  // It is waited for, however long that is.
  clock_.now += 100'000'000;
  controller_->take(input::Tick{});
  controller_->take(input::Tick{});
  ASSERT_NE(worker(), nullptr);
  EXPECT_TRUE(worker()->locations.empty());
}

TEST_F(engineIntake, SourcesAreAddedOnceAndRemovedWithWhatTheySaid) {
  PeerEngine engine;
  const EngineSource source = sourceOf(engine);
  ASSERT_TRUE(intake_->add(source).ok());
  EXPECT_TRUE(intake_->add(source).ok());
  EngineSource other = source;
  other.model = "m";
  EXPECT_EQ(intake_->add(other).error().code, ErrorCode::kRefused);
  other.endpoint = "10.0.0.1:5";
  EXPECT_EQ(intake_->add(other).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(intake_->remove("b", std::nullopt).error().code, ErrorCode::kNotFound);
  engine.publish(storing({1}));
  untilAt(0);
  ASSERT_TRUE(intake_->remove("a", std::nullopt).ok());
  EXPECT_FALSE(holds(1));
  EXPECT_TRUE(intake_->list(nullptr, 10).empty());
  turn();
  restart();
  EXPECT_TRUE(intake_->list(nullptr, 10).empty());
}

TEST_F(engineIntake, TheConfigurationFileSaysWhichOfItsSourcesThereAre) {
  PeerEngine engine;
  EngineSource source = sourceOf(engine);
  source.configured = true;
  EngineSource atRunTime = sourceOf(engine, "b");
  intake_->configure({source});
  ASSERT_TRUE(intake_->add(atRunTime).ok());
  turn();
  restart();
  EXPECT_EQ(intake_->list(nullptr, 10).size(), 2u);
  intake_->configure({});
  ASSERT_EQ(intake_->list(nullptr, 10).size(), 1u);
  EXPECT_EQ(state().source, atRunTime);
}

TEST_F(engineIntake, WhileTheStoreCannotWriteNothingIsTakenAndNothingIsLost) {
  PeerEngine engine;
  ASSERT_TRUE(intake_->add(sourceOf(engine)).ok());
  engine.publish(storing({1}));
  untilAt(0);
  store_->setFull(true);
  engine.publish(storing({2}));
  until([&]() { return controller_->registry().counters().reportsRefused != 0; });
  EXPECT_FALSE(holds(2));
  store_->setFull(false);
  until([&]() {
    controller_->take(input::Tick{});
    return holds(2);
  });
  EXPECT_EQ(intake_->totals().lost, 0u);
}

}  // namespace
}  // namespace holdfast::engines
