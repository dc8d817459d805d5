#include "daemon/daemon.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace holdfast {
namespace {

constexpr kj::Duration kTick = 100 * kj::MILLISECONDS;

}  // namespace

Daemon::Daemon(Controller& controller, RegistryStore& store, Server& server, LoopClock& clock,
               LoopTurns& turns, Wakeup& storeWakeup, kj::Timer& timer,
               std::function<void()> eachTick)
    : controller_(controller),
      store_(store),
      server_(server),
      clock_(clock),
      turns_(turns),
      storeWakeup_(storeWakeup),
      timer_(timer),
      eachTick_(std::move(eachTick)),
      tasks_(*this) {
  tasks_.add(pollStore());
  tasks_.add(tick());
}

kj::Promise<void> Daemon::pollStore() {
  return storeWakeup_.signalled().then([this]() {
    turns_.observe();
    store_.poll(controller_);
    server_.storePolled();
    // What was reported, or came with a full sync, may have left something to do.
    startWork();
    return pollStore();
  });
}

kj::Promise<void> Daemon::tick() {
  return timer_.afterDelay(kTick).then([this]() {
    turns_.observe();
    // Behind everything that the poll of the sockets brought.
    return kj::evalLast([this]() {
             clock_.tick();
             controller_.take(input::Tick{});
             server_.checkConnections();
             eachTick_();
             startWork();
           })
        .then([this]() { return tick(); });
  });
}

void Daemon::startWork() {
  if (working_) return;
  working_ = true;
  tasks_.add(work());
}

// A piece at a time when nothing else is to be done, with a poll of the sockets after each.
kj::Promise<void> Daemon::work() {
  return server_.services().budget.readyToWork().then([this]() {
    if (controller_.take(input::Work{})) return work();
    working_ = false;
    return kj::Promise<void>(kj::READY_NOW);
  });
}

void Daemon::taskFailed(kj::Exception&& exception) {
  // No task here is expected to fail.
  spdlog::critical("broken invariant in the event loop: {}", kj::str(exception).cStr());
  std::abort();
}

}  // namespace holdfast
