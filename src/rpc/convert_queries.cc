#include "rpc/convert_queries.h"

#include "wire/counters.h"
#include "wire/endpoints.h"
#include "wire/enums.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

// Enumerations are cast below: the schema and core list them in the same order.
static_assert(sameNumber(schema::SyncState::REPLAYING, SyncState::kReplaying));
static_assert(sameNumber(schema::SyncState::CAUGHT_UP, SyncState::kCaughtUp));
static_assert(sameNumber(schema::SyncState::SYNCING, SyncState::kSyncing));
static_assert(sameNumber(schema::FullSyncInfo::Phase::BACKING_OFF,
                         FullSyncTracker::Phase::kBackingOff));
static_assert(sameNumber(schema::InstanceHidden::DRAINED, queries::InstanceHidden::kDrained));
static_assert(sameNumber(schema::InstanceHidden::DIVERGED, queries::InstanceHidden::kDiverged));
static_assert(sameNumber(schema::WorkerState::LOST, WorkerState::kLost));
static_assert(sameNumber(schema::WorkerState::RECOVERED, WorkerState::kRecovered));

void write(const queries::FullSyncView& sync, schema::FullSyncInfo::Builder to) {
  to.setPhase(static_cast<schema::FullSyncInfo::Phase>(sync.phase));
  to.setFailures(sync.failures);
  to.setQueuePosition(sync.queuePosition);
  to.setBatchCount(sync.batchCount);
  to.setBatchesStored(sync.batchesStored);
  to.setTotalKeys(sync.totalKeys);
  to.setKeysStored(sync.keysStored);
  to.setRunningMs(sync.runningMs);
  to.setRemainingMs(sync.remainingMs);
}

}  // namespace

void write(const queries::Status& status, schema::StatusRetMsg::Builder to) {
  to.setInstances(status.instances);
  to.setInstancesContradicting(status.instancesContradicting);
  to.setInstancesDrained(status.instancesDrained);
  to.setWorkersActive(status.workersActive);
  to.setWorkersLost(status.workersLost);
  to.setWorkersRecovered(status.workersRecovered);
  to.setWorkersQuarantined(status.workersQuarantined);
  to.setLocations(status.locations);
  to.setLocationsInSync(status.locationsIn(SyncState::kInSync));
  to.setLocationsCaughtUp(status.locationsIn(SyncState::kCaughtUp));
  to.setLocationsDiverged(status.locationsIn(SyncState::kDiverged));
  to.setLocationsReplaying(status.locationsIn(SyncState::kReplaying));
  to.setLocationsSyncing(status.locationsIn(SyncState::kSyncing));
  to.setLocationsHidden(status.locationsHidden);
  to.setChunks(status.chunks);
  to.setMemberships(status.memberships);
  to.setIndexBytes(status.indexBytes);
  to.setPins(status.pins);
  to.setFullSyncsRunning(status.fullSyncsRunning);
  to.setFullSyncsQueued(status.fullSyncsQueued);
  to.setGlobalProgress(status.globalProgress);
  to.setEventsUnfinished(status.eventsUnfinished);
  to.setEventsFinished(status.eventsFinished);
  to.setContentDigest(textOf(status.contentDigest.hex()));
  to.setRegistryDigest(textOf(status.registryDigest.hex()));
  to.setCommitted(status.committed);
  const auto counters = named(status.counters);
  auto list = to.initCounters(static_cast<kj::uint>(counters.size()));
  for (kj::uint i = 0; i < list.size(); ++i) {
    list[i].setName(textOf(counters[i].first));
    list[i].setValue(counters[i].second);
  }
  auto limits = to.initLimits(static_cast<kj::uint>(status.limits.size()));
  for (kj::uint i = 0; i < limits.size(); ++i) {
    limits[i].setName(textOf(limitName(status.limits[i].limit)));
    limits[i].setUsed(status.limits[i].used);
    limits[i].setMax(status.limits[i].max);
  }
}

