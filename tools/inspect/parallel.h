// Work on many families at once, and how far it is.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "text/progress.h"

namespace holdfast::inspect {

// As many as there are processors, up to a limit: each holds some of the store in memory.
size_t workThreads();
inline constexpr size_t kWorkThreadsMax = 16;

// Counts what is done of something that takes long, and shows it once that has taken a second.
class Meter {
 public:
  // `unit` is what is counted, as in "keys". Not owned.
  Meter(text::Progress& progress, std::string unit) : progress_(progress), unit_(std::move(unit)) {}
  ~Meter() { progress_.clear(); }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  // An estimate; what is done may exceed it.
  void expect(uint64_t total) { total_ = total; }
  // Any thread.
  void done(uint64_t amount) { done_.fetch_add(amount, std::memory_order_relaxed); }
  // Called often, from one thread.
  void show();
  double seconds() const;

 private:
  text::Progress& progress_;
  const std::string unit_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  uint64_t total_ = 0;
  std::atomic<uint64_t> done_{0};
};

// Calls work(0), ..., work(count - 1) on workThreads() threads, beginning with the first ones, and
// returns when all have returned. Shows the meter meanwhile.
void forEach(size_t count, Meter& meter, const std::function<void(size_t)>& work);

}  // namespace holdfast::inspect
