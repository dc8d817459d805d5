#include "core/repair/comparison.h"

#include "core/check.h"
#include "core/notice.h"
#include "core/registry/notice_names.h"
#include "core/registry/pins.h"

namespace holdfast {

LocationDecision Comparison::resume(Worker& worker, const LocationStatement& statement,
                                    StoreBatch& batch, Numbering& numbering) {
  Location* location = worker.find(statement.location);
  if (location == nullptr) {
    return decide(worker, statement, {.atRegistration = true}, batch, numbering);
  }
  abandonBuilding(tree_, *location, batch);
  if (location->sync != SyncState::kDiverged) location->sync = SyncState::kCaughtUp;
  return {statement.location, DecisionKind::kInSync, location->reason, location->lastSeq + 1};
}

LocationDecision Comparison::decide(Worker& worker, const LocationStatement& statement,
                                    const Situation& situation, StoreBatch& batch,
                                    Numbering& numbering) {
  const bool atRegistration = situation.atRegistration;
  Location* location = worker.find(statement.location);
  if (location != nullptr && location->building != nullptr && atRegistration) {
    if (auto goesOn = decideFullSync(*location, statement, batch)) return *goesOn;
  }
  std::optional<HeldState> held;
  if (location != nullptr) {
    held = HeldState{location->record.live.incarnation, location->lastSeq, location->count,
                     location->digest, location->record.live.incomplete};
  }
  // What is hidden is of a process before that.
  const bool sameProcess =
      situation.sameProcess && location != nullptr && !location->record.live.hidden;
  ResumeDecision decision = decideResume(held, statement, atRegistration, sameProcess);
  if (!held && situation.anew != Reason::kNone) decision.reason = situation.anew;
  LocationDecision answer{statement.location, DecisionKind::kInSync, decision.reason,
                          statement.lastSeq + 1};
  if (decision.action == ResumeAction::kIgnore) {
    answer.nextSeq = location->lastSeq + 1;
    return answer;
  }
  if (location == nullptr) {
    location = tree_.addLocation(worker, statement.location, nullptr);
    HOLDFAST_CHECK(location != nullptr, "names were counted before");
  }
  if (atRegistration || decision.reason != location->reason ||
      decision.action != ResumeAction::kInSync) {
    ++tree_.counters().decisions[static_cast<size_t>(decision.reason)];
    if (decision.reason == Reason::kContentDiffers) ++tree_.counters().digestMismatches;
  }
  const bool wasOut = location->sync.wasOut();
  carryOut(*location, statement, decision, atRegistration, batch, numbering);
  location->reason = decision.reason;
  switch (location->sync) {
    case SyncState::kReplaying:
      answer.kind = DecisionKind::kReplay;
      answer.nextSeq = location->lastSeq + 1;
      break;
    case SyncState::kDiverged:
      answer.kind = DecisionKind::kDiverged;
      // What we drop anyway need not be sent twice: go on where the worker is.
      if (decision.action == ResumeAction::kFullSync) answer.nextSeq = location->lastSeq + 1;
      break;
    default:
      break;
  }
  noticeDecision(*location, held.value_or(HeldState{}), statement, decision.reason, wasOut);
  return answer;
}

void Comparison::noticeDecision(const Location& location, const HeldState& ours,
                                const LocationStatement& statement, Reason reason, bool wasOut) {
  switch (location.sync) {
    case SyncState::kReplaying: {
      const uint64_t next = location.lastSeq + 1;
      return notices_.notice(
          notice::ReplayExpected{nameOf(location), reason, next, statement.lastSeq});
    }
    case SyncState::kDiverged:
      return notices_.notice(
          notice::LocationDiverged{nameOf(location),
                                   reason,
                                   {ours.seq, ours.count, ours.digest},
                                   {statement.lastSeq, statement.count, statement.digest}});
    case SyncState::kInSync:
      if (!wasOut) return;
      return notices_.notice(
          notice::LocationInSync{nameOf(location), statement.lastSeq, location.count});
    default:
      return;
  }
}

std::optional<LocationDecision> Comparison::decideFullSync(Location& location,
                                                           const LocationStatement& statement,
                                                           StoreBatch& batch) {
  const BuildingPart& part = *location.record.building;
  Building& building = *location.building;
  if (!fullSyncGoesOn({part.incarnation, part.syncId, building.lastSeq}, statement)) {
    abandonBuilding(tree_, location, batch);
    return std::nullopt;
  }
  ++tree_.counters().decisions[static_cast<size_t>(Reason::kSyncContinues)];
  location.sync = SyncState::kDiverged;
  location.reason = Reason::kSyncContinues;
  if (statement.lastSeq > building.lastSeq)
    repair_.expectReplay(location, building.gap, statement.lastSeq);
  repair_.want(location, Reason::kSyncContinues, true);
  notices_.notice(
      notice::FullSyncKept{nameOf(location), building.batchesStored, building.stored.size()});
  return LocationDecision{statement.location, DecisionKind::kSyncing, Reason::kSyncContinues,
                          building.lastSeq + 1};
}

// Changes the location's record and state; its numbering changes when the batch is queued.
void Comparison::carryOut(Location& location, const LocationStatement& statement,
                          const ResumeDecision& decision, bool atRegistration, StoreBatch& batch,
                          Numbering& numbering) {
  LocationRecord& record = location.record;
  LivePart& live = record.live;
  const OwnerId owner = location.worker->owner;
  const auto begin = [&](uint64_t seq) {
    beginGeneration(tree_, location, statement.incarnation, seq, batch);
    numbering.emplace_back(&location, seq);
  };
  const auto diverged = [&] {
    location.sync = SyncState::kDiverged;
    repair_.want(location, decision.reason);
  };
  const auto show = [&] {
    if (!live.hidden && !live.incomplete) return;
    live.hidden = live.incomplete = false;
    tree_.changed(location);
    batch.steps.emplace_back(PutLocation{owner, record});
  };
  switch (decision.action) {
    case ResumeAction::kInSync:
      show();
      location.sync = SyncState::kInSync;
      break;
    case ResumeAction::kCreateEmpty:
      begin(statement.lastSeq);
      location.sync = SyncState::kInSync;
      break;
    case ResumeAction::kCreateReplay:
      begin(0);
      location.sync = SyncState::kReplaying;
      repair_.expectReplay(location, location.gap, statement.lastSeq);
      break;
    case ResumeAction::kCreateUnknown:
      begin(statement.lastSeq);
      diverged();
      break;
    case ResumeAction::kReplay:
      show();
      location.sync = SyncState::kReplaying;
      if (atRegistration) {
        repair_.expectReplay(location, location.gap, statement.lastSeq);
      } else {
        repair_.askReplay(location, location.gap, location.lastSeq + 1, statement.lastSeq);
      }
      break;
    case ResumeAction::kAdopt:
      ++live.stream;
      live.incarnation = statement.incarnation;
      live.baseSeq = statement.lastSeq;
      live.baseCount = location.count;
      live.baseDigest = location.digest;
      live.hidden = live.incomplete = false;
      tree_.changed(location);
      numbering.emplace_back(&location, statement.lastSeq);
      batch.steps.emplace_back(PutLocation{owner, record});
      location.sync = SyncState::kInSync;
      break;
    case ResumeAction::kForget:
      if (decision.reason == Reason::kCleared) ++tree_.counters().clears;
      if (location.count != 0) {
        notices_.notice(
            notice::LocationForgotten{nameOf(location), decision.reason, location.count});
      }
      begin(statement.lastSeq);
      location.sync = SyncState::kInSync;
      break;
    case ResumeAction::kForgetLegacy:
      forgetLegacy(tree_, location, batch);
      numbering.emplace_back(&location, 0);
      diverged();
      break;
    case ResumeAction::kHide:
      if (!live.hidden) {
        live.hidden = true;
        tree_.changed(location);
        batch.steps.emplace_back(PutLocation{owner, record});
        dropPins(location, batch);
      }
      diverged();
      break;
    case ResumeAction::kOutdated:
    case ResumeAction::kFullSync:
      diverged();
      break;
    case ResumeAction::kStayDiverged:
      location.sync = SyncState::kDiverged;
      break;
    case ResumeAction::kIgnore:
      HOLDFAST_CHECK(false, "nothing to carry out");
  }
}

std::optional<LocationDecision> repairUnderWay(const Location& location) {
  LocationDecision decision{location.record.name, DecisionKind::kReplay, location.reason,
                            location.lastSeq + 1};
  switch (location.sync) {
    case SyncState::kInSync:
    case SyncState::kCaughtUp:
      return std::nullopt;
    case SyncState::kReplaying:
      break;
    case SyncState::kDiverged:
      decision.kind = DecisionKind::kDiverged;
      break;
    case SyncState::kSyncing:
      decision.kind = DecisionKind::kSyncing;
      break;
  }
  return decision;
}

}  // namespace holdfast
