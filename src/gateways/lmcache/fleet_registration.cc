// What core is told of who is there: registrations of processes, and the same again where a session
// is over or a location is new.
#include <algorithm>

#include "core/instance_pattern.h"
#include "gateways/lmcache/fleet.h"

namespace holdfast::lmcache {

const InstanceSettings* Fleet::settingsOf(std::string_view instance, bool model) const {
  const auto found = std::find_if(options_.instances.begin(), options_.instances.end(),
                                  [&](const InstanceSettings& one) {
                                    return (model ? !one.model.empty() : one.worldSize != 0) &&
                                           matchesPattern(one.pattern, instance);
                                  });
  return found == options_.instances.end() ? nullptr : &*found;
}

Registration Fleet::registrationOf(const Inbound& message) const {
  Registration registration;
  registration.instance = message.instance;
  registration.worker = message.worker;
  registration.ip = message.ip;
  registration.port = message.port;
  registration.peerUrl = message.peerUrl;
  registration.takesTokens = true;
  registration.pinSecondsMax = kPinSeconds;
  if (const auto* settings = settingsOf(message.instance, true)) {
    registration.model = settings->model;
  }
  if (const auto* settings = settingsOf(message.instance, false)) {
    registration.worldSize = settings->worldSize;
  }
  return registration;
}

Registration Fleet::registrationOf(const WorkerRecord& record) {
  Registration registration;
  registration.instance = record.instance;
  registration.worker = record.worker;
  registration.ip = record.ip;
  registration.port = record.port;
  registration.peerUrl = record.peerUrl;
  registration.model = record.model;
  registration.worldSize = record.worldSize;
  registration.run = record.run;
  registration.attempt = record.attempt + 1;
  registration.labels = record.labels;
  registration.takesTokens = true;
  registration.pinSecondsMax = kPinSeconds;
  return registration;
}

LocationStatement Fleet::statementOf(const Peer& peer, const Location& location) {
  const auto& building = location.record.building;
  const bool goesOn = building && peer.feeding != 0 && building->syncId == peer.feeding;
  return {.location = location.record.name,
          .incarnation = location.record.live.incarnation,
          .beganEmpty = false,
          .lastSeq = location.lastSeq,
          .count = location.count,
          .digest = location.digest,
          .replayableFrom = location.lastSeq + 1,
          .syncId = goesOn ? peer.feeding : 0};
}

LocationStatement Fleet::emptyStatement(std::string_view name, uint64_t incarnation) {
  LocationStatement statement;
  statement.location = name;
  statement.incarnation = incarnation;
  statement.beganEmpty = true;
  return statement;
}

Fleet::Peer& Fleet::peerOf(const Key& key, const WorkerRecord& record) {
  Peer& peer = peers_[key];
  if (peer.link != nullptr && peer.run == record.run) return peer;
  // The former link is core's until the session of another run is open.
  peer.link = std::make_unique<Link>(makeOrders_(key, record.ip, record.port));
  peer.run = record.run;
  return peer;
}

Result<RegisterOutcome> Fleet::begin(const Key& key, Registration registration) {
  if (registration.run == 0) {
    registration.run = newRun();
    registration.attempt = 1;
  }
  auto link = std::make_unique<Link>(makeOrders_(key, registration.ip, registration.port));
  auto outcome = controller_.take(input::Register{registration, *link});
  if (!outcome.ok()) return outcome.error();
  Peer fresh;
  fresh.link = std::move(link);
  fresh.session = outcome.value().session;
  fresh.run = registration.run;
  peers_[key] = std::move(fresh);
  reset_(key);
  return outcome;
}

Fleet::Peer* Fleet::attached(const Key& key) {
  const auto found = peers_.find(key);
  if (found != peers_.end()) {
    Peer& peer = found->second;
    const Worker* worker = inForce(peer);
    if (worker != nullptr && !peer.link->takeRegisterAgain()) return &peer;
    if (worker != nullptr) return registerAgain(peer, worker->record) ? &peer : nullptr;
  }
  const Worker* worker = tree().findWorker(key.first, key.second);
  if (worker == nullptr || !isOurs(worker->record.run) || worker->session != kNoSession) {
    return nullptr;
  }
  Peer& peer = peerOf(key, worker->record);
  return registerAgain(peer, worker->record) ? &peer : nullptr;
}

bool Fleet::registerAgain(Peer& peer, const WorkerRecord& record,
                          const std::function<void(Registration&)>& change) {
  Registration registration = registrationOf(record);
  const Worker* worker = tree().findWorker(registration.instance, registration.worker);
  // Nothing is left of what could not be read back.
  if (worker->quarantined.empty()) {
    for (const auto& location : worker->locations) {
      registration.locations.push_back(statementOf(peer, *location));
    }
  }
  if (change) change(registration);
  const auto outcome = controller_.take(input::Register{registration, *peer.link});
  if (!outcome.ok()) return false;
  peer.session = outcome.value().session;
  wantSync(peer, *inForce(peer));
  return true;
}

bool Fleet::addLocation(Peer& peer, const Worker& worker, std::string_view name, uint64_t nextSeq) {
  const bool added = registerAgain(peer, worker.record, [&](Registration& registration) {
    registration.locations.push_back(emptyStatement(name, random_()));
  });
  if (!added) return false;
  const bool unknown = nextSeq != 1;
  // It has held something before: what, is not known.
  if (unknown) {
    ++counts_.gaps;
    peer.places[std::string(name)] = {.lostFrom = 1, .lostTo = nextSeq};
    lost(peer, *inForce(peer)->find(name), nextSeq);
  }
  return true;
}

bool Fleet::addUnknown(Peer& peer, const Worker& worker, std::string_view name) {
  if (!addLocation(peer, worker, name, 1)) return false;
  lost(peer, *inForce(peer)->find(name), 1);
  peer.places[std::string(name)].numbersUnknown = true;
  return true;
}

void Fleet::lost(Peer& peer, const Location& location, uint64_t nextSeq) {
  const std::string name = location.record.name;
  const bool canSync = name == kSyncedLocation && peer.link->takesCommands();
  const OperationsLost message{.location = name,
                               .incarnation = location.record.live.incarnation,
                               .nextSeq = nextSeq,
                               .newIncarnation = random_(),
                               .hide = options_.hideGaps,
                               .fullSync = canSync};
  controller_.take(input::OperationsLost{peer.session, message});
}

void Fleet::setFeeding(const Key& key, uint64_t syncId) {
  const auto found = peers_.find(key);
  if (found != peers_.end()) found->second.feeding = syncId;
}

}  // namespace holdfast::lmcache
