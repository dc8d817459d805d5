#include "client/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <utility>

#include "core/check.h"

namespace holdfast {

uint64_t steadyNowMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

ClientThread::ClientThread() : loop_(std::make_unique<Loop>()) {}
ClientThread::~ClientThread() = default;

ClientThread::Loop::Loop() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  HOLDFAST_CHECK(wake_ >= 0, "eventfd: %s", std::strerror(errno));
  thread_ = std::thread([this] { serve(); });
}

ClientThread::Loop::~Loop() {
  HOLDFAST_CHECK(!isCurrentThread(), "a client thread cannot end itself");
  post([this] { ending_ = true; });
  thread_.join();
  close(wake_);
}

void ClientThread::Loop::post(std::function<void()> task) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (!first) return;  // whoever posted the first has woken the loop
  const uint64_t one = 1;
  // Cannot fail: the counter would have to be full, and then the loop is awake anyway.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
}

void ClientThread::Loop::run(const std::function<void()>& task) {
  HOLDFAST_CHECK(!isCurrentThread(), "this call waits for the client thread, so not from there");
  std::mutex mutex;
  std::condition_variable done;
  bool isDone = false;
  post([&] {
    task();
    // Notified under the lock: the waiting thread owns both and goes on as soon as it can.
    const std::lock_guard lock(mutex);
    isDone = true;
    done.notify_one();
  });
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return isDone; });
}

void ClientThread::Loop::serve() {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  kj::UnixEventPort::FdObserver observer(io.unixEventPort, wake_,
                                         kj::UnixEventPort::FdObserver::OBSERVE_READ);
  io_ = &io;
  std::vector<std::function<void()>> tasks;
  while (!ending_) {
    // Edge-triggered, so asked for before looking.
    kj::Promise<void> woken = observer.whenBecomesReadable();
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake_, &count, sizeof count);
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
    }
    for (const std::function<void()>& task : tasks) task();
    tasks.clear();
    if (!ending_) woken.wait(io.waitScope);
  }
}

}  // namespace holdfast
