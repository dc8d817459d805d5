#include "rpc/convert.h"

#include "wire/enums.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

static_assert(sameNumber(schema::SyncState::REPLAYING, SyncState::kReplaying));
static_assert(sameNumber(schema::SyncState::CAUGHT_UP, SyncState::kCaughtUp));
static_assert(sameNumber(schema::SyncState::SYNCING, SyncState::kSyncing));
static_assert(sameNumber(schema::FullSyncInfo::Phase::BACKING_OFF,
                         FullSyncTracker::Phase::kBackingOff));
static_assert(sameNumber(schema::WorkerState::LOST, WorkerState::kLost));
static_assert(sameNumber(schema::WorkerState::RECOVERED, WorkerState::kRecovered));

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
  auto locations = to.initLocations(listSize(worker.locations.size()));
  for (kj::uint i = 0; i < locations.size(); ++i) {
    write(registry, *worker.locations[i], nowMs, locations[i]);
  }
}

}  // namespace holdfast
