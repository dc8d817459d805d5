// Core's way to one worker of LMCache: it is asked for a full sync by the answer to its next
// heartbeat, and for everything else over its REP socket (WorkerOrders). It cannot be told to pause
// or to send again; what it would have to do for that, the gateway does.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/worker_link.h"
#include "gateways/lmcache/worker_orders.h"

namespace holdfast::lmcache {

// The one location that its full sync covers (lmcache 0.3.12 to 0.5.6).
inline constexpr std::string_view kSyncedLocation = "LocalCPUBackend";

// Of one process of a worker, for all its sessions. Only notes what core asks for: core is within
// an input then.
class Link final : public WorkerLink {
 public:
  // Null: orders go nowhere, and their time runs out.
  explicit Link(std::unique_ptr<WorkerOrders> orders) : orders_(std::move(orders)) {}

  void pause(const std::string&) override {}  // the gateway sees for itself what is refused
  void resume() override { registerAgain_ = true; }
  void replay(const std::string&, uint64_t, uint64_t, uint64_t) override { registerAgain_ = true; }
  void startFullSync(const std::string& location, Reason reason, uint64_t continueSyncId) override {
    if (continueSyncId != 0) return;  // what the worker has sent is on its way into core
    if (takesCommands_ && location == kSyncedLocation) {
      command_ = reason;
    } else {
      registerAgain_ = true;  // which settles that it is wanted
    }
  }
  void operate(const WorkerOperation& operation) override {
    if (orders_ != nullptr) orders_->operate(operation);
  }
  void superseded(const std::string&) override {}  // the session is over, which is seen
  void closed(const std::string&) override {}

  // Its heartbeats are answered, and an answer may have a command.
  void setTakesCommands() { takesCommands_ = true; }
  bool takesCommands() const { return takesCommands_; }
  // Why a full sync is to be asked for; nothing: it is not. Asked for once.
  std::optional<Reason> takeCommand() { return std::exchange(command_, std::nullopt); }
  void dropCommand() { command_.reset(); }
  // Whether it is to be registered again; said once.
  bool takeRegisterAgain() { return std::exchange(registerAgain_, false); }
  WorkerOrders* orders() { return orders_.get(); }
  // Nothing is ordered any more.
  void dropOrders() { orders_.reset(); }

 private:
  std::unique_ptr<WorkerOrders> orders_;
  bool takesCommands_ = false;
  bool registerAgain_ = false;
  std::optional<Reason> command_;
};

}  // namespace holdfast::lmcache
