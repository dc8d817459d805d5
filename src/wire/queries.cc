#include "wire/queries.h"

#include <string>

#include "wire/counters.h"
#include "wire/endpoints.h"
#include "wire/enums.h"
#include "wire/replica.h"
#include "wire/text.h"

namespace holdfast {

LocationView read(schema::LocationInfo::Reader from) {
  LocationView view;
  view.name = stringOf(from.getName());
  view.sync = enumerantName(from.getSync());
  view.reason = enumerantName(from.getReason());
  view.incarnation = from.getIncarnation();
  view.lastSeq = from.getLastSeq();
  view.committedSeq = from.getCommittedSeq();
  view.count = from.getCount();
  view.digest = {from.getDigest().getA(), from.getDigest().getB()};
  view.hidden = from.getHidden();
  view.journalOperations = from.getJournalOperations();
  return view;
}

std::vector<WorkerView> read(capnp::List<schema::WorkerInfo>::Reader from) {
  std::vector<WorkerView> workers;
  for (const auto info : from) {
    WorkerView& view = workers.emplace_back();
    view.instance = stringOf(info.getInstanceId());
    view.worker = info.getWorkerId();
    view.ip = stringOf(info.getIp());
    view.port = info.getPort();
    view.peerUrl = stringOf(info.getPeerInitUrl());
    view.model = stringOf(info.getModel());
    view.state = enumerantName(info.getState());
    view.registeredWallMs = info.getRegistrationTimeMs();
    view.lastMessageWallMs = info.getLastHeartbeatTimeMs();
    view.run = info.getRun();
    view.attempt = info.getAttempt();
    view.quarantined = stringOf(info.getQuarantined());
    view.drained = info.getDrained();
    view.labels = read(info.getLabels());
    view.load = statedLoad(info.getLoad());
    for (const auto location : info.getLocations()) view.locations.push_back(read(location));
  }
  return workers;
}

std::vector<InstanceView> read(capnp::List<schema::InstanceInfo>::Reader from) {
  std::vector<InstanceView> instances;
  instances.reserve(from.size());
  for (const auto info : from) {
    InstanceView& view = instances.emplace_back();
    view.instance = stringOf(info.getInstanceId());
    view.model = stringOf(info.getModel());
    view.worldSize = info.getWorldSize();
    view.drained = info.getDrained();
    view.hidden = enumerantName(info.getHidden());
    view.endpoint = read(info.getEndpoint());
    view.load = statedLoad(info.getLoad());
    view.createdWallMs = info.getCreatedMs();
    for (const auto rank : info.getRanks()) {
      view.ranks.push_back({.worker = rank.getWorkerId(),
                            .state = enumerantName(rank.getState()),
                            .quarantined = rank.getQuarantined(),
                            .locations = rank.getLocations(),
                            .locationsInSync = rank.getLocationsInSync(),
                            .locationsHidden = rank.getLocationsHidden(),
                            .memberships = rank.getMemberships(),
                            .load = statedLoad(rank.getLoad())});
    }
    view.contradiction = stringOf(info.getContradiction());
    view.missingRanks = stringOf(info.getMissingRanks());
  }
  return instances;
}

std::vector<DivergedView> read(capnp::List<schema::DivergedRetMsg::Diverged>::Reader from) {
  std::vector<DivergedView> diverged;
  for (const auto location : from) {
    diverged.push_back(
        {stringOf(location.getInstanceId()), location.getWorkerId(), read(location.getInfo())});
  }
  return diverged;
}

ControllerStatus read(schema::StatusRetMsg::Reader from) {
  ControllerStatus status;
  status.version = stringOf(from.getVersion());
  status.clusterId = stringOf(from.getClusterId());
  status.uptimeMs = from.getUptimeMs();
  status.instances = from.getInstances();
  status.instancesDrained = from.getInstancesDrained();
  status.workersActive = from.getWorkersActive();
  status.workersLost = from.getWorkersLost();
  status.workersRecovered = from.getWorkersRecovered();
  status.workersQuarantined = from.getWorkersQuarantined();
  status.locations = from.getLocations();
  status.locationsInSync = from.getLocationsInSync();
  status.locationsCaughtUp = from.getLocationsCaughtUp();
  status.locationsReplaying = from.getLocationsReplaying();
  status.locationsDiverged = from.getLocationsDiverged();
  status.locationsSyncing = from.getLocationsSyncing();
  status.locationsHidden = from.getLocationsHidden();
  status.fullSyncsRunning = from.getFullSyncsRunning();
  status.fullSyncsQueued = from.getFullSyncsQueued();
  status.chunks = from.getChunks();
  status.memberships = from.getMemberships();
  status.indexBytes = from.getIndexBytes();
  status.residentBytes = from.getResidentBytes();
  status.diskBytes = from.getDiskBytes();
  status.storeWritable = from.getStoreWritable();
  status.storeReason = stringOf(from.getStoreReason());
  status.storeQueueBytes = from.getStoreQueueBytes();
  status.contentDigest = stringOf(from.getContentDigest());
  status.registryDigest = stringOf(from.getRegistryDigest());
  status.committed = from.getCommitted();
  status.counters = read(from.getCounters());
  const auto lookups = from.getLookups();
  status.lookupCount = lookups.getCount();
  status.lookupP50Us = lookups.getP50Us();
  status.lookupP99Us = lookups.getP99Us();
  status.lookupP999Us = lookups.getP999Us();
  status.lookupMaxUs = lookups.getMaxUs();
  status.lookupWindowP99Us = from.getLookupWindow().getP99Us();
  status.lookupWindowMaxUs = from.getLookupWindow().getMaxUs();
  status.recoveryMs = from.getRecoveryMs();
  status.recoveredInstances = from.getRecoveredInstances();
  status.recoveredWorkers = from.getRecoveredWorkers();
  status.recoveredChunks = from.getRecoveredChunks();
  status.connections = from.getConnections();
  status.replica = read(from.getReplica());
  status.auth = stringOf(from.getAuth());
  return status;
}

}  // namespace holdfast
