#include "core/states.h"

namespace holdfast {

std::string_view workerStateName(WorkerState state) {
  switch (state) {
    case WorkerState::kActive:
      return "ACTIVE";
    case WorkerState::kLost:
      return "LOST";
    case WorkerState::kRecovered:
      return "RECOVERED";
  }
  return "?";
}

std::string_view syncStateName(SyncState state) {
  switch (state) {
    case SyncState::kInSync:
      return "in sync";
    case SyncState::kCaughtUp:
      return "caught up";
    case SyncState::kDiverged:
      return "diverged";
    case SyncState::kReplaying:
      return "replaying";
    case SyncState::kSyncing:
      return "syncing";
  }
  return "?";
}

}  // namespace holdfast
