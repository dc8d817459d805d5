#include "core/messages.h"

namespace holdfast {

std::string_view reasonName(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "none";
    case Reason::kEqual:
      return "equal";
    case Reason::kContentDiffers:
      return "content differs";
    case Reason::kBehind:
      return "behind";
    case Reason::kGapTooOld:
      return "gap too old";
    case Reason::kWorkerRolledBack:
      return "worker rolled back";
    case Reason::kUnknownEmpty:
      return "new and empty";
    case Reason::kUnknownReplay:
      return "new, replayed from the start";
    case Reason::kUnknown:
      return "unknown";
    case Reason::kAdopted:
      return "adopted";
    case Reason::kRestartedEmpty:
      return "worker restarted empty";
    case Reason::kRestarted:
      return "worker restarted";
    case Reason::kLiveGap:
      return "gap in the reports";
    case Reason::kQuarantined:
      return "quarantined";
    case Reason::kRefused:
      return "reports refused";
    case Reason::kNotStated:
      return "no longer stated";
    case Reason::kHeldOverflow:
      return "too much behind a gap";
    case Reason::kReplayTimedOut:
      return "the replay did not come";
    case Reason::kForced:
      return "an operator asked for it";
    case Reason::kLegacy:
      return "legacy client";
    case Reason::kSyncContinues:
      return "full sync goes on";
    case Reason::kRenumbered:
      return "renumbered by its worker";
    case Reason::kModelChanged:
      return "another model";
    case Reason::kRunRepeated:
      return "run id repeated by another process";
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

std::vector<std::pair<std::string, uint64_t>> named(const Counters& c) {
  std::vector<std::pair<std::string, uint64_t>> list = {
      {"registrations", c.registrations},
      {"supersessions", c.supersessions},
      {"deregistrations", c.deregistrations},
      {"heartbeats", c.heartbeats},
      {"workersLost", c.workersLost},
      {"workersExpired", c.workersExpired},
      {"workersMadeRoom", c.workersMadeRoom},
      {"reports", c.reports},
      {"operations", c.operations},
      {"reportsRetransmitted", c.reportsRetransmitted},
      {"reportsDropped", c.reportsDropped},
      {"reportsNotStated", c.reportsNotStated},
      {"reportsOtherIncarnation", c.reportsOtherIncarnation},
      {"reportsHeld", c.reportsHeld},
      {"reportsGap", c.reportsGap},
      {"reportsRefused", c.reportsRefused},
      {"lookups", c.lookups},
      {"p2pLookups", c.p2pLookups},
      {"replays", c.replays},
      {"replayedOperations", c.replayedOperations},
      {"replaysFailed", c.replaysFailed},
      {"fullSyncsAsked", c.fullSyncsAsked},
      {"fullSyncsStarted", c.fullSyncsStarted},
      {"fullSyncsResumed", c.fullSyncsResumed},
      {"fullSyncsCompleted", c.fullSyncsCompleted},
      {"fullSyncsFailed", c.fullSyncsFailed},
      {"fullSyncsAbandoned", c.fullSyncsAbandoned},
      {"resyncedKeys", c.resyncedKeys},
      {"foldsStarted", c.foldsStarted},
      {"foldsCommitted", c.foldsCommitted},
      {"foldsAbandoned", c.foldsAbandoned},
  };
  for (size_t reason = 1; reason < kReasons; ++reason) {
    list.emplace_back("decisions: " + std::string(reasonName(static_cast<Reason>(reason))),
                      c.decisions[reason]);
  }
  return list;
}

}  // namespace holdfast
