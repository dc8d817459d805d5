#include "describe.h"

#include "core/decisions.h"
#include "core/states.h"

namespace holdfast::ctl {

std::string stateName(schema::WorkerState state) {
  return std::string(workerStateName(static_cast<WorkerState>(state)));
}
std::string syncName(schema::SyncState state) {
  return std::string(syncStateName(static_cast<SyncState>(state)));
}
std::string reasonText(schema::Reason reason) {
  return std::string(reasonName(static_cast<Reason>(reason)));
}

std::string_view phaseName(schema::FullSyncInfo::Phase phase) {
  switch (phase) {
    case schema::FullSyncInfo::Phase::NONE:
      return "none";
    case schema::FullSyncInfo::Phase::QUEUED:
      return "queued";
    case schema::FullSyncInfo::Phase::ASKED:
      return "asked";
    case schema::FullSyncInfo::Phase::RUNNING:
      return "running";
    case schema::FullSyncInfo::Phase::BACKING_OFF:
      return "backing off";
  }
  return "?";
}

}  // namespace holdfast::ctl
