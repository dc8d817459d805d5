#include "core/queries/location_view.h"

namespace holdfast::queries {
namespace {

FullSyncView fullSyncOf(const Registry& registry, const Location& location) {
  const FullSyncTracker& tracker = registry.repair().tracker();
  FullSyncView view;
  view.phase = tracker.phase(location.serial);
  view.failures = tracker.failures(location.serial);
  if (view.phase == FullSyncTracker::Phase::kQueued) {
    view.queuePosition = tracker.queuePosition(location.serial);
  }
  if (location.building == nullptr) return view;
  const Building& building = *location.building;
  view.batchCount = static_cast<uint32_t>(building.stored.size());
  view.batchesStored = building.batchesStored;
  view.totalKeys = location.record.building->totalKeys;
  view.keysStored = building.keysStored;
  if (view.phase != FullSyncTracker::Phase::kRunning) return view;
  view.runningMs = registry.nowMs() - building.startedMs;
  const uint64_t sinceStart = building.keysStored - building.keysAtStart;
  if (sinceStart != 0) {
    view.remainingMs = static_cast<uint64_t>(static_cast<double>(view.runningMs) *
                                             static_cast<double>(view.totalKeys - view.keysStored) /
                                             static_cast<double>(sinceStart));
  }
  return view;
}

uint64_t heldOperationsOf(const Location& location) {
  uint64_t held = location.gap.held.operations();
  if (location.building != nullptr) {
    held += location.building->gap.held.operations() + location.building->pending.operations();
  }
  return held;
}

}  // namespace

LocationView viewOf(const Registry& registry, Location& location) {
  return {.name = location.record.name,
          .sync = location.sync,
          .reason = location.reason,
          .incarnation = location.record.live.incarnation,
          .lastSeq = location.lastSeq,
          .committedSeq = registry.tree().committedSeq(location),
          .count = location.count,
          .digest = location.digest,
          .hidden = location.record.live.hidden,
          .pins = location.pins == nullptr ? 0 : location.pins->size(),
          .journalOperations = location.journalOperations,
          .heldOperations = heldOperationsOf(location),
          .fullSync = fullSyncOf(registry, location)};
}

}  // namespace holdfast::queries
