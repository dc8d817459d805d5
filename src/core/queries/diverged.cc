#include "core/queries/diverged.h"

namespace holdfast::queries {
namespace {

bool needsRepair(const Location& location) {
  return location.sync != SyncState::kInSync && location.sync != SyncState::kCaughtUp;
}

}  // namespace

bool DivergedCursor::next(Found& found, size_t work) {
  for (size_t spent = 0; spent < work; ++spent) {
    const Worker* const worker = walk_.next();
    if (worker == nullptr) return false;
    if (!walk_.wants(*worker)) continue;
    for (const auto& location : worker->locations) {
      if (!needsRepair(*location)) continue;
      ++spent;
      found.push_back(
          {worker->record.instance, worker->record.worker, viewOf(registry_, *location)});
    }
  }
  return true;
}

}  // namespace holdfast::queries
