#include "client/full_sync_state.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/limits.h"

namespace holdfast {
namespace {

// Between an answer that the sync is not complete and what it leads to; doubles.
constexpr uint64_t kWaitMinMs = 1;
constexpr uint64_t kWaitMaxMs = 20;

size_t divideUp(size_t a, size_t b) {
  return (a + b - 1) / b;
}

}  // namespace

FullSyncState::FullSyncState(FullSyncStart cut, std::vector<ChunkHash> keys, size_t batchKeys)
    : start_(std::move(cut)),
      keys_(std::move(keys)),
      batchKeys_(std::max(batchKeys, divideUp(keys_.size(), kBatchesPerSyncMax))) {
  start_.totalKeys = keys_.size();
  start_.batchCount = static_cast<uint32_t>(divideUp(keys_.size(), batchKeys_));
}

std::optional<FullSyncMessage> FullSyncState::next(uint64_t nowMs) {
  if (phase_ == Phase::kStart) {
    phase_ = Phase::kStarting;
    return start_;
  }
  const bool over = phase_ == Phase::kWaiting && nowMs >= dueMs_;
  if (over && missing_.empty()) {
    phase_ = Phase::kAsked;
    return FullSyncPoll{start_.location, start_.incarnation, start_.syncId};
  }
  if (over) phase_ = Phase::kBatches;
  if (phase_ != Phase::kBatches) return std::nullopt;
  if (sent_ < missing_.size()) return batch(missing_[sent_++]);
  phase_ = Phase::kAsked;
  return FullSyncEnd{start_.location, start_.incarnation, start_.syncId, start_.totalKeys};
}

std::optional<uint64_t> FullSyncState::dueMs() const {
  if (phase_ != Phase::kWaiting) return std::nullopt;
  return dueMs_;
}

void FullSyncState::started(std::vector<uint32_t> missing) {
  setMissing(std::move(missing));
  waitMs_ = 0;
  phase_ = Phase::kBatches;
}

// Waits before it sends batches again, too: they are missing because the controller had no room.
void FullSyncState::statusAnswered(std::vector<uint32_t> missing, uint64_t nowMs) {
  setMissing(std::move(missing));
  waitMs_ = std::clamp(waitMs_ * 2, kWaitMinMs, kWaitMaxMs);
  dueMs_ = nowMs + waitMs_;
  phase_ = Phase::kWaiting;
}

void FullSyncState::setMissing(std::vector<uint32_t> missing) {
  missing_ = std::move(missing);
  std::erase_if(missing_, [&](uint32_t number) { return number >= start_.batchCount; });
  sent_ = 0;
}

FullSyncBatch FullSyncState::batch(uint32_t number) const {
  const std::span<const ChunkHash> rest = std::span(keys_).subspan(number * batchKeys_);
  return {start_.location, start_.incarnation, start_.syncId, number,
          rest.first(std::min(batchKeys_, rest.size()))};
}

}  // namespace holdfast
