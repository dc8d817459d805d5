#include "store/recovery_queue.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "format/contents.h"
#include "store/start_meter.h"

namespace holdfast {
namespace {

// A largest segment and its frame fit.
constexpr size_t kPartWords = kSegmentKeysMax + 64;
// 16 MiB in all.
constexpr size_t kPartsMax = 32;

}  // namespace

std::span<uint64_t> RecoveryPart::take(size_t count) {
  // Growing would move what rows point to; fits() allows it only before the first row.
  if (used + count > words.size()) {
    HOLDFAST_CHECK(rows.empty(), "%zu words in a full part", count);
    words.resize(used + count);
  }
  const std::span<uint64_t> taken(words.data() + used, count);
  used += count;
  return taken;
}

std::optional<std::span<const uint64_t>> RecoveryPart::copy(std::string_view value) {
  if (value.empty() || value.size() % sizeof(uint64_t) != 0) return std::nullopt;
  const std::span<uint64_t> to = take(value.size() / sizeof(uint64_t));
  std::memcpy(to.data(), value.data(), value.size());
  return to;
}

std::unique_ptr<RecoveryPart> RecoveryQueue::blank(OwnerId owner, size_t words) {
  std::unique_ptr<RecoveryPart> part;
  {
    const MutexLock lock(mutex_);
    while (around_ >= kPartsMax) givenBack_.wait(mutex_);
    ++around_;
    if (!blanks_.empty()) {
      part = std::move(blanks_.back());
      blanks_.pop_back();
    }
  }
  if (!part) part = std::make_unique<RecoveryPart>();
  if (part->words.size() < std::max(words, kPartWords)) {
    part->words.resize(std::max(words, kPartWords));
  }
  part->owner = owner;
  return part;
}

void RecoveryQueue::push(std::unique_ptr<RecoveryPart> part) {
  const MutexLock lock(mutex_);
  parts_.push_back(std::move(part));
  pushed_.notifyOne();
}

bool RecoveryQueue::wait() {
  const auto until = std::chrono::steady_clock::now() + kProgressInterval;
  const MutexLock lock(mutex_);
  while (parts_.empty() && workersLeft_ > 0 && pushed_.waitUntil(mutex_, until)) {
  }
  return !parts_.empty() || workersLeft_ == 0;
}

std::unique_ptr<RecoveryPart> RecoveryQueue::pop(const std::function<void()>& waiting) {
  while (!wait()) waiting();
  const MutexLock lock(mutex_);
  if (workersLeft_ == 0) return nullptr;
  std::unique_ptr<RecoveryPart> part = std::move(parts_.front());
  parts_.pop_front();
  if (part->last) --workersLeft_;
  return part;
}

void RecoveryQueue::giveBack(std::unique_ptr<RecoveryPart> part) {
  part->rows.clear();
  part->used = 0;
  part->last = false;
  part->damage.reset();
  part->pins.clear();
  const MutexLock lock(mutex_);
  --around_;
  blanks_.push_back(std::move(part));
  givenBack_.notifyOne();
}

}  // namespace holdfast
