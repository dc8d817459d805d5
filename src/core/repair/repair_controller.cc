#include "core/repair/repair_controller.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/notice.h"
#include "core/registry/notice_names.h"
#include "core/registry/pins.h"
#include "core/repair/resume_policy.h"

namespace holdfast {

void abandonBuilding(RegistryTree& tree, Location& location, StoreBatch& batch) {
  if (location.building == nullptr) return;
  ++tree.counters().fullSyncsAbandoned;
  const OwnerId owner = location.worker->owner;
  batch.steps.emplace_back(
      DropGeneration{owner, location.record.id, location.record.building->generation});
  location.record.building.reset();
  batch.steps.emplace_back(PutLocation{owner, location.record});
  tree.dropBuilding(location);
}

void beginGeneration(RegistryTree& tree, Location& location, uint64_t incarnation, uint64_t seq,
                     StoreBatch& batch) {
  abandonBuilding(tree, location, batch);
  dropPins(location, batch);
  LocationRecord& record = location.record;
  const OwnerId owner = location.worker->owner;
  // A location that is new has none yet.
  if (record.live.generation != 0) {
    batch.steps.emplace_back(DropGeneration{owner, record.id, record.live.generation});
    tree.renewHolder(location);
  }
  record.live = {};
  record.live.generation = record.nextGeneration++;
  record.live.incarnation = incarnation;
  record.live.baseSeq = seq;
  tree.changed(location);
  batch.steps.emplace_back(PutLocation{owner, record});
}

void awaitRegistration(Location& location) {
  const LivePart& live = location.record.live;
  const bool whole = !live.hidden && !live.incomplete;
  location.sync = whole ? SyncState::kCaughtUp : SyncState::kDiverged;
  location.reason =
      live.incomplete ? Reason::kReportsLost : (live.hidden ? Reason::kRestarted : Reason::kNone);
}

void forgetLegacy(RegistryTree& tree, Location& location, StoreBatch& batch) {
  beginGeneration(tree, location, kLegacyIncarnation, 0, batch);
  location.sync = SyncState::kDiverged;
  location.reason = Reason::kLegacy;
  location.legacySeq = 0;
}

RepairController::RepairController(RegistryTree& tree, RegistryStore& store, Clock& clock,
                                   NoticeSink& notices, const Options& options)
    : tree_(tree),
      store_(store),
      clock_(clock),
      notices_(notices),
      options_(options),
      tracker_(options.fullSync) {}

void RepairController::askReplay(Location& location, Gap& gap, uint64_t from, uint64_t to) {
  ++tree_.counters().replays;
  allow(gap.replay, to);
  replaying_.insert(location.serial);
  const bool ofBuilding = location.building != nullptr && &location.building->gap == &gap;
  const uint64_t incarnation =
      ofBuilding ? location.record.building->incarnation : location.record.live.incarnation;
  location.worker->link->replay(location.record.name, incarnation, from, to);
}

void RepairController::expectReplay(Location& location, Gap& gap, uint64_t to) {
  allow(gap.replay, to);
  gap.replay.awaitsAnswer = true;
  replaying_.insert(location.serial);
}

void RepairController::allow(Replay& replay, uint64_t to) const {
  const uint64_t now = clock_.steadyMs();
  replay = {.to = to,
            .againMs = now + options_.replayAgainMs,
            .deadlineMs = now + options_.replayTimeoutMs};
}

void RepairController::advanced(Gap& gap, uint64_t seq) {
  if (gap.replay.to == 0) return;
  if (seq >= gap.replay.to) {
    ++tree_.counters().replaysFilled;
    gap.replay = {};
  } else {
    allow(gap.replay, gap.replay.to);
  }
}

bool RepairController::hold(Location& location, Gap& gap, uint64_t expected, const Report& report) {
  if (!gap.held.hold(report.firstSeq, report.operations)) return false;
  ++tree_.counters().reportsHeld;
  const uint64_t first = gap.held.firstSeq();
  if (first > expected && gap.replay.to == 0) askReplay(location, gap, expected, first - 1);
  return true;
}

void RepairController::replayRefused(Location& location, uint64_t incarnation) {
  Building* building = location.building.get();
  if (building != nullptr && building->gap.replay.to != 0 &&
      location.record.building->incarnation == incarnation) {
    replayFailed(location, true, Reason::kGapTooOld);
  } else if (location.gap.replay.to != 0 && location.record.live.incarnation == incarnation) {
    replayFailed(location, false, Reason::kGapTooOld);
  }
}

void RepairController::replayFailed(Location& location, bool ofBuilding, Reason reason) {
  ++tree_.counters().replaysFailed;
  if (reason == Reason::kReplayTimedOut) ++tree_.counters().replaysTimedOut;
  if (!ofBuilding) return diverge(location, reason);
  fail(location,
       {.cause = reason == Reason::kReplayTimedOut ? notice::SyncFailure::kReplayTimedOut
                                                   : notice::SyncFailure::kReplayRefused});
}

void RepairController::diverge(Location& location, Reason reason) {
  location.gap.clear();
  notices_.notice(notice::GapNotFilled{nameOf(location), reason, options_.replayTimeoutMs});
  location.sync = SyncState::kDiverged;
  location.reason = reason;
  ++tree_.counters().decisions[static_cast<size_t>(reason)];
  want(location, reason);
}

void RepairController::want(Location& location, Reason reason, bool atFront) {
  if (!wanted(location) && location.worker->syncsWanted++ == 0) ++workersSyncing_;
  location.syncReason = reason;
  tracker_.want(location.serial, atFront);
}

void RepairController::settle(Location& location) {
  if (!wanted(location)) return;
  tracker_.drop(location.serial);
  if (--location.worker->syncsWanted == 0) --workersSyncing_;
}

void RepairController::settle(Worker& worker) {
  for (const auto& location : worker.locations) {
    settle(*location);
    location->gap.clear();
    if (location->building != nullptr) location->building->gap.clear();
    if (location->sync == SyncState::kSyncing) location->sync = SyncState::kDiverged;
  }
}

void RepairController::started(Location& location) {
  if (!wanted(location)) want(location, Reason::kUnknown);
  tracker_.started(location.serial, clock_.steadyMs());
}

void RepairController::fail(Location& location, notice::FullSyncFailed why) {
  StoreBatch batch;
  abandonBuilding(tree_, location, batch);
  if (!batch.steps.empty()) store_.write(std::move(batch));
  failed(location, std::move(why));
}

void RepairController::failed(Location& location, notice::FullSyncFailed why) {
  ++tree_.counters().fullSyncsFailed;
  if (!wanted(location)) want(location, location.reason);
  why.location = nameOf(location);
  why.replayTimeoutMs = options_.replayTimeoutMs;
  why.failures = tracker_.failed(location.serial, clock_.steadyMs());
  why.backsOff = tracker_.phase(location.serial) == FullSyncTracker::Phase::kBackingOff;
  location.sync = SyncState::kDiverged;
  notices_.notice(why);
  askNext();
}

bool RepairController::askable(uint64_t serial) const {
  const Location* location = tree_.byRef({serial});
  const Worker& worker = *location->worker;
  return worker.session != kNoSession && worker.flow == Flow::kOpen &&
         tree_.ledger().isCommitted(worker.registrationTicket);
}

void RepairController::askNext() {
  if (!store_.health().writable) return;
  const auto mayAsk = [this](uint64_t serial) { return askable(serial); };
  while (const auto serial = tracker_.next(clock_.steadyMs(), mayAsk)) {
    Location& location = *tree_.byRef({*serial});
    ++tree_.counters().fullSyncsAsked;
    // Legacy clients are asked by the answer to their next heartbeat.
    const LocationRecord& record = location.record;
    if (record.live.incarnation == kLegacyIncarnation) continue;
    location.worker->link->startFullSync(record.name, location.syncReason,
                                         record.building ? record.building->syncId : 0);
  }
}

void RepairController::checkReplay(Location& location, Gap& gap, uint64_t nowMs) {
  Replay& replay = gap.replay;
  if (replay.awaitsAnswer) {
    // Until the worker has its answer it does not know from where to go on, and can only refuse.
    if (!tree_.ledger().isCommitted(location.worker->registrationTicket)) {
      allow(replay, replay.to);
      replay.awaitsAnswer = true;
      return;
    }
    replay.awaitsAnswer = false;
  }
  if (replay.to == 0 || nowMs < std::min(replay.againMs, replay.deadlineMs)) return;
  const bool ofBuilding = location.building != nullptr && &location.building->gap == &gap;
  if (nowMs >= replay.deadlineMs) {
    replayFailed(location, ofBuilding, Reason::kReplayTimedOut);
    return;
  }
  const uint64_t deadlineMs = replay.deadlineMs;
  const uint64_t from = (ofBuilding ? location.building->lastSeq : location.lastSeq) + 1;
  askReplay(location, gap, from, replay.to);
  replay.deadlineMs = deadlineMs;
}

void RepairController::checkReplays(uint64_t nowMs) {
  // Asking again and giving up change the set.
  const std::vector<uint64_t> serials(replaying_.begin(), replaying_.end());
  for (const uint64_t serial : serials) {
    Location* const location = tree_.byRef({serial});
    Building* const building = location == nullptr ? nullptr : location->building.get();
    if (location == nullptr ||
        (location->gap.replay.to == 0 && (building == nullptr || building->gap.replay.to == 0))) {
      replaying_.erase(serial);
      continue;
    }
    const Worker& worker = *location->worker;
    if (worker.session == kNoSession || worker.flow != Flow::kOpen) continue;
    checkReplay(*location, location->gap, nowMs);
    if (location->building) checkReplay(*location, location->building->gap, nowMs);
  }
}

void RepairController::tick() {
  if (!store_.health().writable) return;
  const uint64_t now = clock_.steadyMs();
  checkReplays(now);
  for (const uint64_t serial : tracker_.expired(now)) {
    Location& location = *tree_.byRef({serial});
    if (tracker_.phase(serial) == FullSyncTracker::Phase::kAsked) {
      // What an earlier start has brought stays.
      failed(location, {.cause = notice::SyncFailure::kNotStarted});
    } else {
      fail(location, {.cause = notice::SyncFailure::kInactive});
    }
  }
  askNext();
}

double RepairController::globalProgress() const {
  if (tree_.sessions() == 0) return 1;
  return 1 - static_cast<double>(workersSyncing_) / static_cast<double>(tree_.sessions());
}

}  // namespace holdfast
