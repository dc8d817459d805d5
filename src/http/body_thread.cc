#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "http/body.h"

namespace holdfast::http {

struct BodyThread::Impl {
  struct Task {
    std::function<void()> read;
    kj::Own<kj::CrossThreadPromiseFulfiller<void>> done;
  };

  void serve();

  std::mutex mutex;
  std::condition_variable more;
  std::deque<Task> tasks;
  bool ending = false;
  std::thread thread;
};

BodyThread::BodyThread() : impl_(std::make_unique<Impl>()) {}

BodyThread::~BodyThread() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->more.notify_one();
  if (impl_->thread.joinable()) impl_->thread.join();
}

kj::Promise<void> BodyThread::run(std::function<void()> read) {
  auto paf = kj::newPromiseAndCrossThreadFulfiller<void>();
  if (!impl_->thread.joinable()) {
    impl_->thread = std::thread([impl = impl_.get()]() { impl->serve(); });
  }
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->tasks.push_back({std::move(read), kj::mv(paf.fulfiller)});
  }
  impl_->more.notify_one();
  return kj::mv(paf.promise);
}

void BodyThread::Impl::serve() {
  std::unique_lock lock(mutex);
  while (true) {
    more.wait(lock, [this]() { return ending || !tasks.empty(); });
    if (ending) return;
    Task task = std::move(tasks.front());
    tasks.pop_front();
    lock.unlock();
    // The peer may have left meanwhile: then nobody wants it.
    if (task.done->isWaiting()) task.read();
    task.read = nullptr;  // here, not on the loop: it may be the last that holds the body
    task.done->fulfill();
    lock.lock();
  }
}

}  // namespace holdfast::http
