#include "rpc/convert.h"

#include <string>

namespace holdfast {
namespace {

constexpr bool sameOrder(schema::Reason wire, Reason core) {
  return static_cast<size_t>(wire) == static_cast<size_t>(core);
}
// Enumerations are cast below: the schema and core list them in the same order.
static_assert(sameOrder(schema::Reason::NONE, Reason::kNone));
static_assert(sameOrder(schema::Reason::WORKER_ROLLED_BACK, Reason::kWorkerRolledBack));
static_assert(sameOrder(schema::Reason::NOT_STATED, Reason::kNotStated));
static_assert(static_cast<size_t>(schema::Reason::RUN_REPEATED) + 1 == kReasons);
static_assert(static_cast<int>(schema::SyncState::REPLAYING) ==
              static_cast<int>(SyncState::kReplaying));
static_assert(static_cast<int>(schema::SyncState::CAUGHT_UP) ==
              static_cast<int>(SyncState::kCaughtUp));
static_assert(static_cast<int>(schema::SyncState::SYNCING) ==
              static_cast<int>(SyncState::kSyncing));
static_assert(static_cast<int>(schema::FullSyncInfo::Phase::BACKING_OFF) ==
              static_cast<int>(FullSyncTracker::Phase::kBackingOff));
static_assert(static_cast<int>(schema::WorkerState::LOST) == static_cast<int>(WorkerState::kLost));
static_assert(static_cast<int>(schema::WorkerState::RECOVERED) ==
              static_cast<int>(WorkerState::kRecovered));
static_assert(static_cast<int>(schema::DecisionKind::REPLAY) ==
              static_cast<int>(DecisionKind::kReplay));
static_assert(static_cast<int>(schema::DecisionKind::DIVERGED) ==
              static_cast<int>(DecisionKind::kDiverged));
static_assert(static_cast<int>(schema::DecisionKind::SYNCING) ==
              static_cast<int>(DecisionKind::kSyncing));
static_assert(static_cast<int>(schema::HashAlgorithm::SHA256_CBOR64BIT) ==
              static_cast<int>(HashAlgorithm::sha256Cbor64));

}  // namespace

kj::Exception wireError(const Error& error) {
  const char* kind = "";
  auto type = kj::Exception::Type::FAILED;
  switch (error.code) {
    case ErrorCode::kInvalid:
      kind = "invalid: ";
      break;
    case ErrorCode::kRefused:
      kind = "refused: ";
      break;
    case ErrorCode::kSuperseded:
      kind = "superseded: ";
      break;
    case ErrorCode::kUnavailable:
      kind = "unavailable: ";
      type = kj::Exception::Type::OVERLOADED;
      break;
    case ErrorCode::kNotFound:
      kind = "unknown: ";
      break;
  }
  return {type, __FILE__, __LINE__, kj::str(kind, error.message.c_str())};
}

void write(const HashSettings& settings, schema::HashSettings::Builder to) {
  to.setChunkSize(settings.chunkSize);
  to.setAlgorithm(static_cast<schema::HashAlgorithm>(settings.algorithm));
  to.setNoneHash(settings.noneHash);
  to.setSaveUnfullChunk(settings.saveUnfullChunk);
}

HashSettings read(schema::HashSettings::Reader from) {
  return {.chunkSize = from.getChunkSize(),
          .algorithm = static_cast<HashAlgorithm>(from.getAlgorithm()),
          .noneHash = from.getNoneHash(),
          .saveUnfullChunk = from.getSaveUnfullChunk()};
}

void write(const std::vector<LocationDecision>& decisions,
           capnp::List<schema::LocationDecision>::Builder to) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    const LocationDecision& decision = decisions[i];
    auto one = to[i];
    one.setLocation(textOf(decision.location));
    one.setKind(static_cast<schema::DecisionKind>(decision.kind));
    one.setReason(static_cast<schema::Reason>(decision.reason));
    one.setNextSeq(decision.nextSeq);
  }
}

void write(uint64_t syncId, const FullSyncStatus& status,
           schema::FullSyncStatusRetMsg::Builder to) {
  to.setSyncId(syncId);
  to.setIsComplete(status.complete);
  to.setGlobalProgress(status.globalProgress);
  to.setCanExitFreeze(status.canExitFreeze);
  to.setMissingBatches(kj::arrayPtr(status.missing.data(), status.missing.size()));
  to.setIsKnown(status.known);
}

