// Who reads the open database beside its owner: opening it again waits until they have ended.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

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
      const std::lock_guard lock(leases_->mutex_);
      --leases_->count_;
      leases_->ended_.notify_all();
    }

   private:
    Leases* leases_;
  };

  // Nothing while the database is not open or about to be closed.
  std::optional<Lease> take() {
    const std::lock_guard lock(mutex_);
    if (wanted_) return std::nullopt;
    ++count_;
    return Lease(*this);
  }
  // Whoever has a lease must end it soon.
  bool wanted() const {
    const std::lock_guard lock(mutex_);
    return wanted_;
  }

  // --- the owner ---

  void allow() {
    const std::lock_guard lock(mutex_);
    wanted_ = false;
  }
  // Gives no more, and waits for those that there are.
  void end() {
    std::unique_lock lock(mutex_);
    wanted_ = true;
    ended_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  size_t count_ = 0;
  bool wanted_ = true;
};

}  // namespace holdfast
