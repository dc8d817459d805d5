#include "core/decisions.h"

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
    case Reason::kReportsLost:
      return "reports were lost for good";
    case Reason::kCleared:
      return "cleared by its worker";
  }
  return "?";
}

}  // namespace holdfast
