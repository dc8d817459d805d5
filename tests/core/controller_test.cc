// The one way into core: every input is taken as a value and shown to whoever observes, once, in
// order, with what came of it.
#include "core/controller.h"

#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;

class Witness final : public InputObserver {
 public:
  void taken(const TakenInput& taken) override {
    kinds.push_back(taken.index());
    if (const auto* report = std::get_if<Taken<input::Report>>(&taken)) {
      reports.push_back(report->outcome.ok());
      keys.push_back(report->input.message.operations.keys.data());
    }
  }
  std::vector<size_t> kinds;
  std::vector<bool> reports;  // whether they were well-formed
  std::vector<const ChunkHash*> keys;
};

class ControllerTest : public testing::Test {
 protected:
  void open(MemoryStore::Disk disk, bool follows = false) {
    controller_.reset();
    store_ = std::make_unique<MemoryStore>(std::move(disk));
    ControllerOptions options;
    options.follows = follows;
    controller_ = std::make_unique<Controller>(
        options, clock_, *store_, [this] { return ++drawn_; }, notices_);
  }
  ControllerTest() { open({}); }

  SessionId registered() {
    Registration message;
    message.instance = "a";
    message.run = message.attempt = ++attempt_;
    message.locations = {{"gpu", 11, true, 0, 0, {}, 1}};
    const auto outcome = controller_->take(input::Register{message, link_});
    EXPECT_TRUE(outcome.ok());
    return outcome.value().session;
  }
  // A worker that holds three chunks, and an operation on these; all of it is committed. The
  // operation.
  OperationRequest operated() {
    const SessionId session = registered();
    const std::vector<ChunkHash> keys = {1, 2, 3};
    EXPECT_TRUE(controller_->take(input::Report{session, {"gpu", 11, 1, {keys, {}}}}).ok());
    OperationRequest request;
    request.eventId = "e";
    request.instance = "a";
    request.location = "gpu";
    EXPECT_TRUE(controller_->take(input::Operation{request}).ok());
    commit();
    return request;
  }
  void commit() {
    store_->complete();
    store_->poll(*controller_);
    controller_->take(input::StorePolled{});
  }

  TestClock clock_;
  IgnoredNotices notices_;
  CountingLink link_;
  uint64_t drawn_ = 0;
  uint64_t attempt_ = 0;
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<Controller> controller_;
};

TEST_F(ControllerTest, ShowsAnObserverEveryInputWithItsOutcome) {
  Witness witness;
  controller_->observe(&witness);
  const SessionId session = registered();
  const std::vector<ChunkHash> keys = {1, 2};
  const Report report{"gpu", 11, 1, {keys, {}}};
  EXPECT_TRUE(controller_->take(input::Report{session, report}).ok());
  EXPECT_FALSE(controller_->take(input::Report{session, {"gpu", 11, 0, {keys, {}}}}).ok());
  commit();
  EXPECT_THAT(witness.reports, ElementsAre(true, false));
  EXPECT_THAT(witness.keys, ElementsAre(keys.data(), keys.data())) << "they were copied";
  const size_t one = AnyInput(input::Report{session, report}).index();
  EXPECT_THAT(witness.kinds, ElementsAre(AnyInput(input::Register{{}, link_}).index(), one, one,
                                         AnyInput(input::Committed{}).index(),
                                         AnyInput(input::StorePolled{}).index()));

  controller_->observe(nullptr);
  controller_->take(input::Tick{});
  EXPECT_EQ(witness.kinds.size(), 5u);
}

// What is shown is whole, though an operation's chunks go on without a copy where nobody looks.
TEST_F(ControllerTest, ShowsOperationsWhole) {
  class Sizes final : public InputObserver {
   public:
    void taken(const TakenInput& taken) override {
      const auto* one = std::get_if<Taken<input::Operation>>(&taken);
      if (one != nullptr) chunks = one->input.request.chunks.size();
    }
    size_t chunks = 0;
  } sizes;
  controller_->observe(&sizes);
  registered();
  OperationRequest request;
  request.kind = OperationKind::kClear;
  request.instance = "a";
  request.location = "gpu";
  request.allChunks = false;
  request.chunks = {1, 2, 3};
  EXPECT_TRUE(controller_->take(input::Operation{request}).ok());
  EXPECT_EQ(sizes.chunks, 3u);
}

TEST_F(ControllerTest, TimeStandsStillBetweenInputs) {
  const uint64_t before = controller_->registry().nowMs();
  clock_.nowMs += 10;
  EXPECT_EQ(controller_->registry().nowMs(), before);
  controller_->take(input::Tick{});
  EXPECT_EQ(controller_->registry().nowMs(), before + 10);
}

TEST_F(ControllerTest, RecoversRegistryAndOperations) {
  operated();
  const std::string digest = controller_->registry().registryDigest().hex();
  open(store_->afterCrash());
  EXPECT_EQ(controller_->recovered().chunks, 3u);
  EXPECT_EQ(controller_->registry().registryDigest().hex(), digest);
  const Event* event = controller_->executor().find("e");
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(event->record.ranks.at(0).status, RankStatus::kUnknown);
}

TEST_F(ControllerTest, AFollowerTakesNothingUntilItLeads) {
  OperationRequest request = operated();
  open(store_->afterCrash(), true);
  EXPECT_TRUE(controller_->follows());
  controller_->leaderIs("10.0.0.7:7440");
  Registration message;
  message.instance = "b";
  message.run = message.attempt = 1;
  const auto refused = controller_->take(input::Register{message, link_});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().message,
            "this controller does not lead its group, it is follower; the leader is 10.0.0.7:7440");
  EXPECT_FALSE(controller_->take(input::Operation{request}).ok());
  EXPECT_FALSE(controller_->take(input::Drain{"a", true}).ok());
  // Nothing is late for it: that is its leader's to say.
  clock_.nowMs += 100'000'000;
  controller_->take(input::Tick{});
  while (controller_->take(input::Work{})) {
  }
  EXPECT_EQ(store_->queued(), 0u);
  EXPECT_EQ(controller_->registry().tree().memberships(), 3u);

  controller_->lead();
  const Worker* const worker = controller_->registry().tree().findWorker("a", 0);
  ASSERT_NE(worker, nullptr);
  EXPECT_EQ(worker->record.state, WorkerState::kRecovered);
  const Event* const event = controller_->executor().find("e");
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(event->record.ranks.at(0).status, RankStatus::kUnknown);
  controller_->take(input::Tick{});
  EXPECT_EQ(worker->record.state, WorkerState::kRecovered) << "its time begins now";
  EXPECT_TRUE(controller_->take(input::Register{message, link_}).ok());
  clock_.nowMs += 100'000;
  controller_->take(input::Tick{});
  EXPECT_EQ(worker->record.state, WorkerState::kLost);
}

TEST_F(ControllerTest, AnInputWithinAnotherOneIsABug) {
  class Meddler final : public InputObserver {
   public:
    explicit Meddler(Controller& controller) : controller_(controller) {}
    void taken(const TakenInput&) override { controller_.take(input::Tick{}); }

   private:
    Controller& controller_;
  } meddler(*controller_);
  controller_->observe(&meddler);
  EXPECT_DEATH(controller_->take(input::Tick{}), "an input within another one");
}

}  // namespace
}  // namespace holdfast::test
