#include "model_controller.h"

#include <algorithm>

#include "core/repair/resume_policy.h"

namespace holdfast {

namespace {

KeyDigest digestOf(const std::set<ChunkHash>& keys) {
  KeyDigest digest;
  for (const ChunkHash key : keys) digest.add(key);
  return digest;
}

void applyAll(std::set<ChunkHash>& keys, const std::vector<std::pair<ChunkHash, bool>>& log) {
  for (const auto& [key, evict] : log) {
    if (evict) {
      keys.erase(key);
    } else {
      keys.insert(key);
    }
  }
}

}  // namespace

KeyDigest ModelLocation::digest() const {
  return digestOf(keys);
}

std::vector<uint32_t> ModelSync::missing() const {
  std::vector<uint32_t> numbers;
  for (uint32_t i = 0; i < start.batchCount; ++i) {
    if (!batches.contains(i)) numbers.push_back(i);
  }
  return numbers;
}

void ModelLocation::begin(uint64_t newIncarnation, uint64_t seq, std::set<ChunkHash> content) {
  incarnation = newIncarnation;
  baseSeq = seq;
  baseKeys = keys = std::move(content);
  log.clear();
  diverged = false;
  sync.reset();
}

void ModelLocation::loseTail(size_t n) {
  log.resize(log.size() - std::min(n, log.size()));
  keys = baseKeys;
  applyAll(keys, log);
}

std::vector<LocationDecision> ModelController::registerWorker(
    const std::vector<LocationStatement>& statements) {
  std::vector<LocationDecision> decisions;
  for (const LocationStatement& statement : statements) {
    std::optional<HeldState> held;
    if (const auto found = locations.find(statement.location); found != locations.end()) {
      const ModelLocation& of = found->second;
      held = HeldState{of.incarnation, of.seq(), of.keys.size(), of.digest()};
    }
    ModelLocation& location = locations[statement.location];
    location.paused = false;
    if (const auto& sync = location.sync) {
      if (sync->start.incarnation == statement.incarnation &&
          sync->start.syncId == statement.syncId && sync->seq() <= statement.lastSeq &&
          statement.replayableFrom <= sync->seq() + 1) {
        decisions.push_back(
            {statement.location, DecisionKind::kSyncing, Reason::kSyncContinues, sync->seq() + 1});
        continue;
      }
      location.sync.reset();
    }
    const ResumeDecision resume = decideResume(held, statement, true, true);
    DecisionKind kind = DecisionKind::kInSync;
    location.diverged = false;
    switch (resume.action) {
      case ResumeAction::kIgnore:
      case ResumeAction::kInSync:
        break;
      case ResumeAction::kCreateEmpty:
      case ResumeAction::kForget:
        location.begin(statement.incarnation, statement.lastSeq, {});
        break;
      case ResumeAction::kAdopt:
        location.begin(statement.incarnation, statement.lastSeq, location.keys);
        break;
      case ResumeAction::kCreateReplay:
        kind = DecisionKind::kReplay;
        location.begin(statement.incarnation, 0, {});
        break;
      case ResumeAction::kReplay:
        kind = DecisionKind::kReplay;
        break;
      case ResumeAction::kForgetLegacy:
      case ResumeAction::kCreateUnknown:
      case ResumeAction::kHide:
      case ResumeAction::kOutdated:
      case ResumeAction::kStayDiverged:
      case ResumeAction::kFullSync:
        kind = DecisionKind::kDiverged;
        location.diverged = true;
    }
    const uint64_t nextSeq =
        location.incarnation == statement.incarnation ? location.seq() + 1 : statement.lastSeq + 1;
    decisions.push_back({statement.location, kind, resume.reason, nextSeq});
  }
  return decisions;
}

namespace {

// Appends what is new of the report to a log whose next seq is `expected`. Nothing: there is a gap.
std::optional<size_t> append(const Report& report, uint64_t expected,
                             std::vector<std::pair<ChunkHash, bool>>& log) {
  if (report.firstSeq > expected) return std::nullopt;
  const size_t known = std::min<uint64_t>(expected - report.firstSeq, report.operations.size());
  for (size_t i = known; i < report.operations.size(); ++i) {
    log.emplace_back(report.operations.keys[i], report.operations.evicts.test(i));
  }
  return known;
}

}  // namespace

ReportOutcome ModelController::report(const Report& report) {
  const auto found = locations.find(report.location);
  if (found == locations.end()) return ReportOutcome::kDropped;
  ModelLocation& location = found->second;
  if (location.paused) return ReportOutcome::kRefused;
  std::optional<size_t> known;
  const bool ofLive = location.incarnation == report.incarnation;
  const bool ofSync = location.sync && location.sync->start.incarnation == report.incarnation;
  if (!ofLive && !ofSync) return ReportOutcome::kDropped;
  if (ofLive) {
    const size_t before = location.log.size();
    known = append(report, location.seq() + 1, location.log);
    applyAll(location.keys,
             {location.log.begin() + static_cast<ptrdiff_t>(before), location.log.end()});
  }
  // What the live content misses, or has already, is of no interest while it is replaced.
  if (ofSync) known = append(report, location.sync->seq() + 1, location.sync->log);
  if (!known) {
    ++location.gaps;
    return ReportOutcome::kGap;
  }
  location.retransmitted += *known;
  return *known == report.operations.size() ? ReportOutcome::kRetransmission
                                            : ReportOutcome::kApplied;
}

std::vector<LocationDecision> ModelController::compare(
    const std::vector<LocationStatement>& statements) const {
  std::vector<LocationDecision> decisions;
  for (const LocationStatement& statement : statements) {
    const auto found = locations.find(statement.location);
    if (found == locations.end()) continue;
    const ModelLocation& location = found->second;
    if (location.incarnation == statement.incarnation && location.seq() == statement.lastSeq &&
        location.keys.size() == statement.count && location.digest() == statement.digest) {
      continue;
    }
    decisions.push_back(
        {statement.location, DecisionKind::kDiverged, Reason::kContentDiffers, location.seq() + 1});
  }
  return decisions;
}

void ModelController::takeClears(const std::vector<LocationStatement>& statements, bool always) {
  for (const LocationStatement& statement : statements) {
    const auto found = locations.find(statement.location);
    if (found == locations.end()) continue;
    ModelLocation& location = found->second;
    const bool known = location.incarnation == statement.incarnation ||
                       (location.sync && location.sync->start.incarnation == statement.incarnation);
    if (known || statement.count != 0 || location.paused) continue;
    if (always || !location.diverged) {
      location.begin(statement.incarnation, statement.lastSeq, {});
    }
  }
}

std::vector<CommittedSeq> ModelController::committed() const {
  std::vector<CommittedSeq> all;
  for (const auto& [name, location] : locations) {
    all.push_back({name, location.incarnation, location.seq()});
  }
  return all;
}

std::vector<LocationDecision> ModelController::repairs() const {
  std::vector<LocationDecision> all;
  for (const auto& [name, location] : locations) {
    if (!location.diverged) continue;
    all.push_back({name, location.sync ? DecisionKind::kSyncing : DecisionKind::kDiverged,
                   Reason::kNone, location.seq() + 1});
  }
  return all;
}

std::vector<std::pair<std::string, uint64_t>> ModelController::syncsToAsk() const {
  std::vector<std::pair<std::string, uint64_t>> all;
  for (const auto& [name, location] : locations) {
    if (location.diverged) all.emplace_back(name, location.sync ? location.sync->start.syncId : 0);
  }
  return all;
}

FullSyncStartOutcome ModelController::fullSyncStart(const FullSyncStart& start) {
  const auto found = locations.find(start.location);
  FullSyncStartOutcome outcome;
  if (found == locations.end() || !found->second.diverged) {
    outcome.error = "nobody asked for it";
    return outcome;
  }
  std::optional<ModelSync>& sync = found->second.sync;
  if (!sync || sync->start.incarnation != start.incarnation || sync->start.syncId != start.syncId) {
    sync = ModelSync{.start = start, .batches = {}, .log = {}};
  }
  outcome.accepted = true;
  outcome.missing = sync->missing();
  return outcome;
}

void ModelController::fullSyncBatch(const FullSyncBatch& batch) {
  const auto found = locations.find(batch.location);
  if (found == locations.end() || !found->second.sync) return;
  ModelSync& sync = *found->second.sync;
  if (sync.start.incarnation != batch.incarnation || sync.start.syncId != batch.syncId) return;
  ++batches;
  const std::vector<ChunkHash> keys(batch.keys.begin(), batch.keys.end());
  const auto stored = sync.batches.emplace(batch.number, keys);
  if (stored.second) return;
  ++batchesAgain;
  if (stored.first->second != keys) ++batchesChanged;
}

FullSyncStatus ModelController::fullSyncStatus(std::string_view name, uint64_t incarnation,
                                               uint64_t syncId, bool finish) {
  FullSyncStatus status;
  const auto found = locations.find(name);
  if (found == locations.end()) return status;
  ModelLocation& location = found->second;
  status.complete = status.known = location.completed == std::pair(incarnation, syncId);
  if (!location.sync || location.sync->start.incarnation != incarnation ||
      location.sync->start.syncId != syncId) {
    return status;
  }
  status.known = true;
  status.missing = location.sync->missing();
  if (!status.missing.empty() || !finish) return status;
  const ModelSync sync = *location.sync;
  std::set<ChunkHash> keys;
  for (const auto& [number, batch] : sync.batches) keys.insert(batch.begin(), batch.end());
  if (keys.size() != sync.start.totalKeys || digestOf(keys) != sync.start.digest) {
    location.sync.reset();
    return {};
  }
  location.begin(incarnation, sync.start.baseSeq, std::move(keys));
  location.log = sync.log;
  applyAll(location.keys, location.log);
  location.completed = {incarnation, syncId};
  status.complete = true;
  return status;
}

}  // namespace holdfast
