#include "os/fault_ahead.h"

#include <algorithm>

#include "os/give_way.h"

namespace holdfast {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSmallPage = 4096;

// A write that changes nothing, also when the owner of the memory writes at the same moment.
void touch(char* at) {
#if defined(__x86_64__)
  asm volatile("lock orb $0, %0" : "+m"(*at));
#else
  __atomic_fetch_or(at, char{0}, __ATOMIC_RELAXED);
#endif
}

}  // namespace

FaultAhead::FaultAhead() : thread_([this] { run(); }) {}

FaultAhead::~FaultAhead() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void FaultAhead::populate(char* at, size_t bytes) {
  const std::lock_guard lock(mutex_);
  ranges_.push_back({at, bytes});
  changed_.notify_all();
}

void FaultAhead::forget(char* at, size_t bytes) {
  const auto inside = [&](const char* address) { return address >= at && address < at + bytes; };
  std::unique_lock lock(mutex_);
  std::erase_if(ranges_, [&](const Range& range) { return inside(range.at); });
  changed_.wait(lock, [&] { return touching_ == nullptr || !inside(touching_); });
}

void FaultAhead::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ranges_.empty() && touching_ == nullptr; });
}

void FaultAhead::run() {
  // The loop, which brings what is not here yet by itself, is not to wait for this.
  giveWay(kNiceOfWrites);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || !ranges_.empty(); });
    if (stop_) return;
    Range& range = ranges_.front();
    touching_ = range.at;
    const size_t bytes = std::min(kHugePage, range.bytes);
    range.at += bytes;
    range.bytes -= bytes;
    if (range.bytes == 0) ranges_.pop_front();
    lock.unlock();
    // One touch brings a huge page; where there are none, each brings a small one.
    for (size_t offset = 0; offset < bytes; offset += kSmallPage) touch(touching_ + offset);
    lock.lock();
    touching_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace holdfast
