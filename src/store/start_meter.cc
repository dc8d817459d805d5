#include "store/start_meter.h"

#include <thread>

#include "locks/mutex.h"

namespace holdfast {
namespace {

// What one thread waits for another one to say.
class Ending {
 public:
  void say() {
    const MutexLock lock(mutex_);
    said_ = true;
    changed_.notifyAll();
  }
  // False if it was not said in this time.
  bool wait(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    const MutexLock lock(mutex_);
    while (!said_ && changed_.waitUntil(mutex_, until)) {
    }
    return said_;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  bool said_ HOLDFAST_GUARDED_BY(mutex_) = false;
};

}  // namespace

void runShowing(const std::function<void()>& work, const std::function<void()>& waiting) {
  Ending ending;
  std::thread worker([&] {
    work();
    ending.say();
  });
  while (!ending.wait(kProgressInterval)) waiting();
  worker.join();
}

}  // namespace holdfast
