#include "core/repair/full_sync_controller.h"

#include <optional>
#include <string>
#include <utility>

#include "core/notice.h"
#include "core/registry/notice_names.h"
#include "core/repair/resume_policy.h"

namespace holdfast {
namespace {

// What a batch takes in the store's queue.
size_t queuedBytes(const FullSyncBatch& message) {
  return message.keys.size() * sizeof(ChunkHash) + 256;
}

std::optional<std::string> invalidStart(const FullSyncStart& m) {
  if (m.syncId == 0) return "a sync id is a random number, not 0";
  if (m.batchCount > kBatchesPerSyncMax) {
    return "a full sync has at most " + std::to_string(kBatchesPerSyncMax) + " batches, not " +
           std::to_string(m.batchCount);
  }
  if (m.totalKeys < m.batchCount || m.totalKeys > uint64_t{m.batchCount} * kKeysPerSyncBatchMax) {
    return std::to_string(m.totalKeys) + " keys do not make " + std::to_string(m.batchCount) +
           " batches of 1 to " + std::to_string(kKeysPerSyncBatchMax);
  }
  if (m.baseSeq > m.lastSeq) {
    return "base seq " + std::to_string(m.baseSeq) + " is above the last seq, " +
           std::to_string(m.lastSeq);
  }
  if (m.lastSeq == UINT64_MAX) return "lastSeq is over 2^64-2";
  return std::nullopt;
}

std::optional<std::string> invalidBatch(const BuildingPart& part, const FullSyncBatch& m) {
  if (m.number >= part.batchCount) {
    return "batch " + std::to_string(m.number) + " of a full sync of " +
           std::to_string(part.batchCount) + " batches";
  }
  if (m.keys.empty() || m.keys.size() > kKeysPerSyncBatchMax) {
    return "a batch has 1 to " + std::to_string(kKeysPerSyncBatchMax) + " keys, not " +
           std::to_string(m.keys.size());
  }
  return std::nullopt;
}

Error unknownLocation(std::string_view name) {
  return {ErrorCode::kInvalid,
          "location '" + std::string(name) + "' was not stated when this session registered"};
}

bool names(const LocationRecord& record, uint64_t incarnation, uint64_t syncId) {
  return record.building && record.building->incarnation == incarnation &&
         record.building->syncId == syncId;
}

bool sameSync(const BuildingPart& part, const FullSyncStart& m) {
  return part.baseSeq == m.baseSeq && part.batchCount == m.batchCount &&
         part.totalKeys == m.totalKeys && part.digest == m.digest;
}

}  // namespace

FullSyncController::FullSyncController(RegistryTree& tree, ChunkIndex& index, RegistryStore& store,
                                       Clock& clock, NoticeSink& notices, RepairController& repair,
                                       Pins& pins)
    : tree_(tree),
      index_(index),
      store_(store),
      clock_(clock),
      notices_(notices),
      repair_(repair),
      pins_(pins) {}

std::optional<std::string> FullSyncController::whyNot(const Location& location,
                                                      const FullSyncStart& m) const {
  const LocationRecord& record = location.record;
  if (names(record, m.incarnation, m.syncId)) {
    if (!sameSync(*record.building, m)) return "this sync began with another cut";
  } else if (record.building && record.building->incarnation == m.incarnation &&
             repair_.tracker().phase(location.serial) == FullSyncTracker::Phase::kRunning) {
    return "another full sync of this location is running";
  } else if (m.incarnation != kLegacyIncarnation && record.live.incarnation == m.incarnation &&
             m.baseSeq < location.lastSeq && location.syncReason != Reason::kWorkerRolledBack) {
    return "its cut at seq " + std::to_string(m.baseSeq) + " is before what is known, seq " +
           std::to_string(location.lastSeq);
  }
  if (!repair_.mayStart(location)) {
    return std::to_string(repair_.tracker().slotsUsed()) +
           " full syncs are under way; wait to be asked";
  }
  return std::nullopt;
}

Result<FullSyncStartOutcome> FullSyncController::start(Worker& worker, const FullSyncStart& m) {
  Location* location = worker.find(m.location);
  if (location == nullptr) return unknownLocation(m.location);
  if (auto bad = invalidStart(m)) return Error{ErrorCode::kInvalid, *bad};
  const StoreHealth health = store_.health();
  if (!health.writable) return Error{ErrorCode::kUnavailable, health.reason};
  FullSyncStartOutcome outcome;
  if (auto why = whyNot(*location, m)) {
    outcome.error = std::move(*why);
    return outcome;
  }
  outcome.accepted = true;
  const bool goesOn = names(location->record, m.incarnation, m.syncId);
  if (goesOn) {
    ++tree_.counters().fullSyncsResumed;
    outcome.ticket = tree_.ledger().queued();
  } else {
    StoreBatch batch;
    batch.synced = true;
    begin(*location, m, batch);
    outcome.ticket = store_.write(std::move(batch));
  }
  repair_.started(*location);
  location->building->startedMs = clock_.steadyMs();
  location->building->keysAtStart = location->building->keysStored;
  location->sync = SyncState::kSyncing;
  outcome.missing = statusOf(*location).missing;
  notices_.notice(notice::FullSyncBegun{nameOf(*location), goesOn, outcome.missing.size(),
                                        m.batchCount, m.totalKeys});
  finishIfDone(*location);
  return outcome;
}

void FullSyncController::begin(Location& location, const FullSyncStart& m, StoreBatch& batch) {
  ++tree_.counters().fullSyncsStarted;
  abandonBuilding(tree_, location, batch);
  LocationRecord& record = location.record;
  record.building = BuildingPart{.generation = record.nextGeneration++,
                                 .incarnation = m.incarnation,
                                 .syncId = m.syncId,
                                 .baseSeq = m.baseSeq,
                                 .batchCount = m.batchCount,
                                 .totalKeys = m.totalKeys,
                                 .digest = m.digest};
  tree_.addBuilding(location, *record.building);
  // What was behind a gap of the live part comes again, or is part of the cut.
  location.gap.clear();
  batch.steps.emplace_back(PutLocation{location.worker->owner, record});
}

Result<bool> FullSyncController::batch(Worker& worker, const FullSyncBatch& m) {
  Location* location = worker.find(m.location);
  if (location == nullptr) return unknownLocation(m.location);
  if (!names(location->record, m.incarnation, m.syncId)) return true;  // of a sync that is over
  const BuildingPart& part = *location->record.building;
  if (auto bad = invalidBatch(part, m)) return Error{ErrorCode::kInvalid, *bad};
  Building& building = *location->building;
  if (building.stored[m.number]) return true;
  if (!store_.health().writable || !store_.hasRoom(queuedBytes(m))) return false;

  building.addBatch(m.number, m.keys.size(),
                    index_.apply(building.holder, worker.modelSalt, {m.keys, {}}));
  tree_.counters().resyncedKeys += m.keys.size();
  store_.append(BatchRecord{worker.owner, location->record.id, part.generation, m.number, m.keys});
  repair_.active(*location);
  if (building.whole()) queueTurn(*location);
  return true;
}

Result<FullSyncStatus> FullSyncController::end(Worker& worker, const FullSyncEnd& m) {
  Location* location = worker.find(m.location);
  if (location == nullptr) return unknownLocation(m.location);
  if (!names(location->record, m.incarnation, m.syncId)) {
    return status(worker, m.location, m.incarnation, m.syncId);
  }
  const BuildingPart& part = *location->record.building;
  if (m.actualTotalKeys != part.totalKeys) {
    return Error{ErrorCode::kInvalid,
                 "the end of a full sync says " + std::to_string(m.actualTotalKeys) +
                     " keys, its start said " + std::to_string(part.totalKeys)};
  }
  repair_.active(*location);
  location->building->ended = true;
  finishIfDone(*location);
  return status(worker, m.location, m.incarnation, m.syncId);
}

FullSyncStatus FullSyncController::status(Worker& worker, std::string_view name,
                                          uint64_t incarnation, uint64_t syncId) {
  Location* location = worker.find(name);
  FullSyncStatus status;
  if (location != nullptr && names(location->record, incarnation, syncId)) {
    repair_.active(*location);
    status = statusOf(*location);
  } else if (location != nullptr && location->completedSync.syncId == syncId &&
             location->completedSync.incarnation == incarnation) {
    status.known = true;
    status.complete = tree_.ledger().isCommitted(location->completedSync.ticket);
  }
  status.globalProgress = repair_.globalProgress();
  status.canExitFreeze = repair_.canExitFreeze();
  return status;
}

FullSyncStatus FullSyncController::statusOf(Location& location) const {
  FullSyncStatus status;
  status.known = true;
  const std::vector<bool>& stored = location.building->stored;
  for (uint32_t i = 0; i < stored.size(); ++i) {
    if (!stored[i]) status.missing.push_back(i);
  }
  return status;
}

ReportOutcome FullSyncController::report(Location& location, const Report& report) {
  Building& building = *location.building;
  const uint64_t expected = building.lastSeq + 1;
  if (report.firstSeq > expected) {
    if (repair_.hold(location, building.gap, expected, report)) return ReportOutcome::kHeld;
    repair_.fail(location, {.cause = notice::SyncFailure::kGapOverflow});
    return ReportOutcome::kGap;
  }
  const uint64_t known = expected - report.firstSeq;
  if (known >= report.operations.size()) return ReportOutcome::kRetransmission;
  if (!take(location, report.operations.dropFirst(known))) {
    repair_.fail(location, {.cause = notice::SyncFailure::kPendingOverflow});
    return ReportOutcome::kGap;
  }
  queueTurn(location);
  return ReportOutcome::kApplied;
}

bool FullSyncController::take(Location& location, const Operations& operations) {
  Building& building = *location.building;
  const uint64_t firstSeq = building.lastSeq + 1;
  if (!building.pending.hold(firstSeq, operations)) return false;
  // What only the building part hears of is evicted all the same.
  if (location.pins != nullptr) pins_.applying(location, operations);
  store_.append(ReportRecord{.owner = location.worker->owner,
                             .location = location.record.id,
                             .generation = location.record.building->generation,
                             .stream = 0,
                             .firstSeq = firstSeq,
                             .operations = operations,
                             .countAfter = 0,
                             .digestAfter = {},
                             .counted = false});
  building.lastSeq = firstSeq + operations.size() - 1;
  repair_.advanced(building.gap, building.lastSeq);
  return true;
}

void FullSyncController::queueTurn(Location& location) {
  if (std::exchange(location.building->turnQueued, true)) return;
  turns_.push_back({location.serial});
}

bool FullSyncController::work() {
  if (turns_.empty()) return false;
  Location* location = tree_.byRef(turns_.front());
  turns_.pop_front();
  if (location != nullptr && location->building != nullptr) {
    location->building->turnQueued = false;
    if (turn(*location)) queueTurn(*location);
  }
  return !turns_.empty();
}

// Whether another turn has something to do.
bool FullSyncController::turn(Location& location) {
  Building& building = *location.building;
  size_t done = 0;
  while (done < kTurnOperations) {
    const auto held = building.gap.held.take(building.lastSeq + 1);
    if (!held) break;
    if (!take(location, held->operations())) {
      repair_.fail(location, {.cause = notice::SyncFailure::kPendingOverflow});
      return false;
    }
    done += held->operations().size();
  }
  while (building.whole() && done < kTurnOperations) {
    const auto next = building.pending.take(building.appliedSeq + 1);
    if (!next) break;
    const Operations operations = next->operations();
    building.apply(index_.apply(building.holder, location.worker->modelSalt, operations));
    building.appliedSeq += operations.size();
    tree_.counters().applied(operations);
    done += operations.size();
  }
  const Gap& gap = building.gap;
  const bool continues = !gap.held.empty() && gap.held.firstSeq() <= building.lastSeq + 1;
  if (!gap.held.empty() && !continues && gap.replay.to == 0) {
    repair_.askReplay(location, building.gap, building.lastSeq + 1, gap.held.firstSeq() - 1);
  }
  if (continues || (building.whole() && !building.pending.empty())) return true;
  finishIfDone(location);
  return false;
}

void FullSyncController::finishIfDone(Location& location) {
  Building& building = *location.building;
  const BuildingPart& part = *location.record.building;
  if (!building.ended || !building.whole()) return;
  const bool asStated =
      building.keysStored == part.totalKeys && building.cutCount == part.totalKeys &&
      (part.incarnation == kLegacyIncarnation || building.cutDigest == part.digest);
  if (!asStated) {
    ++tree_.counters().digestMismatches;
    repair_.fail(location, {.cause = notice::SyncFailure::kOtherContent,
                            .keys = building.keysStored,
                            .distinct = building.cutCount,
                            .stated = part.totalKeys});
    return;
  }
  // What is still to be applied has a turn coming; what is missing will bring one.
  if (!building.pending.empty() || !building.gap.held.empty() || building.gap.replay.to != 0)
    return;
  switchOver(location);
}

void FullSyncController::switchOver(Location& location) {
  ++tree_.counters().fullSyncsCompleted;
  const BuildingPart part = *location.record.building;
  const uint64_t lastSeq = location.building->lastSeq;
  const KeyDigest cutDigest = location.building->cutDigest;
  LocationRecord& record = location.record;
  const OwnerId owner = location.worker->owner;
  StoreBatch batch;
  batch.synced = true;
  batch.steps.emplace_back(DropGeneration{owner, record.id, record.live.generation});
  record.live = {};
  record.live.generation = part.generation;
  record.live.incarnation = part.incarnation;
  record.live.baseSeq = part.baseSeq;
  record.live.baseCount = part.totalKeys;
  record.live.baseDigest = cutDigest;
  record.building.reset();
  batch.steps.emplace_back(PutLocation{owner, record});
  tree_.switchToBuilding(location);
  pins_.switched(location);
  const Ticket ticket = store_.write(std::move(batch));
  tree_.restartNumbering(location, lastSeq, ticket);
  location.journalOperations = lastSeq - part.baseSeq;
  location.completedSync = {part.incarnation, part.syncId, ticket};
  location.sync = SyncState::kCaughtUp;
  location.reason = Reason::kNone;
  tree_.refreshVisibility(*location.worker);
  repair_.settle(location);
  notices_.notice(notice::FullSyncDone{nameOf(location), location.count, lastSeq});
  onSwitch_(location);
  repair_.askNext();
}

}  // namespace holdfast
