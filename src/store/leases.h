// Who reads the open database beside its owner: opening it again waits until they have ended.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "locks/mutex.h"

namespace holdfast {

// Any thread, but for allow() and end().
class Leases {
 public:
  class Lease {
   public:
    explicit Lease(Leases& leases) : leases_(&leases) {}
    Lease(Lease&& other) noexcept : leases_(std::exchange(other.leases_, nullptr)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (leases_ == nullptr) return;
      const MutexLock lock(leases_->mutex_);
      --leases_->count_;
      leases_->ended_.notifyAll();
    }

   private:
    Leases* leases_;
  };

  // Nothing while the database is not open or about to be closed.
  std::optional<Lease> take() {
    const MutexLock lock(mutex_);
    if (wanted_) return std::nullopt;
    ++count_;
    return Lease(*this);
  }
  // Whoever has a lease must end it soon.
  bool wanted() const {
    const MutexLock lock(mutex_);
    return wanted_;
  }

  // --- the owner ---

  void allow() {
    const MutexLock lock(mutex_);
    wanted_ = false;
  }
  // Gives no more, and waits for those that there are.
  void end() {
    const MutexLock lock(mutex_);
    wanted_ = true;
    while (count_ != 0) ended_.wait(mutex_);
  }

 private:
  mutable Mutex mutex_;
  Condition ended_;
  size_t count_ HOLDFAST_GUARDED_BY(mutex_) = 0;
  bool wanted_ HOLDFAST_GUARDED_BY(mutex_) = true;
};

}  // namespace holdfast
