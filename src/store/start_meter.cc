#include "store/start_meter.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace holdfast {

void runShowing(const std::function<void()>& work, const std::function<void()>& waiting) {
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  std::thread worker([&] {
    work();
    const std::lock_guard lock(mutex);
    done = true;
    ended.notify_all();
  });
  {
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, kProgressInterval, [&] { return done; })) {
      lock.unlock();
      waiting();
      lock.lock();
    }
  }
  worker.join();
}

}  // namespace holdfast
