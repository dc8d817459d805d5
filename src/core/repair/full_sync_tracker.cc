#include "core/repair/full_sync_tracker.h"

#include <algorithm>

#include "core/check.h"

namespace holdfast {

void FullSyncTracker::want(uint64_t serial, bool atFront) {
  const auto [sync, isNew] = syncs_.try_emplace(serial);
  if (!isNew) return;
  if (atFront) {
    queueFirst(serial, sync->second);
  } else {
    queueLast(serial, sync->second);
  }
}

void FullSyncTracker::enter(Phase phase, Sync& sync) {
  if (sync.phase != Phase::kNone) --inPhase_[static_cast<size_t>(sync.phase)];
  if (phase != Phase::kNone) ++inPhase_[static_cast<size_t>(phase)];
  sync.phase = phase;
}

void FullSyncTracker::queueFirst(uint64_t serial, Sync& sync) {
  enter(Phase::kQueued, sync);
  sync.place = --firstPlace_;
  queue_.push_front({sync.place, serial});
}

void FullSyncTracker::queueLast(uint64_t serial, Sync& sync) {
  enter(Phase::kQueued, sync);
  sync.place = nextPlace_++;
  queue_.push_back({sync.place, serial});
}

std::deque<FullSyncTracker::Queued>::const_iterator FullSyncTracker::placeOf(
    const Sync& sync) const {
  return std::lower_bound(queue_.begin(), queue_.end(), sync.place,
                          [](const Queued& queued, int64_t place) { return queued.place < place; });
}

void FullSyncTracker::unqueue(uint64_t serial, const Sync& sync) {
  const auto at = placeOf(sync);
  if (at != queue_.end() && at->serial == serial) queue_.erase(at);
}

void FullSyncTracker::drop(uint64_t serial) {
  const auto found = syncs_.find(serial);
  if (found == syncs_.end()) return;
  if (found->second.phase == Phase::kQueued) unqueue(serial, found->second);
  enter(Phase::kNone, found->second);
  syncs_.erase(found);
}

bool FullSyncTracker::mayStart(uint64_t serial) const {
  const auto found = syncs_.find(serial);
  return (found != syncs_.end() && hasSlot(found->second)) || slotsUsed() < options_.slots;
}

void FullSyncTracker::started(uint64_t serial, uint64_t nowMs) {
  HOLDFAST_CHECK(mayStart(serial), "a sync without a slot");
  Sync& sync = syncs_[serial];
  if (sync.phase == Phase::kQueued) unqueue(serial, sync);
  enter(Phase::kRunning, sync);
  sync.sinceMs = nowMs;
}

void FullSyncTracker::active(uint64_t serial, uint64_t nowMs) {
  const auto found = syncs_.find(serial);
  if (found != syncs_.end() && found->second.phase == Phase::kRunning) {
    found->second.sinceMs = nowMs;
  }
}

uint32_t FullSyncTracker::failed(uint64_t serial, uint64_t nowMs) {
  Sync& sync = syncs_[serial];
  if (sync.phase == Phase::kQueued) unqueue(serial, sync);
  ++sync.failures;
  if (sync.failures < options_.failuresBeforeBackoff) {
    queueLast(serial, sync);
    return sync.failures;
  }
  enter(Phase::kBackingOff, sync);
  sync.sinceMs = nowMs;
  const uint32_t doublings = std::min(sync.failures - options_.failuresBeforeBackoff, 20u);
  sync.waitMs = std::min(options_.backoffMs << doublings, options_.backoffMaxMs);
  return sync.failures;
}

std::optional<uint64_t> FullSyncTracker::next(uint64_t nowMs,
                                              const std::function<bool(uint64_t)>& mayAsk) {
  if (slotsUsed() >= options_.slots) return std::nullopt;
  const auto at = std::find_if(queue_.begin(), queue_.end(),
                               [&](const Queued& queued) { return mayAsk(queued.serial); });
  if (at == queue_.end()) return std::nullopt;
  const uint64_t serial = at->serial;
  queue_.erase(at);
  Sync& sync = syncs_.at(serial);
  enter(Phase::kAsked, sync);
  sync.sinceMs = nowMs;
  return serial;
}

std::vector<uint64_t> FullSyncTracker::expired(uint64_t nowMs) {
  std::vector<uint64_t> over;
  for (auto& [serial, sync] : syncs_) {
    const uint64_t silentMs = nowMs - std::min(nowMs, sync.sinceMs);
    switch (sync.phase) {
      case Phase::kNone:
      case Phase::kQueued:
        break;
      case Phase::kAsked:
        if (silentMs >= options_.startTimeoutMs) over.push_back(serial);
        break;
      case Phase::kRunning:
        if (silentMs >= options_.inactivityMs) over.push_back(serial);
        break;
      case Phase::kBackingOff:
        if (silentMs < sync.waitMs) break;
        queueLast(serial, sync);
        break;
    }
  }
  return over;
}

FullSyncTracker::Phase FullSyncTracker::phase(uint64_t serial) const {
  const auto found = syncs_.find(serial);
  return found == syncs_.end() ? Phase::kNone : found->second.phase;
}

uint32_t FullSyncTracker::failures(uint64_t serial) const {
  const auto found = syncs_.find(serial);
  return found == syncs_.end() ? 0 : found->second.failures;
}

uint32_t FullSyncTracker::queuePosition(uint64_t serial) const {
  return static_cast<uint32_t>(placeOf(syncs_.at(serial)) - queue_.begin());
}

}  // namespace holdfast
