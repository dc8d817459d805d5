#include "inspect/parallel.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "text/table.h"

namespace holdfast::inspect {
namespace {

constexpr double kQuietSeconds = 1;
constexpr std::chrono::milliseconds kShowInterval{100};

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
  std::mutex mutex;
  std::condition_variable ended;
  std::vector<std::thread> threads;
  size_t running = std::min(workThreads(), count);
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
    const std::lock_guard lock(mutex);
    --running;
    ended.notify_one();
  };
  for (size_t i = running; i > 0; --i) threads.emplace_back(run);
  std::unique_lock lock(mutex);
  while (!ended.wait_for(lock, kShowInterval, [&] { return running == 0; })) meter.show();
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace holdfast::inspect
