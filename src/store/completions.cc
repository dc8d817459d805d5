#include "store/completions.h"

#include <utility>

namespace holdfast {

void Completions::committed(Ticket upTo) {
  committed_.store(upTo, std::memory_order_release);
  news_ = true;
}

void Completions::folded(FoldResult result) {
  const MutexLock lock(mutex_);
  folds_.push_back(std::move(result));
  news_ = true;
}

void Completions::health(const StoreHealth& health) {
  const MutexLock lock(mutex_);
  if (health_.writable == health.writable && health_.reason == health.reason) return;
  health_ = health;
  healthChanged_ = true;
  news_ = true;
}

void Completions::checkpointed(CheckpointResult result) {
  {
    const MutexLock lock(mutex_);
    checkpoint_ = std::move(result);
    news_ = true;
  }
  post();
}

std::optional<CheckpointResult> Completions::takeCheckpoint() {
  const MutexLock lock(mutex_);
  return std::exchange(checkpoint_, std::nullopt);
}

void Completions::post() {
  if (!news_.exchange(false)) return;
  if (!notified_.exchange(true) && notify_) notify_();
}

StoreHealth Completions::health() const {
  const MutexLock lock(mutex_);
  return health_;
}

void Completions::deliver(StoreListener& listener) {
  // Before reading: what comes later notifies again.
  notified_ = false;
  std::vector<FoldResult> folds;
  StoreHealth health;
  bool healthChanged = false;
  {
    const MutexLock lock(mutex_);
    folds = std::exchange(folds_, {});
    healthChanged = std::exchange(healthChanged_, false);
    if (healthChanged) health = health_;
  }
  // After the folds: a fold's writes are committed after everything it has read.
  const Ticket upTo = committed();
  if (healthChanged) listener.onHealth(health);
  if (upTo != delivered_) {
    delivered_ = upTo;
    listener.onCommitted(upTo);
  }
  for (const FoldResult& fold : folds) listener.onFolded(fold);
}

}  // namespace holdfast