void write(const queries::LocationView& location, schema::LocationInfo::Builder to) {
  to.setName(textOf(location.name));
  to.setSync(static_cast<schema::SyncState>(location.sync));
  to.setReason(static_cast<schema::Reason>(location.reason));
  to.setIncarnation(location.incarnation);
  to.setLastSeq(location.lastSeq);
  to.setCommittedSeq(location.committedSeq);
  to.setCount(location.count);
  to.getDigest().setA(location.digest.a);
  to.getDigest().setB(location.digest.b);
  to.setHidden(location.hidden);
  to.setPins(location.pins);
  to.setJournalOperations(location.journalOperations);
  to.setHeldOperations(location.heldOperations);
  write(location.fullSync, to.initFullSync());
}

void write(const queries::WorkerView& worker, schema::WorkerInfo::Builder to) {
  to.setInstanceId(textOf(worker.instance));
  to.setWorkerId(worker.worker);
  to.setIp(textOf(worker.ip));
  to.setPort(worker.port);
  to.setPeerInitUrl(textOf(worker.peerUrl));
  to.setModel(textOf(worker.model));
  to.setState(static_cast<schema::WorkerState>(worker.state));
  to.setRegistrationTimeMs(worker.registeredWallMs);
  to.setLastHeartbeatTimeMs(worker.lastSeenWallMs);
  to.setRun(worker.run);
  to.setAttempt(worker.attempt);
  to.setQuarantined(textOf(worker.quarantined));
  to.setWorldSize(worker.worldSize);
  to.setDrained(worker.drained);
  to.setLoad(worker.load);
  if (!worker.labels.empty()) write(worker.labels, to.initLabels(listSize(worker.labels.size())));
  if (!worker.contradiction.empty()) to.setContradiction(textOf(worker.contradiction));
  auto locations = to.initLocations(static_cast<kj::uint>(worker.locations.size()));
  for (kj::uint i = 0; i < locations.size(); ++i) write(worker.locations[i], locations[i]);
}

void write(const queries::InstanceView& instance, schema::InstanceInfo::Builder to) {
  to.setInstanceId(textOf(instance.instance));
  to.setModel(textOf(instance.model));
  to.setWorldSize(instance.worldSize);
  to.setDrained(instance.drained);
  to.setHidden(static_cast<schema::InstanceHidden>(instance.hidden));
  if (!instance.endpoint().empty()) write(instance.endpoint(), to.initEndpoint());
  to.setLoad(instance.load);
  to.setCreatedMs(instance.createdWallMs);
  if (!instance.contradiction.empty()) to.setContradiction(textOf(instance.contradiction));
  if (!instance.missingRanks.empty()) to.setMissingRanks(textOf(instance.missingRanks));
  auto ranks = to.initRanks(listSize(instance.ranks.size()));
  for (kj::uint i = 0; i < ranks.size(); ++i) {
    const queries::RankView& from = instance.ranks[i];
    auto rank = ranks[i];
    rank.setWorkerId(from.worker);
    rank.setState(static_cast<schema::WorkerState>(from.state));
    rank.setQuarantined(from.quarantined);
    rank.setLocations(from.locations);
    rank.setLocationsInSync(from.locationsInSync);
    rank.setLocationsHidden(from.locationsHidden);
    rank.setMemberships(from.memberships);
    rank.setLoad(from.load);
  }
}

void write(const queries::DivergedView& diverged, schema::DivergedRetMsg::Diverged::Builder to) {
  to.setInstanceId(textOf(diverged.instance));
  to.setWorkerId(diverged.worker);
  write(diverged.location, to.initInfo());
}

void write(const queries::PinView& pin, schema::PinsRetMsg::Entry::Builder to) {
  to.setInstanceId(textOf(pin.instance));
  to.setWorkerId(pin.worker);
  to.setLocation(textOf(pin.location));
  to.setEventId(textOf(pin.eventId));
  to.setPinnedMs(pin.pinnedWallMs);
  to.setExpiresMs(pin.expiresWallMs);
  to.setChunks(pin.chunks);
  if (!pin.hashes.empty()) to.setHashes(kj::arrayPtr(pin.hashes.data(), pin.hashes.size()));
}

}  // namespace holdfast
