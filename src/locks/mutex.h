// A mutex that clang knows: a field says which one guards it, and touching the field without it
// does not compile there. With other compilers these are std::mutex, std::lock_guard and
// std::condition_variable under names of ours, at the same cost.
//
//   Mutex mutex_;
//   Condition ended_;
//   bool done_ HOLDFAST_GUARDED_BY(mutex_) = false;
//   void finish() HOLDFAST_REQUIRES(mutex_);
//
//   const MutexLock lock(mutex_);
//   while (!done_) ended_.wait(mutex_);
//
// The analysis looks at one function at a time, and at a lambda as at another one: what waits is a
// loop, not a predicate, and a lambda that is called under the lock says so.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define HOLDFAST_LOCK_ATTRIBUTE(what) __attribute__((what))
#else
#define HOLDFAST_LOCK_ATTRIBUTE(what)
#endif

// Of a field: touched only while this mutex is held.
#define HOLDFAST_GUARDED_BY(mutex) HOLDFAST_LOCK_ATTRIBUTE(guarded_by(mutex))
// Of a function: called only while this mutex is held.
#define HOLDFAST_REQUIRES(mutex) HOLDFAST_LOCK_ATTRIBUTE(requires_capability(mutex))

namespace holdfast {

class HOLDFAST_LOCK_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() HOLDFAST_LOCK_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() HOLDFAST_LOCK_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

// Holds a mutex for a scope.
class HOLDFAST_LOCK_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) HOLDFAST_LOCK_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() HOLDFAST_LOCK_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

class Condition {
 public:
  void notifyOne() { condition_.notify_one(); }
  void notifyAll() { condition_.notify_all(); }

  // Lets go of the mutex until it is notified, or for no reason at all: what is waited for is to be
  // looked at again.
  void wait(Mutex& mutex) HOLDFAST_REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
  }
  // The same, until this time at most. False if it is over.
  bool waitUntil(Mutex& mutex, std::chrono::steady_clock::time_point time)
      HOLDFAST_REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    const bool inTime = condition_.wait_until(held, time) == std::cv_status::no_timeout;
    held.release();
    return inTime;
  }

 private:
  std::condition_variable condition_;
};

}  // namespace holdfast
