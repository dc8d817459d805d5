// Who is there: registration, heartbeats, deregistration, life-cycle, queries.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/messages.h"
#include "core/registry_tree.h"
#include "core/result.h"

namespace holdfast {

class RegistrationController {
 public:
  RegistrationController(RegistryTree& tree, RegistryStore& store, Clock& clock, EventSink& events,
                         uint64_t heartbeatTimeoutMs, uint64_t lostGraceMs, size_t workersMax);

  // The newest registration wins. `link` must stay valid until this session ended (superseded,
  // closed, deregistered, connectionClosed or replaced by a registration of the same run).
  Result<RegisterOutcome> registerWorker(const Registration& registration, WorkerLink& link);

  // Compares the statements with what we have. Errors: kSuperseded, kInvalid.
  Result<HeartbeatOutcome> heartbeat(SessionId session,
                                     const std::vector<LocationStatement>& statements);

  // Forgets the worker. Answer when the ticket is committed. A session that is no longer in force
  // changes nothing and succeeds with ticket 0.
  Result<Ticket> deregister(SessionId session);

  // The transport is gone: the worker is LOST if the session is still in force.
  void connectionClosed(SessionId session);

  // Silence, grace and recovery time-outs.
  void tick();

  // The store can write again: everyone who was paused registers again.
  void resumePaused();

  // query_instance: the instance of a worker registered with this ip; empty: none.
  std::string_view queryInstance(std::string_view ip) const;

 private:
  LocationDecision decide(Worker& worker, const LocationStatement& statement, bool atRegistration,
                          StoreBatch& batch);
  void markLost(Worker& worker, const std::string& why);
  Ticket forget(Worker& worker);

  RegistryTree& tree_;
  RegistryStore& store_;
  Clock& clock_;
  EventSink& events_;
  const uint64_t heartbeatTimeoutMs_;
  const uint64_t lostGraceMs_;
  const size_t workersMax_;
};

}  // namespace holdfast
