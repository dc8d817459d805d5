#include "serving/side_thread.h"

#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "locks/mutex.h"
#include "os/processors.h"

namespace holdfast {

struct SideThread::Impl {
  struct Task {
    std::function<void()> run;
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

SideThread::SideThread() : impl_(std::make_unique<Impl>()) {}

SideThread::~SideThread() {
  {
    const MutexLock lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->more.notifyOne();
  if (impl_->thread.joinable()) impl_->thread.join();
}

kj::Promise<void> SideThread::run(std::function<void()> task) {
  auto paf = kj::newPromiseAndCrossThreadFulfiller<void>();
  if (!impl_->thread.joinable()) {
    impl_->thread = std::thread([impl = impl_.get()]() { impl->serve(); });
  }
  {
    const MutexLock lock(impl_->mutex);
    impl_->tasks.push_back({std::move(task), kj::mv(paf.fulfiller)});
  }
  impl_->more.notifyOne();
  return kj::mv(paf.promise);
}

void SideThread::Impl::serve() {
  runBesideLoop();
  while (auto task = take()) {
    // Who asked may have left meanwhile: then nobody wants it.
    if (task->done->isWaiting()) task->run();
    task->run = nullptr;  // here, not on the loop: it may be the last that holds what it refers to
    task->done->fulfill();
  }
}

std::optional<SideThread::Impl::Task> SideThread::Impl::take() {
  const MutexLock lock(mutex);
  while (!ending && tasks.empty()) more.wait(mutex);
  if (ending) return std::nullopt;
  std::optional<Task> task = std::move(tasks.front());
  tasks.pop_front();
  return task;
}

}  // namespace holdfast
