#include "inspect/parallel.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "locks/mutex.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

constexpr double kQuietSeconds = 1;
constexpr std::chrono::milliseconds kShowInterval{100};

// How many threads have not ended.
class Running {
 public:
  explicit Running(size_t threads) : threads_(threads) {}

  void ended() {
    const MutexLock lock(mutex_);
    --threads_;
    changed_.notifyOne();
  }
  // False if some still run after this time.
  bool wait(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    const MutexLock lock(mutex_);
    while (threads_ > 0 && changed_.waitUntil(mutex_, until)) {
    }
    return threads_ == 0;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  size_t threads_ HOLDFAST_GUARDED_BY(mutex_);
};

}  // namespace

size_t workThreads() {
  return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kWorkThreadsMax);
}

double Meter::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

void Meter::show() {
  const double elapsed = seconds();
  if (elapsed < kQuietSeconds) return;
  const uint64_t done = done_.load(std::memory_order_relaxed);
  const uint64_t total = std::max(total_, done);
  const double share = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
  const double left = share > 0 ? elapsed / share - elapsed : 0;
  progress_.show(share, left,
                 text::grouped(done) + " of about " + text::grouped(total) + " " + unit_);
}

void forEach(size_t count, Meter& meter, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  const size_t all = std::min(workThreads(), count);
  Running running(all);
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
    running.ended();
  };
  for (size_t i = 0; i < all; ++i) threads.emplace_back(run);
  while (!running.wait(kShowInterval)) meter.show();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace holdfast::inspect
