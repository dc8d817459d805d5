// Who is there: registrations, heartbeats, and what ends or loses a worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/messages.h"
#include "core/notice_sink.h"
#include "core/registry/registry_tree.h"
#include "core/repair/comparison.h"
#include "core/repair/repair_controller.h"
#include "core/result.h"

namespace holdfast {

class RegistrationController {
 public:
  struct Options {
    size_t workersMax = kWorkersMaxDefault;  // LOST ones make room for new ones
    uint64_t heartbeatTimeoutMs = 30'000;    // silence after which a worker is LOST
    uint64_t lostGraceMs = 3'600'000;        // LOST for longer: state dropped
  };

  RegistrationController(RegistryTree& tree, RegistryStore& store, Clock& clock,
                         NoticeSink& notices, RepairController& repair, const Options& options);

  // The newest registration wins: of one run that with the highest attempt, unless a lower one
  // comes on a later connection, which is another process. `link` must stay valid until this
  // session ended (superseded, closed, deregistered, connectionClosed or replaced by a registration
  // of the same run). Where the registry is full, one LOST worker is forgotten for a new one;
  // kUnavailable where none is. An error changes nothing.
  Result<RegisterOutcome> registerWorker(const Registration& registration, WorkerLink& link);

  // Compares the statements with what we have. `load`: how busy the worker is until the next
  // heartbeat, or for the heartbeat time-out. Errors: kSuperseded, kInvalid; they change nothing.
  Result<HeartbeatOutcome> heartbeat(SessionId session,
                                     const std::vector<LocationStatement>& statements,
                                     Load load = kLoadUnknown);

  // Forgets the worker. Answer when the ticket is committed. A session that is no longer in force
  // changes nothing and succeeds with ticket 0.
  Result<Ticket> deregister(SessionId session);

  // The transport is gone: the worker is LOST if the session is still in force.
  void connectionClosed(SessionId session);

  // The same, but it is expected back: RECOVERED, so in look-ups, until it registers again.
  void awaitBack(SessionId session);

  // The worker broke the protocol, `why` says how ("it sent ..."): LOST the same way, until it
  // registers again.
  void sessionFailed(SessionId session, const std::string& why);

  // Silence, grace and recovery time-outs; lets paused workers go on once the store takes writes.
  // Looks at kWorkersPerTick workers, and goes on behind them the next time.
  static constexpr size_t kWorkersPerTick = 512;
  void tick();

  // The store cannot write: nobody is to report until it can.
  void pauseAll(const std::string& reason);

  // The worker's session ends, without a word to its link, and its state is dropped. Answer whoever
  // asked for it when the ticket is committed.
  Ticket forget(Worker& worker);

  // Of all workers: see Registry::restart. Links of sessions that end are told `why`.
  void restart(const std::string& why);

 private:
  void supersede(Worker& worker);
  void checkTimes(Worker& worker, std::vector<Worker*>& expired);
  void forgetContent(Worker& worker, StoreBatch& batch);
  void takeOver(Worker& worker, const Registration& registration, StoreBatch& batch);
  Comparison::Situation situationOf(const Registration& registration, const Worker& worker) const;
  void endSession(Worker& worker);
  // Says that its ranks contradict each other, or do no longer.
  void noticeRanks(Instance& instance);
  Ticket commit(StoreBatch batch, const Comparison::Numbering& numbering);
  void resume(Worker& worker);
  // `why` tells the cause and what goes with it.
  void markLost(Worker& worker, notice::WorkerLost why);
  // `worker`: as it is known; null: it is not.
  std::optional<Error> whyRefused(const Registration& registration, const Worker* worker) const;
  // Store time; nothing: it is not LOST.
  std::optional<uint64_t> lostFor(const Worker& worker) const;
  // Says that it has registered, or where it was LOST that it is back. `said` names it and how it
  // was known.
  void noticeRegistration(const Worker& worker, notice::WorkerRegistered said,
                          std::optional<uint64_t> lostMs);
  void makeRoom(StoreBatch& batch);
  void forget(Worker& worker, StoreBatch& batch);

  RegistryTree& tree_;
  RegistryStore& store_;
  Clock& clock_;
  NoticeSink& notices_;
  RepairController& repair_;
  Comparison comparison_;
  const Options options_;
  // Where tick() goes on: behind this one.
  std::string checkedInstance_;
  std::optional<uint32_t> checkedWorker_;
};

}  // namespace holdfast
