#include "model_controller.h"

#include <algorithm>
#include <optional>

#include "core/resume_policy.h"

namespace holdfast {

KeyDigest ModelLocation::digest() const {
  KeyDigest digest;
  for (const ChunkHash key : keys) digest.add(key);
  return digest;
}

void ModelLocation::begin(uint64_t newIncarnation, uint64_t seq, std::set<ChunkHash> content) {
  incarnation = newIncarnation;
  baseSeq = seq;
  baseKeys = keys = std::move(content);
  log.clear();
  diverged = false;
}

void ModelLocation::loseTail(size_t n) {
  log.resize(log.size() - std::min(n, log.size()));
  keys = baseKeys;
  for (const auto& [key, evict] : log) {
    if (evict) {
      keys.erase(key);
    } else {
      keys.insert(key);
    }
  }
}

std::vector<LocationDecision> ModelController::registerWorker(
    const std::vector<LocationStatement>& statements, const FullSync& fullSync) {
  std::vector<LocationDecision> decisions;
  for (const LocationStatement& statement : statements) {
    std::optional<HeldState> held;
    if (const auto found = locations.find(statement.location); found != locations.end()) {
      const ModelLocation& of = found->second;
      held = HeldState{of.incarnation, of.seq(), of.keys.size(), of.digest()};
    }
    ModelLocation& location = locations[statement.location];
    location.paused = false;
    const ResumeDecision resume = decideResume(held, statement, true);
    DecisionKind kind = DecisionKind::kInSync;
    switch (resume.action) {
      case ResumeAction::kIgnore:
      case ResumeAction::kInSync:
        location.diverged = false;
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
      case ResumeAction::kCreateUnknown:
      case ResumeAction::kHide:
      case ResumeAction::kFullSync:
        kind = DecisionKind::kDiverged;
        if (fullSync) {
          const std::vector<ChunkHash> keys = fullSync(statement.location);
          location.begin(statement.incarnation, statement.lastSeq, {keys.begin(), keys.end()});
        } else {
          location.diverged = true;
        }
    }
    const uint64_t nextSeq =
        location.incarnation == statement.incarnation ? location.seq() + 1 : statement.lastSeq + 1;
    decisions.push_back({statement.location, kind, resume.reason, nextSeq});
  }
  return decisions;
}

ReportOutcome ModelController::report(const Report& report) {
  const auto found = locations.find(report.location);
  if (found == locations.end()) return ReportOutcome::kDropped;
  ModelLocation& location = found->second;
  if (location.paused) return ReportOutcome::kRefused;
  if (location.incarnation != report.incarnation) return ReportOutcome::kDropped;
  if (report.firstSeq > location.seq() + 1) {
    ++location.gaps;
    return ReportOutcome::kGap;
  }
  const size_t known =
      std::min<uint64_t>(location.seq() + 1 - report.firstSeq, report.operations.size());
  location.retransmitted += known;
  for (size_t i = known; i < report.operations.size(); ++i) {
    const ChunkHash key = report.operations.keys[i];
    const bool evict = report.operations.evicts.test(i);
    location.log.emplace_back(key, evict);
    if (evict) {
      location.keys.erase(key);
    } else {
      location.keys.insert(key);
    }
  }
  return known == report.operations.size() ? ReportOutcome::kRetransmission
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

std::vector<CommittedSeq> ModelController::committed() const {
  std::vector<CommittedSeq> all;
  for (const auto& [name, location] : locations) {
    all.push_back({name, location.incarnation, location.seq()});
  }
  return all;
}

}  // namespace holdfast
