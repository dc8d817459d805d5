#include "threaded_server.h"

#include <chrono>
#include <future>
#include <utility>

#include "access/access_control.h"
#include "core/controller.h"
#include "rpc/server.h"
#include "tests/support/fake_group.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::test {
namespace {

ProcessFacts factsOf(GroupMember& group) {
  ProcessFacts facts;
  facts.version = "1.2.3";
  facts.group = &group;
  return facts;
}

}  // namespace

struct ThreadedServer::Inside {
  struct RealClock final : Clock {
    uint64_t steadyMs() const override {
      return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::chrono::steady_clock::now().time_since_epoch())
                                       .count());
    }
    uint64_t wallMs() const override { return 1'700'000'000'000 + steadyMs(); }
  };

  Inside(kj::AsyncIoContext& theIo, MemoryStore::Disk disk)
      : io(theIo), store(std::move(disk)), ended(kj::newPromiseAndFulfiller<void>()) {}

  kj::Promise<void> turn() {
    return io.provider->getTimer().afterDelay(1 * kj::MILLISECONDS).then([this]() {
      turns.observe();
      if (commits) store.complete();
      store.poll(controller);
      server.storePolled();
      return turn();
    });
  }

  kj::AsyncIoContext& io;
  RealClock clock;
  RecordedNotices notices;
  MemoryStore store;
  uint64_t drawn = 0;
  bool commits = true;
  FakeGroup group;
  Controller controller{{}, clock, store, [this]() { return ++drawn; }, notices};
  AccessControl access = AccessControl::open({}).value();
  LoopTurns turns{io.lowLevelProvider->getTimer()};
  Server server{{}, factsOf(group), controller, store, notices, access, turns, io.unixEventPort};
  kj::PromiseFulfillerPair<void> ended;
};

ThreadedServer::ThreadedServer(const ReplicaView& view, MemoryStore::Disk disk,
                               const std::string& address) {
  std::promise<void> started;
  thread_ = std::thread([this, &view, &disk, &address, &started]() {
    kj::AsyncIoContext io = kj::setupAsyncIo();
    Inside inside(io, std::move(disk));
    inside.group.now = view;
    address_ = inside.server.listen(address).value().front();
    executor_ = &kj::getCurrentThreadExecutor();
    inside_ = &inside;
    auto turns = inside.turn().eagerlyEvaluate(nullptr);
    started.set_value();
    inside.ended.promise.wait(io.waitScope);
    left_ = inside.store.afterCrash();
    // The process is gone at once: nobody is told.
    inside.server.stop();
  });
  started.get_future().wait();
}

ThreadedServer::~ThreadedServer() {
  kill();
}

void ThreadedServer::onLoop(const std::function<void(Inside&)>& task) {
  executor_->executeSync([&]() { task(*inside_); });
}

void ThreadedServer::become(const ReplicaView& view) {
  onLoop([&](Inside& inside) {
    inside.group.now = view;
    inside.controller.cutOff(view.role == ReplicaRole::kCutOff);
  });
}

void ThreadedServer::cutOff() {
  onLoop([](Inside& inside) {
    inside.group.now = test::cutOff();
    inside.controller.cutOff(true);
    inside.server.sendWorkersOn();
  });
}

void ThreadedServer::stopCommitting() {
  onLoop([](Inside& inside) { inside.commits = false; });
}

uint64_t ThreadedServer::operationsTaken() {
  uint64_t operations = 0;
  onLoop([&](Inside& inside) {
    operations = inside.controller.registry().tree().counters().operations;
  });
  return operations;
}

MemoryStore::Disk ThreadedServer::kill() {
  if (thread_.joinable()) {
    onLoop([](Inside& inside) { inside.ended.fulfiller->fulfill(); });
    thread_.join();
  }
  return left_;
}

}  // namespace holdfast::test
