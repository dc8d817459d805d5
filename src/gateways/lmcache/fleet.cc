#include "gateways/lmcache/fleet.h"

#include <algorithm>

namespace holdfast::lmcache {

Fleet::Fleet(Controller& controller, const Options& options, std::function<uint64_t()> random,
             MakeOrders makeOrders, Reset reset, Measurements::Lmcache& counts)
    : controller_(controller),
      options_(options),
      random_(std::move(random)),
      makeOrders_(std::move(makeOrders)),
      reset_(std::move(reset)),
      counts_(counts) {}

Result<Ticket> Fleet::registered(const Inbound& message) {
  auto begun = begin({message.instance, message.worker}, registrationOf(message));
  if (!begun.ok()) return begun.error();
  return begun.value().ticket;
}

void Fleet::deregistered(const Inbound& message) {
  const Key key{message.instance, message.worker};
  Peer* peer = attached(key);
  if (peer == nullptr) {
    ++counts_.fromNobody;
    return;
  }
  const WorkerRecord& record = inForce(*peer)->record;
  if (record.ip != message.ip || record.port != message.port) {
    ++counts_.fromOthers;
    return;
  }
  (void)controller_.take(input::Deregister{peer->session});
  peers_.erase(key);
  reset_(key);
}

Result<Fleet::Beat> Fleet::heartbeat(const Inbound& message, bool answered) {
  const Key key{message.instance, message.worker};
  const Worker* known = tree().findWorker(message.instance, message.worker);
  Peer* peer = nullptr;
  if (known != nullptr && !isOurs(known->record.run) && known->session != kNoSession) {
    ++counts_.fromOthers;
    return Error{ErrorCode::kRefused, "a worker that is no LMCache's is registered as this one"};
  }
  const bool sameAddress = known != nullptr && isOurs(known->record.run) &&
                           known->record.ip == message.ip && known->record.port == message.port;
  if (known != nullptr && !sameAddress && known->session != kNoSession) {
    // Another process has registered as this worker since; that one beats for itself.
    ++counts_.fromOthers;
    return Beat{};
  }
  if (sameAddress) {
    peer = attached(key);
    if (peer == nullptr) {
      return Error{ErrorCode::kUnavailable, "the worker cannot be registered again now"};
    }
    (void)controller_.take(input::Heartbeat{peer->session, {}});
  } else {
    auto begun = beginUnknown(message);
    if (!begun.ok()) return begun.error();
    peer = begun.value();
  }
  peer->heartbeats = true;
  peer->recovered = false;
  if (!answered) return Beat{};
  if (!peer->link->takesCommands()) peer->link->setTakesCommands();
  const Worker* worker = inForce(*peer);
  if (worker != nullptr) wantSync(*peer, *worker);
  return Beat{peer->link->takeCommand()};
}

// What it holds of the one location that it can make a full sync of is asked for.
void Fleet::wantSync(Peer& peer, const Worker& worker) {
  const Location* location = worker.find(kSyncedLocation);
  if (location == nullptr || !location->record.live.incomplete || !peer.link->takesCommands()) {
    return;
  }
  if (controller_.registry().repair().wanted(*location)) return;
  lost(peer, *location, location->lastSeq + 1);
}

Result<Fleet::Peer*> Fleet::beginUnknown(const Inbound& message) {
  const Key key{message.instance, message.worker};
  auto begun = begin(key, registrationOf(message));
  if (!begun.ok()) return begun.error();
  Peer& peer = peers_.at(key);
  const Worker* worker = inForce(peer);
  addUnknown(peer, *worker, kSyncedLocation);
  return &peer;
}

Fleet::Reported Fleet::reported(const Inbound& message) {
  const Key key{message.instance, message.worker};
  Peer* peer = attached(key);
  if (peer == nullptr) {
    ++counts_.fromNobody;
    return Reported::kDropped;
  }
  peer->recovered = false;
  const uint64_t seq = message.firstSeq + 1;
  const Location* location = inForce(*peer)->find(message.location);
  if (location == nullptr) {
    if (!addLocation(*peer, *inForce(*peer), message.location, seq)) return Reported::kDropped;
  } else if (seq <= location->lastSeq && !beforeExpected(key, peer, message, seq)) {
    return Reported::kDropped;
  }
  return goOn(key, *peer, message);
}

// What lies before the number that is expected comes late, or from another process: one that began
// since, whose registration was lost, or a second one that goes by the same name. False: drop it.
bool Fleet::beforeExpected(const Key& key, Peer*& peer, const Inbound& message, uint64_t seq) {
  const auto place = peer->places.find(message.location);
  if (place != peer->places.end() && seq >= place->second.lostFrom &&
      seq + message.keys.size() <= place->second.lostTo) {
    ++counts_.late;
    return false;
  }
  ++counts_.fromOthers;
  Registration registration = registrationOf(inForce(*peer)->record);
  registration.run = newRun();
  registration.attempt = 1;
  if (!begin(key, std::move(registration)).ok()) return false;
  peer = &peers_.at(key);
  return addLocation(*peer, *inForce(*peer), message.location, seq);
}

Fleet::Reported Fleet::goOn(const Key& key, Peer& peer, const Inbound& message) {
  const uint64_t seq = message.firstSeq + 1;
  const Worker* worker = inForce(peer);
  const Location* location = worker->find(message.location);
  if (seq != location->lastSeq + 1) {
    const auto place = peer.places.find(message.location);
    if (place != peer.places.end() && place->second.numbersUnknown &&
        !location->record.live.incomplete) {
      // All that it holds came with a full sync: this is where its numbers go on.
      const LocationStatement whole = statementOf(peer, *location);
      const bool taken = registerAgain(peer, worker->record, [&](Registration& registration) {
        for (LocationStatement& one : registration.locations) {
          if (one.location != message.location) continue;
          one.incarnation = random_();
          one.lastSeq = seq - 1;
          one.replayableFrom = seq;
        }
      });
      if (!taken) return Reported::kRefused;
    } else {
      ++counts_.gaps;
      Place& to = peer.places[message.location];
      to = {.lostFrom = location->lastSeq + 1, .lostTo = seq};
      lost(peer, *location, seq);
      reset_(key);
    }
    worker = inForce(peer);
    location = worker == nullptr ? nullptr : worker->find(message.location);
    if (location == nullptr) return Reported::kRefused;
  }
  if (const auto place = peer.places.find(message.location); place != peer.places.end()) {
    place->second.numbersUnknown = false;
  }
  const Report report{.location = message.location,
                      .incarnation = location->record.live.incarnation,
                      .firstSeq = seq,
                      .operations = message.operations()};
  const auto outcome = controller_.take(input::Report{peer.session, report});
  if (!outcome.ok()) return Reported::kDropped;
  if (outcome.value() == ReportOutcome::kRefused) return Reported::kRefused;
  return Reported::kApplied;
}

SessionId Fleet::sessionOf(const std::string& instance, uint32_t worker) {
  const Peer* peer = attached({instance, worker});
  return peer == nullptr ? kNoSession : peer->session;
}

const Location* Fleet::locationForSync(const std::string& instance, uint32_t worker,
                                       std::string_view name) {
  Peer* peer = attached({instance, worker});
  if (peer == nullptr) return nullptr;
  if (inForce(*peer)->find(name) == nullptr) {
    if (!addUnknown(*peer, *inForce(*peer), name)) return nullptr;
  }
  peer->recovered = false;
  peer->link->dropCommand();  // it has begun
  return inForce(*peer)->find(name);
}

}  // namespace holdfast::lmcache
