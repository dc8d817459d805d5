#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "http/body.h"
#include "locks/mutex.h"
#include "os/processors.h"

namespace holdfast::http {

struct BodyThread::Impl {
  struct Task {
    std::function<void()> read;
    kj::Own<kj::CrossThreadPromiseFulfiller<void>> done;
  };

  void serve();
  // Waits for the next one; nothing when the thread is to end.
  std::optional<Task> take();

  Mutex mutex;
  Condition more;
  std::deque<Task> tasks HOLDFAST_GUARDED_BY(mutex);
  bool ending HOLDFAST_GUARDED_BY(mutex) = false;
  std::thread thread;
};

BodyThread::BodyThread() : impl_(std::make_unique<Impl>()) {}

BodyThread::~BodyThread() {
  {
    const MutexLock lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->more.notifyOne();
  if (impl_->thread.joinable()) impl_->thread.join();
}

kj::Promise<void> BodyThread::run(std::function<void()> read) {
  auto paf = kj::newPromiseAndCrossThreadFulfiller<void>();
  if (!impl_->thread.joinable()) {
    impl_->thread = std::thread([impl = impl_.get()]() { impl->serve(); });
  }
  {
    const MutexLock lock(impl_->mutex);
    impl_->tasks.push_back({std::move(read), kj::mv(paf.fulfiller)});
  }
  impl_->more.notifyOne();
  return kj::mv(paf.promise);
}

void BodyThread::Impl::serve() {
  runBesideLoop();
  while (auto task = take()) {
    // The peer may have left meanwhile: then nobody wants it.
    if (task->done->isWaiting()) task->read();
    task->read = nullptr;  // here, not on the loop: it may be the last that holds the body
    task->done->fulfill();
  }
}

std::optional<BodyThread::Impl::Task> BodyThread::Impl::take() {
  const MutexLock lock(mutex);
  while (!ending && tasks.empty()) more.wait(mutex);
  if (ending) return std::nullopt;
  std::optional<Task> task = std::move(tasks.front());
  tasks.pop_front();
  return task;
}

}  // namespace holdfast::http
