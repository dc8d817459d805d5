#include "core/repair/resume_policy.h"

namespace holdfast {
namespace {

ResumeDecision decideUnknown(const LocationStatement& statement) {
  if (statement.count == 0) return {ResumeAction::kCreateEmpty, Reason::kUnknownEmpty};
  if (statement.beganEmpty && statement.replayableFrom <= 1) {
    return {ResumeAction::kCreateReplay, Reason::kUnknownReplay};
  }
  return {ResumeAction::kCreateUnknown, Reason::kUnknown};
}

ResumeDecision decideOtherIncarnation(const HeldState& held, const LocationStatement& statement,
                                      bool sameProcess) {
  if (held.count == statement.count && held.digest == statement.digest) {
    return {ResumeAction::kAdopt, Reason::kAdopted};
  }
  if (statement.count == 0) {
    return {ResumeAction::kForget, sameProcess ? Reason::kCleared : Reason::kRestartedEmpty};
  }
  if (sameProcess) return {ResumeAction::kOutdated, Reason::kRenumbered};
  return {ResumeAction::kHide, Reason::kRestarted};
}

}  // namespace

ResumeDecision decideResume(const std::optional<HeldState>& held,
                            const LocationStatement& statement, bool atRegistration,
                            bool sameProcess) {
  if (statement.incarnation == kLegacyIncarnation) {
    if (!atRegistration) return {ResumeAction::kIgnore, Reason::kNone};
    return {ResumeAction::kForgetLegacy, Reason::kLegacy};
  }
  if (!held) return decideUnknown(statement);
  if (held->incarnation != statement.incarnation) {
    return decideOtherIncarnation(*held, statement, sameProcess);
  }
  if (held->seq < statement.lastSeq) {
    if (statement.replayableFrom <= held->seq + 1) return {ResumeAction::kReplay, Reason::kBehind};
    return {ResumeAction::kFullSync, Reason::kGapTooOld};
  }
  if (held->seq > statement.lastSeq) {
    if (atRegistration) return {ResumeAction::kFullSync, Reason::kWorkerRolledBack};
    return {ResumeAction::kIgnore, Reason::kNone};
  }
  if (held->count == statement.count && held->digest == statement.digest) {
    if (held->incomplete) return {ResumeAction::kStayDiverged, Reason::kReportsLost};
    return {ResumeAction::kInSync, Reason::kEqual};
  }
  return {ResumeAction::kFullSync, Reason::kContentDiffers};
}

bool fullSyncGoesOn(const BuildingState& building, const LocationStatement& statement) {
  return building.incarnation != kLegacyIncarnation &&
         building.incarnation == statement.incarnation && building.syncId == statement.syncId &&
         building.seq <= statement.lastSeq && statement.replayableFrom <= building.seq + 1;
}

}  // namespace holdfast
