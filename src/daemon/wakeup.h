// Wakes the event loop from another thread.
#pragma once

#include <kj/async-unix.h>
#include <kj/io.h>

#include <atomic>

namespace holdfast {

class Wakeup {
 public:
  // On the loop's thread, which `port` belongs to.
  explicit Wakeup(kj::UnixEventPort& port);

  // From any thread; never blocks. Several calls before the loop notices count as one.
  void signal();

  // Resolves when signal() was called since the last time. On the loop's thread, one at a time.
  kj::Promise<void> signalled();

 private:
  kj::AutoCloseFd fd_;
  kj::UnixEventPort::FdObserver observer_;
  std::atomic<bool> pending_{false};
};

}  // namespace holdfast
