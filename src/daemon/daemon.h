// The event loop's work around the registry: completions of the store, ticks, background pieces.
#pragma once

#include <kj/async-io.h>

#include <functional>

#include "core/controller.h"
#include "daemon/loop_clock.h"
#include "daemon/wakeup.h"
#include "net/loop_turns.h"
#include "rpc/server.h"

namespace holdfast {

// All on the loop's thread; references outlive it. `eachTick` is called ten times a second, as long
// as the loop turns.
class Daemon final : private kj::TaskSet::ErrorHandler {
 public:
  Daemon(Controller& controller, RegistryStore& store, Server& server, LoopClock& clock,
         LoopTurns& turns, Wakeup& storeWakeup, kj::Timer& timer, std::function<void()> eachTick);

 private:
  kj::Promise<void> pollStore();
  kj::Promise<void> tick();
  void startWork();
  kj::Promise<void> work();
  void taskFailed(kj::Exception&& exception) override;

  Controller& controller_;
  RegistryStore& store_;
  Server& server_;
  LoopClock& clock_;
  LoopTurns& turns_;
  Wakeup& storeWakeup_;
  kj::Timer& timer_;
  const std::function<void()> eachTick_;
  bool working_ = false;
  kj::TaskSet tasks_;
};

}  // namespace holdfast
