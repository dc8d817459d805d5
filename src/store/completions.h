// What the store thread has done, on its way to the registry's thread.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <vector>

#include "core/registry_store.h"
#include "locks/mutex.h"
#include "store/rocks_store.h"

namespace holdfast {

class Completions {
 public:
  // `notify` is called when there is something to deliver, once until deliver() is called.
  explicit Completions(std::function<void()> notify) : notify_(std::move(notify)) {}

  // The store thread.
  void committed(Ticket upTo);
  void folded(FoldResult result);
  void health(const StoreHealth& health);
  // Calls notify if there is something new.
  void post();

  // Any thread: of the one checkpoint under way. Calls notify.
  void checkpointed(CheckpointResult result);

  // The registry's thread.
  void deliver(StoreListener& listener);
  // What has ended, once.
  std::optional<CheckpointResult> takeCheckpoint();

  // Any thread.
  StoreHealth health() const;
  Ticket committed() const { return committed_.load(std::memory_order_acquire); }

 private:
  const std::function<void()> notify_;
  std::atomic<Ticket> committed_{0};
  std::atomic<bool> news_{false};
  std::atomic<bool> notified_{false};
  mutable Mutex mutex_;
  StoreHealth health_ HOLDFAST_GUARDED_BY(mutex_);
  bool healthChanged_ HOLDFAST_GUARDED_BY(mutex_) = false;
  std::vector<FoldResult> folds_ HOLDFAST_GUARDED_BY(mutex_);
  std::optional<CheckpointResult> checkpoint_ HOLDFAST_GUARDED_BY(mutex_);
  Ticket delivered_ = 0;  // the registry's thread's
};

}  // namespace holdfast
