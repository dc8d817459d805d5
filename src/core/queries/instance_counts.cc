#include "core/queries/instance_counts.h"

namespace holdfast::queries {
namespace {

void countRank(InstanceCounts& counts, const Worker& worker) {
  ++counts.workers[static_cast<size_t>(worker.record.state)];
  for (const auto& location : worker.locations) {
    counts.memberships += location->count;
    const SyncState sync = location->sync;
    if (sync != SyncState::kInSync && sync != SyncState::kCaughtUp) ++counts.locationsBehind;
  }
}

}  // namespace

bool InstanceCountsCursor::next(Found& found) {
  for (size_t spent = 0; spent < kWorkOfPiece;) {
    const Worker* worker = walk_.next();
    if (worker == nullptr) return false;
    const std::string& instance = worker->record.instance;
    if (found.empty() || found.back().instance != instance) found.push_back({.instance = instance});
    countRank(found.back(), *worker);
    spent += 1 + worker->locations.size();
  }
  return true;
}

}  // namespace holdfast::queries
