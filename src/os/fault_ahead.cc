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
    const MutexLock lock(mutex_);
    stop_ = true;
    changed_.notifyAll();
  }
  thread_.join();
}

void FaultAhead::populate(char* at, size_t bytes) {
  const MutexLock lock(mutex_);
  ranges_.push_back({at, bytes});
  changed_.notifyAll();
}

bool FaultAhead::isComing(const char* at, size_t bytes) {
  const auto meets = [&](const char* other, size_t otherBytes) {
    return other < at + bytes && at < other + otherBytes;
  };
  const MutexLock lock(mutex_);
  if (touching_ != nullptr && meets(touching_, kHugePage)) return true;
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const Range& range) { return meets(range.at, range.bytes); });
}

void FaultAhead::forget(char* at, size_t bytes) {
  const auto inside = [&](const char* address) { return address >= at && address < at + bytes; };
  const MutexLock lock(mutex_);
  std::erase_if(ranges_, [&](const Range& range) { return inside(range.at); });
  while (touching_ != nullptr && inside(touching_)) changed_.wait(mutex_);
}

void FaultAhead::wait() {
  const MutexLock lock(mutex_);
  while (!ranges_.empty() || touching_ != nullptr) changed_.wait(mutex_);
}

void FaultAhead::run() {
  // The loop, which brings what is not here yet by itself, is not to wait for this.
  giveWay(kNiceOfWrites);
  for (;;) {
    const Range page = take();
    if (page.at == nullptr) return;
    // One touch brings a huge page; where there are none, each brings a small one.
    for (size_t offset = 0; offset < page.bytes; offset += kSmallPage) touch(page.at + offset);
    const MutexLock lock(mutex_);
    touching_ = nullptr;
    changed_.notifyAll();
  }
}

FaultAhead::Range FaultAhead::take() {
  const MutexLock lock(mutex_);
  while (!stop_ && ranges_.empty()) changed_.wait(mutex_);
  if (stop_) return {nullptr, 0};
  Range& range = ranges_.front();
  touching_ = range.at;
  const Range page{range.at, std::min(kHugePage, range.bytes)};
  range.at += page.bytes;
  range.bytes -= page.bytes;
  if (range.bytes == 0) ranges_.pop_front();
  return page;
}

}  // namespace holdfast
