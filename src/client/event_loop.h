// The inside of ClientThread: a KJ event loop that other threads can hand work to. KJ's own
// cross-thread calls block the caller or want a loop there too; engine threads have neither time
// nor loop.
#pragma once

#include <kj/async-io.h>
#include <kj/async-unix.h>

#include <atomic>
#include <functional>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "client/client_thread.h"
#include "client/fork_mark.h"
#include "locks/mutex.h"

namespace holdfast {

// Milliseconds of the steady clock.
uint64_t steadyNowMs();

class ClientThread::Loop {
 public:
  Loop();
  ~Loop();
  // Before anything else. What went wrong, if anything.
  std::optional<Error> start();

  // Whether this is a forked child's copy: nothing runs on it, and nothing may be destroyed that
  // belongs to it.
  bool forked() const { return mark_.forked(); }
  // Clients count themselves, for it must outlive them.
  std::atomic<size_t> users = 0;

  // From any thread, never blocks: has `task` run on the loop, in order of posting. A forked copy
  // drops it.
  void post(std::function<void()> task);
  // From any other thread: has it run and waits until it did. A forked copy does not.
  void run(const std::function<void()>& task);
  bool isCurrentThread() const { return std::this_thread::get_id() == thread_.get_id(); }

  // For work on the loop only.
  kj::Network& network() { return io_->provider->getNetwork(); }
  kj::Timer& timer() { return io_->provider->getTimer(); }

 private:
  // `started` is told whether there is a loop.
  void serve(std::promise<bool> started);

  const ForkMark mark_;
  const int wake_;  // an eventfd: readable while tasks are waiting
  Mutex mutex_;
  std::vector<std::function<void()>> tasks_ HOLDFAST_GUARDED_BY(mutex_);
  bool ending_ = false;               // the thread's
  kj::AsyncIoContext* io_ = nullptr;  // lives in serve()
  std::thread thread_;
};

}  // namespace holdfast
