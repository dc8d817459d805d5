#include "core/registry/kv_controller.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/notice.h"
#include "core/registry/notice_names.h"
#include "core/repair/resume_policy.h"

namespace holdfast {
namespace {

// What a report takes in the store's queue: its keys, its bitmap and a record around them.
size_t queuedBytes(const Operations& operations) {
  return operations.size() * sizeof(ChunkHash) + operations.size() / 8 + 256;
}

std::optional<std::string> invalidReport(const Report& report) {
  const size_t size = report.operations.size();
  if (size == 0) return "a report has at least one operation";
  if (size > kOperationsPerReportMax) {
    return "a report has at most " + std::to_string(kOperationsPerReportMax) + " operations, not " +
           std::to_string(size);
  }
  if (report.firstSeq == 0) return "sequence numbers count from 1, not 0";
  if (report.firstSeq > UINT64_MAX - size) {
    return "sequence number " + std::to_string(report.firstSeq) + " leaves no room for " +
           std::to_string(size) + " operations";
  }
  return std::nullopt;
}

void countLookup(MissReason reason, Counters& counters) {
  switch (reason) {
    case MissReason::kUnsaid:
    case MissReason::kFound:
      return;
    case MissReason::kNoChunk:
      ++counters.lookupMissesNoChunk;
      return;
    case MissReason::kUnknownModel:
      ++counters.lookupMissesUnknownModel;
      return;
    case MissReason::kNotHeld:
      ++counters.lookupMissesNotHeld;
      return;
    case MissReason::kDrained:
      ++counters.lookupMissesHiddenDrained;
      return;
    case MissReason::kLost:
      ++counters.lookupMissesHiddenLost;
      return;
    case MissReason::kDiverged:
      ++counters.lookupMissesHiddenDiverged;
      return;
    case MissReason::kHashingDiffers:
      ++counters.lookupMissesHashingDiffers;
      return;
  }
}

}  // namespace

KvController::KvController(RegistryTree& tree, ChunkIndex& index, RegistryStore& store,
                           Clock& clock, NoticeSink& notices, RepairController& repair,
                           FullSyncController& fullSyncs, Pins& pins, Folding& folding)
    : tree_(tree),
      index_(index),
      store_(store),
      clock_(clock),
      notices_(notices),
      repair_(repair),
      fullSyncs_(fullSyncs),
      pins_(pins),
      folding_(folding),
      lookup_(newLookup()) {
  fullSyncs_.onSwitch([this](Location& location) { folding_.queue(location); });
}

// Any message is a sign of life.
Worker* KvController::heard(SessionId session) {
  Worker* worker = tree_.bySession(session);
  if (worker != nullptr) worker->heard(clock_);
  return worker;
}

Result<ReportOutcome> KvController::handleBatchedKvOperations(SessionId session,
                                                              const Report& report) {
  if (auto bad = invalidReport(report)) return Error{ErrorCode::kInvalid, *bad};
  Counters& counters = tree_.counters();
  ++counters.reports;
  ReportOutcome otherwise{};
  Location* location = taking(session, report.location, report.incarnation,
                              queuedBytes(report.operations), otherwise);
  if (location == nullptr) return otherwise;
  const ReportOutcome outcome = report.incarnation == kLegacyIncarnation
                                    ? takeLegacy(*location, report)
                                    : take(*location, report);
  if (outcome == ReportOutcome::kApplied) ++counters.reportsApplied;
  if (outcome == ReportOutcome::kRetransmission) ++counters.reportsRetransmitted;
  if (outcome == ReportOutcome::kGap) ++counters.reportsGap;
  return outcome;
}

Location* KvController::taking(SessionId session, std::string_view name, uint64_t incarnation,
                               size_t bytes, ReportOutcome& otherwise) {
  Counters& counters = tree_.counters();
  Worker* worker = heard(session);
  Location* location = worker == nullptr ? nullptr : worker->find(name);
  const LocationRecord* record = location == nullptr ? nullptr : &location->record;
  const bool expected =
      record != nullptr && (record->live.incarnation == incarnation ||
                            (record->building && record->building->incarnation == incarnation));
  if (!expected) {
    if (worker == nullptr) {
      ++counters.reportsDropped;
    } else {
      drop(*worker, name, incarnation);
    }
    otherwise = ReportOutcome::kDropped;
    return nullptr;
  }
  if (worker->flow != Flow::kOpen || !store_.health().writable || !store_.hasRoom(bytes)) {
    ++counters.reportsRefused;
    refuse(*worker);
    otherwise = ReportOutcome::kRefused;
    return nullptr;
  }
  return location;
}

void KvController::drop(Worker& worker, std::string_view name, uint64_t incarnation) {
  const Location* location = worker.find(name);
  Counters& counters = tree_.counters();
  ++counters.reportsDropped;
  ++(location == nullptr ? counters.reportsNotStated : counters.reportsOtherIncarnation);
  auto& noticed = worker.droppedNoticed;
  const std::string_view kept = name.substr(0, kLocationNameBytesMax);
  if (noticed.size() == kDroppedNoticesMax ||
      std::find(noticed.begin(), noticed.end(), kept) != noticed.end()) {
    return;
  }
  noticed.emplace_back(kept);
  if (location == nullptr) {
    notices_.notice(
        notice::LocationNotStated{nameOf(worker), std::string(kept), namesOfLocations(worker)});
  } else {
    notices_.notice(notice::IncarnationNotStated{nameOf(*location), incarnation,
                                                 location->record.live.incarnation});
  }
}

void KvController::refuse(Worker& worker) {
  if (worker.flow != Flow::kOpen) return;
  worker.flow = Flow::kPaused;
  const StoreHealth health = store_.health();
  const std::string why = health.writable ? "the store's queue is full" : health.reason;
  notices_.notice(notice::WorkerPaused{nameOf(worker), why});
  worker.link->pause(why);
}

// While a generation is built, what is reported goes into it. The live one of the same incarnation
// takes it too where it continues what it has, so that look-ups do not fall behind; what it misses
// comes with the switch.
ReportOutcome KvController::take(Location& location, const Report& report) {
  const LocationRecord& record = location.record;
  const bool ofBuilding = record.building && record.building->incarnation == report.incarnation;
  const bool ofLive = record.live.incarnation == report.incarnation;
  const uint64_t expected = location.lastSeq + 1;
  const bool continues = ofLive && report.firstSeq <= expected;
  if (continues) {
    const uint64_t known = expected - std::min(report.firstSeq, expected);
    const bool isNew = known < report.operations.size();
    if (isNew) apply(location, report.operations.dropFirst(known), report.position);
    if (!ofBuilding) return isNew ? ReportOutcome::kApplied : ReportOutcome::kRetransmission;
  }
  return ofBuilding ? fullSyncs_.report(location, report) : beyondGap(location, report);
}

ReportOutcome KvController::beyondGap(Location& location, const Report& report) {
  if (repair_.wanted(location)) return ReportOutcome::kGap;
  if (!repair_.hold(location, location.gap, location.lastSeq + 1, report)) {
    repair_.diverge(location, Reason::kHeldOverflow);
    return ReportOutcome::kGap;
  }
  if (location.sync != SyncState::kReplaying) {
    location.sync = SyncState::kReplaying;
    location.reason = Reason::kLiveGap;
    ++tree_.counters().decisions[static_cast<size_t>(Reason::kLiveGap)];
    notices_.notice(notice::GapFound{nameOf(location), location.lastSeq + 1, report.firstSeq});
  }
  return ReportOutcome::kHeld;
}

// A legacy client's numbers are compared with its own last one only, and its operations numbered
// by us: gaps are counted and go unrepaired, numbers below the expected one mean that it began
// anew.
ReportOutcome KvController::takeLegacy(Location& location, const Report& report) {
  const bool first = location.legacySeq == 0;
  if (!first && report.firstSeq <= location.legacySeq) {
    StoreBatch batch;
    repair_.settle(location);
    forgetLegacy(tree_, location, batch);
    const Ticket ticket = store_.write(std::move(batch));
    tree_.restartNumbering(location, 0, ticket);
    tree_.refreshVisibility(*location.worker);
    repair_.want(location, Reason::kLegacy);
  } else if (!first && report.firstSeq > location.legacySeq + 1) {
    ++tree_.counters().reportsGap;
  }
  location.legacySeq = report.firstSeq + report.operations.size() - 1;
  apply(location, report.operations);
  if (location.building == nullptr) return ReportOutcome::kApplied;
  Report ours = report;
  ours.firstSeq = location.building->lastSeq + 1;
  return fullSyncs_.report(location, ours);
}

void KvController::turn(Location& location) {
  size_t done = 0;
  while (done < FullSyncController::kTurnOperations) {
    const auto held = location.gap.held.take(location.lastSeq + 1);
    if (!held) break;
    done += held->operations().size();
    apply(location, held->operations());
  }
  if (location.gap.held.empty()) return;
  const uint64_t first = location.gap.held.firstSeq();
  if (first > location.lastSeq + 1 && location.gap.replay.to == 0) {
    repair_.askReplay(location, location.gap, location.lastSeq + 1, first - 1);
  }
}

bool KvController::work() {
  const bool syncs = fullSyncs_.work();
  if (turns_.empty()) return syncs;
  Location* location = tree_.byRef(turns_.front());
  turns_.pop_front();
  if (location != nullptr) {
    location->turnQueued = false;
    turn(*location);
  }
  return syncs || !turns_.empty();
}

Result<FullSyncStartOutcome> KvController::handleFullSyncStart(SessionId session,
                                                               const FullSyncStart& message) {
  Worker* worker = heard(session);
  if (worker == nullptr) return tree_.sessionNotInForce(session);
  return fullSyncs_.start(*worker, message);
}

Result<bool> KvController::handleFullSyncBatch(SessionId session, const FullSyncBatch& message) {
  Worker* worker = heard(session);
  if (worker == nullptr) return false;
  if (worker->find(message.location) == nullptr) {
    drop(*worker, message.location, message.incarnation);
    return true;
  }
  auto taken = fullSyncs_.batch(*worker, message);
  if (taken.ok() && !taken.value()) refuse(*worker);
  return taken;
}

Result<FullSyncStatus> KvController::handleFullSyncEnd(SessionId session,
                                                       const FullSyncEnd& message) {
  Worker* worker = heard(session);
  if (worker == nullptr) return tree_.sessionNotInForce(session);
  return fullSyncs_.end(*worker, message);
}

Result<FullSyncStatus> KvController::handleFullSyncStatus(SessionId session,
                                                          std::string_view location,
                                                          uint64_t incarnation, uint64_t syncId) {
  Worker* worker = heard(session);
  if (worker == nullptr) return tree_.sessionNotInForce(session);
  return fullSyncs_.status(*worker, location, incarnation, syncId);
}

void KvController::replayRefused(SessionId session, std::string_view name, uint64_t incarnation) {
  Worker* worker = heard(session);
  Location* location = worker == nullptr ? nullptr : worker->find(name);
  if (location != nullptr) repair_.replayRefused(*location, incarnation);
}

void KvController::operationsLost(SessionId session, const OperationsLost& lost) {
  Worker* worker = heard(session);
  Location* location = worker == nullptr ? nullptr : worker->find(lost.location);
  if (location == nullptr) return;
  const LivePart& live = location->record.live;
  if (live.incarnation != lost.incarnation || lost.nextSeq <= location->lastSeq) return;
  // Said again of nothing more that is missing: the worker can make a full sync now.
  if (!live.incomplete || lost.nextSeq != location->lastSeq + 1) lose(*location, lost);
  if (lost.fullSync && !repair_.wanted(*location)) repair_.want(*location, Reason::kReportsLost);
}

void KvController::lose(Location& location, const OperationsLost& lost) {
  LocationRecord& record = location.record;
  LivePart& live = record.live;
  StoreBatch batch;
  repair_.settle(location);
  location.gap.clear();
  abandonBuilding(tree_, location, batch);
  if (lost.hide) dropPins(location, batch);
  notices_.notice(notice::ReportsLost{nameOf(location), location.lastSeq + 1, lost.nextSeq,
                                      live.hidden || lost.hide, lost.fullSync,
                                      location.worker->record.source.has_value()});
  ++live.stream;
  live.incarnation = lost.newIncarnation;
  live.baseSeq = lost.nextSeq - 1;
  live.baseCount = location.count;
  live.baseDigest = location.digest;
  live.hidden |= lost.hide;
  live.incomplete = true;
  batch.steps.emplace_back(PutLocation{location.worker->owner, record});
  const Ticket ticket = store_.write(std::move(batch));
  tree_.restartNumbering(location, live.baseSeq, ticket);
  tree_.refreshVisibility(*location.worker);
  ++tree_.counters().reportsGap;
  ++tree_.counters().decisions[static_cast<size_t>(Reason::kReportsLost)];
  location.sync = SyncState::kDiverged;
  location.reason = Reason::kReportsLost;
}

Result<ReportOutcome> KvController::clear(SessionId session, const Clear& message) {
  if (message.seq == 0) {
    return Error{ErrorCode::kInvalid, "sequence numbers count from 1, not 0"};
  }
  ++tree_.counters().clears;
  ReportOutcome otherwise{};
  Location* location = taking(session, message.location, message.incarnation, 0, otherwise);
  if (location == nullptr) return otherwise;
  const bool ofBuilding =
      location->record.building && location->record.building->incarnation == message.incarnation;
  // A legacy client's numbers are its own; operations of it are numbered here.
  const bool legacy = message.incarnation == kLegacyIncarnation;
  const uint64_t lastSeq = ofBuilding ? location->building->lastSeq : location->lastSeq;
  const uint64_t seq = legacy ? lastSeq + 1 : message.seq;
  if (seq <= lastSeq) return ReportOutcome::kRetransmission;
  Worker& worker = *location->worker;
  StoreBatch batch;
  repair_.settle(*location);
  beginGeneration(tree_, *location, message.incarnation, seq, batch);
  if (message.position) {
    worker.record.position = message.position;
    batch.steps.emplace_back(PutWorker{worker.owner, worker.record});
  }
  const Ticket ticket = store_.write(std::move(batch));
  tree_.restartNumbering(*location, seq, ticket);
  tree_.refreshVisibility(worker);
  if (legacy) location->legacySeq = message.seq;
  location->sync = SyncState::kCaughtUp;
  location->reason = Reason::kNone;
  return ReportOutcome::kApplied;
}

void KvController::apply(Location& location, const Operations& operations,
                         const std::optional<SourcePosition>& position) {
  Worker& worker = *location.worker;
  if (location.pins != nullptr) [[unlikely]]
    pins_.applying(location, operations);
  const ChunkIndex::Change change = index_.apply(location.holder, worker.modelSalt, operations);
  location.count += static_cast<uint64_t>(change.count);
  location.digest += change.digest;
  tree_.changeMemberships(change.count);
  tree_.counters().applied(operations);

  const LivePart& live = location.record.live;
  const uint64_t firstSeq = location.lastSeq + 1;
  const Ticket ticket =
      store_.append({worker.owner, location.record.id, live.generation, live.stream, firstSeq,
                     operations, location.count, location.digest, true, position});
  if (position) worker.record.position = position;
  tree_.wrote(location, firstSeq + operations.size() - 1, ticket);
  location.journalOperations += operations.size();
  Gap& gap = location.gap;
  if (gap.replay.to != 0) {
    tree_.counters().replayedOperations += operations.size();
    repair_.advanced(gap, location.lastSeq);
  }
  const bool waits = gap.replay.to != 0 || !gap.held.empty();
  if (location.sync == SyncState::kInSync || (location.sync == SyncState::kReplaying && !waits)) {
    location.sync = SyncState::kCaughtUp;
  }
  if (!gap.held.empty() && !std::exchange(location.turnQueued, true)) {
    turns_.push_back({location.serial});
  }
  folding_.queue(location);
}

Result<std::span<const LookupMatch>> KvController::lookup(std::string_view model,
                                                          std::span<const ChunkHash> hashes,
                                                          bool withPins) {
  const PromptLookup::Wishes wishes{.withPins = withPins, .spread = tree_.counters().lookups};
  if (auto error = lookup_.begin(model, hashes, wishes)) return *error;
  lookup_.advance(std::numeric_limits<size_t>::max());
  return lookedUp(lookup_);
}

Result<std::span<const PeerMatch>> KvController::batchedP2pLookup(
    SessionId session, std::span<const ChunkHash> hashes) {
  if (auto error = lookup_.beginPeers(session, hashes)) return *error;
  lookup_.advance(std::numeric_limits<size_t>::max());
  if (auto error = lookedUpPeers(session)) return *error;
  return lookup_.peers();
}

std::span<const LookupMatch> KvController::lookedUp(PromptLookup& lookup, MissReason countedAs) {
  Counters& counters = tree_.counters();
  ++counters.lookups;
  const auto matches = lookup.matches();
  counters.lookupChunks += lookup.hashes().size();
  // Best first.
  counters.matchedChunks.record(matches.empty() ? 0 : matches.front().chunks);
  countLookup(countedAs != MissReason::kUnsaid ? countedAs : reasonOf(lookup.miss()), counters);
  return matches;
}

std::optional<Error> KvController::lookedUpPeers(SessionId session) {
  if (heard(session) == nullptr) return tree_.sessionNotInForce(session);
  ++tree_.counters().p2pLookups;
  return std::nullopt;
}

}  // namespace holdfast
