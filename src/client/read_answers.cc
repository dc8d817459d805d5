#include "client/read_answers.h"

#include <capnp/schema.h>

#include "client/wire.h"

namespace holdfast {
namespace {

// The schema's own name of an enumerant; of one from a newer controller, its number.
template <typename E>
std::string enumerantName(E value) {
  const auto enumerants = capnp::Schema::from<E>().getEnumerants();
  const auto number = static_cast<unsigned>(value);
  if (number >= enumerants.size()) return std::to_string(number);
  return toString(enumerants[number].getProto().getName());
}

LocationView readLocation(schema::LocationInfo::Reader from) {
  LocationView view;
  view.name = toString(from.getName());
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

}  // namespace

LookupAnswer readLookup(schema::LookupRetMsg::Reader from) {
  LookupAnswer answer;
  for (const auto layout : from.getLayoutInfo()) {
    InstanceLayout& out = answer.layouts.emplace_back();
    out.instance = toString(layout.getInstanceId());
    out.location = toString(layout.getLocation());
    out.matchedEnd = layout.getMatchedEnd();
    out.allRanksEnd = layout.getAllRanksEnd();
    out.matchedChunks = layout.getMatchedChunks();
    out.allRanksChunks = layout.getAllRanksChunks();
    out.pinnedEnd = layout.getPinnedEnd();
    out.pinnedChunks = layout.getPinnedChunks();
    out.unconfirmed = layout.getUnconfirmed();
    for (const auto hits : layout.getHits()) {
      out.hits.emplace_back(toString(hits.getLocation()), hits.getChunks());
    }
  }
  answer.message = toString(from.getMessage());
  return answer;
}

std::vector<WorkerView> readWorkers(capnp::List<schema::WorkerInfo>::Reader from) {
  std::vector<WorkerView> workers;
  for (const auto info : from) {
    WorkerView& view = workers.emplace_back();
    view.instance = toString(info.getInstanceId());
    view.worker = info.getWorkerId();
    view.ip = toString(info.getIp());
    view.port = info.getPort();
    view.peerUrl = toString(info.getPeerInitUrl());
    view.model = toString(info.getModel());
    view.state = enumerantName(info.getState());
    view.registeredWallMs = info.getRegistrationTimeMs();
    view.lastMessageWallMs = info.getLastHeartbeatTimeMs();
    view.run = info.getRun();
    view.attempt = info.getAttempt();
    view.quarantined = toString(info.getQuarantined());
    for (const auto location : info.getLocations())
      view.locations.push_back(readLocation(location));
  }
  return workers;
}

std::vector<DivergedView> readDiverged(capnp::List<schema::DivergedRetMsg::Diverged>::Reader from) {
  std::vector<DivergedView> diverged;
  for (const auto location : from) {
    diverged.push_back({toString(location.getInstanceId()), location.getWorkerId(),
                        readLocation(location.getInfo())});
  }
  return diverged;
}

ControllerStatus readStatus(schema::StatusRetMsg::Reader from) {
  ControllerStatus status;
  status.version = toString(from.getVersion());
  status.clusterId = toString(from.getClusterId());
  status.uptimeMs = from.getUptimeMs();
  status.instances = from.getInstances();
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
  status.fullSyncsRunning = from.getFullSyncsRunning();
  status.fullSyncsQueued = from.getFullSyncsQueued();
  status.chunks = from.getChunks();
  status.memberships = from.getMemberships();
  status.indexBytes = from.getIndexBytes();
  status.residentBytes = from.getResidentBytes();
  status.diskBytes = from.getDiskBytes();
  status.storeWritable = from.getStoreWritable();
  status.storeReason = toString(from.getStoreReason());
  status.storeQueueBytes = from.getStoreQueueBytes();
  status.contentDigest = toString(from.getContentDigest());
  status.registryDigest = toString(from.getRegistryDigest());
  status.committed = from.getCommitted();
  for (const auto counter : from.getCounters()) {
    status.counters.emplace_back(toString(counter.getName()), counter.getValue());
  }
  const auto lookups = from.getLookups();
  status.lookupCount = lookups.getCount();
  status.lookupP50Us = lookups.getP50Us();
  status.lookupP99Us = lookups.getP99Us();
  status.lookupP999Us = lookups.getP999Us();
  status.lookupMaxUs = lookups.getMaxUs();
  status.lookupWindowP99Us = from.getLookupWindow().getP99Us();
  status.recoveryMs = from.getRecoveryMs();
  status.recoveredInstances = from.getRecoveredInstances();
  status.recoveredWorkers = from.getRecoveredWorkers();
  status.recoveredChunks = from.getRecoveredChunks();
  status.connections = from.getConnections();
  return status;
}

}  // namespace holdfast
