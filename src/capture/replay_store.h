// The store of a replayed core. By itself it keeps nothing: what becomes of writes is in the log.
// In front of a real store it hands everything on, and lets core see of it what the log says.
#pragma once

#include <functional>
#include <unordered_set>

#include "core/registry_store.h"

namespace holdfast {

class ReplayStore final : public RegistryStore {
 public:
  // `recovery` feeds what the log begins with; may be empty: nothing. `into` may be null; outlives
  // this.
  ReplayStore(RegistryStore* into, std::function<void(RecoverySink&)> recovery)
      : into_(into), recovery_(std::move(recovery)) {}

  // --- What the log says ---

  void setRoom(bool room) { room_ = room; }
  Ticket lastTicket() const { return lastTicket_; }
  // Tickets go on from there; of a log that began late.
  void setLastTicket(Ticket ticket) { lastTicket_ = ticket; }
  // A fold that core asked for has ended. False: it did not ask for this one.
  bool takeFold(uint64_t id) { return folds_.erase(id) != 0; }

  size_t foldsRunning() const { return folds_.size(); }

  // --- RegistryStore ---

  OwnerId claim() override { return into_ != nullptr ? into_->claim() : nextOwner_++; }
  bool hasRoom(size_t) const override { return room_; }
  Ticket append(const ReportRecord& report) override { return queue(report); }
  Ticket append(const BatchRecord& batch) override { return queue(batch); }
  Ticket write(StoreBatch batch) override {
    return lastTicket_ = into_ != nullptr ? into_->write(std::move(batch)) : lastTicket_ + 1;
  }
  void fold(const FoldRequest& request) override {
    folds_.insert(request.id);
    if (into_ != nullptr) into_->fold(request);
  }
  StoreHealth health() const override { return {}; }  // its changes are inputs
  void poll(StoreListener&) override {}
  void recover(RecoverySink& sink) override {
    if (recovery_) recovery_(sink);
  }

 private:
  template <typename Record>
  Ticket queue(const Record& record) {
    return lastTicket_ = into_ != nullptr ? into_->append(record) : lastTicket_ + 1;
  }

  RegistryStore* const into_;
  const std::function<void(RecoverySink&)> recovery_;
  bool room_ = true;
  Ticket lastTicket_ = 0;
  OwnerId nextOwner_ = 0;
  std::unordered_set<uint64_t> folds_;  // asked for, not ended
};

}  // namespace holdfast