void write(const HeartbeatOutcome& outcome, schema::HeartbeatRetMsg::Builder to) {
  auto committed = to.initCommitted(static_cast<kj::uint>(outcome.committed.size()));
  for (kj::uint i = 0; i < committed.size(); ++i) {
    committed[i].setLocation(textOf(outcome.committed[i].location));
    committed[i].setIncarnation(outcome.committed[i].incarnation);
    committed[i].setSeq(outcome.committed[i].seq);
  }
  write(outcome.decisions, to.initDecisions(static_cast<kj::uint>(outcome.decisions.size())));
  auto commands = to.initCommands(static_cast<kj::uint>(outcome.commands.size()));
  for (kj::uint i = 0; i < commands.size(); ++i) {
    commands[i].setLocation(textOf(outcome.commands[i].first));
    commands[i].setReason(textOf(reasonName(outcome.commands[i].second)));
  }
}

namespace {

void write(const FullSyncTracker& tracker, const Location& location, uint64_t nowMs,
           schema::FullSyncInfo::Builder to) {
  const FullSyncTracker::Phase phase = tracker.phase(location.serial);
  to.setPhase(static_cast<schema::FullSyncInfo::Phase>(phase));
  to.setFailures(tracker.failures(location.serial));
  if (phase == FullSyncTracker::Phase::kQueued) {
    to.setQueuePosition(tracker.queuePosition(location.serial));
  }
  if (location.building == nullptr) return;
  const Building& building = *location.building;
  const uint64_t total = location.record.building->totalKeys;
  to.setBatchCount(static_cast<uint32_t>(building.stored.size()));
  to.setBatchesStored(building.batchesStored);
  to.setTotalKeys(total);
  to.setKeysStored(building.keysStored);
  if (phase != FullSyncTracker::Phase::kRunning) return;
  const uint64_t runningMs = nowMs - building.startedMs;
  const uint64_t sinceStart = building.keysStored - building.keysAtStart;
  to.setRunningMs(runningMs);
  if (sinceStart != 0) {
    to.setRemainingMs(static_cast<uint64_t>(static_cast<double>(runningMs) *
                                            static_cast<double>(total - building.keysStored) /
                                            static_cast<double>(sinceStart)));
  }
}

}  // namespace

void write(const Registry& registry, Location& location, uint64_t nowMs,
           schema::LocationInfo::Builder to) {
  to.setName(textOf(location.record.name));
  to.setSync(static_cast<schema::SyncState>(location.sync));
  to.setReason(static_cast<schema::Reason>(location.reason));
  to.setIncarnation(location.record.live.incarnation);
  to.setLastSeq(location.lastSeq);
  to.setCommittedSeq(registry.tree().committedSeq(location));
  to.setCount(location.count);
  to.getDigest().setA(location.digest.a);
  to.getDigest().setB(location.digest.b);
  to.setHidden(location.record.live.hidden);
  to.setPins(location.pins == nullptr ? 0 : location.pins->size());
  to.setJournalOperations(location.journalOperations);
  to.setHeldOperations(location.gap.held.operations() +
                       (location.building ? location.building->gap.held.operations() +
                                                location.building->pending.operations()
                                          : 0));
  write(registry.repair().tracker(), location, nowMs, to.initFullSync());
}

void write(const Registry& registry, const Worker& worker, uint64_t nowMs,
           schema::WorkerInfo::Builder to) {
  const RegistryTree& tree = registry.tree();
  const WorkerRecord& record = worker.record;
  to.setInstanceId(textOf(record.instance));
  to.setWorkerId(record.worker);
  to.setIp(textOf(record.ip));
  to.setPort(record.port);
  to.setPeerInitUrl(textOf(record.peerUrl));
  to.setModel(textOf(record.model.empty() ? tree.defaultModel() : record.model));
  to.setState(static_cast<schema::WorkerState>(record.state));
  to.setRegistrationTimeMs(record.registeredWallMs);
  to.setLastHeartbeatTimeMs(worker.lastSeenWallMs);
  to.setRun(record.run);
  to.setAttempt(record.attempt);
  to.setQuarantined(textOf(worker.quarantined));
  to.setWorldSize(record.worldSize);
  to.setDrained(worker.instance->record.drained);
  auto locations = to.initLocations(static_cast<kj::uint>(worker.locations.size()));
  for (kj::uint i = 0; i < locations.size(); ++i) {
    write(registry, *worker.locations[i], nowMs, locations[i]);
  }
}

}  // namespace holdfast
