// What a fake controller answers.
#include <optional>
#include <utility>
#include <vector>

#include "fake_controller.h"
#include "fake_loop.h"
#include "wire/endpoints.h"
#include "wire/errors.h"
#include "wire/full_sync.h"
#include "wire/registration.h"
#include "wire/replica.h"
#include "wire/reports.h"
#include "wire/text.h"

#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"  // as Cap'n Proto generates its bases

namespace holdfast {
namespace {

// With the words that a test wants.
kj::Exception failure(const std::string& description) {
  return {kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::str(description.c_str())};
}

}  // namespace

class FakeController::SessionServer final : public schema::WorkerSession::Server {
 public:
  SessionServer(FakeController& fake, uint64_t number) : fake_(fake), number_(number) {}

  kj::Promise<void> report(ReportContext context) override {
    std::vector<uint64_t> scratch;
    const auto message = read(context.getParams().getMessage(), scratch);
    if (!message.ok()) return wireError(message.error());
    if (number_ != fake_.onLoop_->session) return kj::READY_NOW;
    fake_.with([&](State& state) {
      if (!state.reportError.empty()) kj::throwFatalException(failure(state.reportError));
      ++state.reports;
      state.model.report(message.value());
    });
    return kj::READY_NOW;
  }

  kj::Promise<void> heartbeat(HeartbeatContext context) override {
    if (number_ != fake_.onLoop_->session) return failure("superseded: by a newer session");
    fake_.with([&](State& state) {
      if (!state.heartbeatError.empty()) kj::throwFatalException(failure(state.heartbeatError));
      ++state.heartbeats;
      state.load = context.getParams().getMessage().getLoad();
      if (state.takeClears) {
        state.model.takeClears(read(context.getParams().getMessage().getLocations()), true);
      }
      HeartbeatOutcome outcome;
      outcome.decisions = state.model.repairs();
      if (state.confirm) outcome.committed = state.model.committed();
      write(outcome, context.getResults().initAnswer());
    });
    return kj::READY_NOW;
  }

  kj::Promise<void> fullSyncStart(FullSyncStartContext context) override {
    const FullSyncStart start = read(context.getParams().getMessage());
    fake_.with([&](State& state) {
      state.starts.push_back(start);
      auto answer = context.getResults().initAnswer();
      if (!state.startError.empty()) return answer.setErrorMsg(textOf(state.startError));
      write(start.syncId, state.model.fullSyncStart(start), answer);
    });
    return kj::READY_NOW;
  }

  kj::Promise<void> fullSyncBatch(FullSyncBatchContext context) override {
    std::vector<uint64_t> scratch;
    const FullSyncBatch batch = read(context.getParams().getMessage(), scratch);
    fake_.with([&](State& state) {
      if (state.batchesToLose.erase(batch.number) == 0) state.model.fullSyncBatch(batch);
    });
    return kj::READY_NOW;
  }

  kj::Promise<void> fullSyncEnd(FullSyncEndContext context) override {
    return answerStatus(context.getParams().getMessage(), context.getResults().initAnswer());
  }

  kj::Promise<void> fullSyncStatus(FullSyncStatusContext context) override {
    return answerStatus(context.getParams().getMessage(), context.getResults().initAnswer());
  }

  kj::Promise<void> p2pLookup(P2pLookupContext context) override {
    if (fake_.with([](State& state) { return state.hangLookups; })) return kj::NEVER_DONE;
    const unsigned hashes = context.getParams().getMessage().getHashes().size();
    auto peer = context.getResults().initAnswer().initLayoutInfo(1)[0];
    peer.setInstanceId("other");
    peer.setLocation("cpu");
    peer.setNumHitChunks(hashes);
    peer.setPeerInitUrl("tcp://other:1");
    return kj::READY_NOW;
  }

  kj::Promise<void> deregister(DeregisterContext) override {
    fake_.with([](State& state) { ++state.deregistrations; });
    return kj::READY_NOW;
  }

 private:
  template <typename Message>
  kj::Promise<void> answerStatus(Message message, schema::FullSyncStatusRetMsg::Builder answer) {
    fake_.with([&](State& state) {
      ++state.statusRequests;
      FullSyncStatus status;
      if (state.knowFullSyncs) {
        status =
            state.model.fullSyncStatus(stringOf(message.getLocation()), message.getIncarnation(),
                                       message.getSyncId(), state.finishFullSyncs);
      }
      status.canExitFreeze = state.canExitFreeze;
      write(message.getSyncId(), status, answer);
    });
    return kj::READY_NOW;
  }

  FakeController& fake_;
  const uint64_t number_;
};

class FakeController::GatewayServer final : public schema::WorkerGateway::Server {
 public:
  explicit GatewayServer(FakeController& fake) : fake_(fake) {}

  kj::Promise<void> register_(RegisterContext context) override {
    const auto info = context.getParams().getInfo();
    const std::vector<LocationStatement> statements = read(info.getLocations());
    std::vector<std::pair<std::string, uint64_t>> asks;
    const bool hang = fake_.with([&](State& state) {
      ++state.registrations;
      state.attempt = info.getAttempt();
      state.run = info.getRun();
      state.instance = stringOf(info.getInstanceId());
      state.model_ = stringOf(info.getModel());
      state.statedHashing = info.hasHashing();
      state.labels = read(info.getLabels());
      state.statements = statements;
      if (!state.registerError.empty()) kj::throwFatalException(failure(state.registerError));
      if (state.hangRegister) return true;
      RegistrationAnswer answer;
      answer.heartbeatIntervalMs = state.heartbeatIntervalMs;
      answer.heartbeatTimeoutMs = 30'000;
      if (!state.omitDecisions) {
        answer.decisions = state.model.registerWorker(statements);
        if (state.askFullSyncs) asks = state.model.syncsToAsk();
      }
      write(answer, context.getResults().initAnswer());
      return false;
    });
    if (hang) return kj::NEVER_DONE;
    fake_.onLoop_->worker = context.getParams().getWorker();
    for (const auto& [location, syncId] : asks) fake_.onLoop_->askFullSync(location, syncId);
    context.getResults().setSession(kj::heap<SessionServer>(fake_, ++fake_.onLoop_->session));
    return kj::READY_NOW;
  }

 private:
  FakeController& fake_;
};

class FakeController::OrchestratorServer final : public schema::Orchestrator::Server {
 public:
  explicit OrchestratorServer(FakeController& fake) : fake_(fake) {}

  kj::Promise<void> lookup(LookupContext context) override {
    const auto message = context.getParams().getMessage();
    const bool hang = fake_.with([&](State& state) {
      ++state.lookups;
      if (!state.lookupError.empty()) kj::throwFatalException(failure(state.lookupError));
      return state.hangLookups;
    });
    if (hang) return kj::NEVER_DONE;
    auto layout = context.getResults().initAnswer().initLayoutInfo(1)[0];
    layout.setInstanceId(message.getModel());
    layout.setMatchedChunks(message.isHashes() ? message.getHashes().size()
                                               : message.getTokens().size() / 256);
    if (message.getWithPins()) layout.setPinnedChunks(1);
    layout.setUnconfirmed(true);
    auto hits = layout.initHits(1)[0];
    hits.setLocation("gpu");
    hits.setChunks(3);
    return kj::READY_NOW;
  }
  kj::Promise<void> lookups(LookupsContext context) override {
    const auto asked = context.getParams().getMessage().getLookups();
    auto answers = context.getResults().initAnswer().initAnswers(asked.size());
    for (unsigned i = 0; i < asked.size(); ++i) {
      auto layout = answers[i].initLayoutInfo(1)[0];
      layout.setInstanceId(asked[i].getModel());
      layout.setMatchedChunks(asked[i].isHashes() ? asked[i].getHashes().size()
                                                  : asked[i].getTokens().size() / 256);
      layout.setLoad(asked[i].getMaxInstances());
      answers[i].setEventId(asked[i].getEventId());
      answers[i].setMessage(asked[i].getWithoutEndpoints() ? "without" : "with");
    }
    return kj::READY_NOW;
  }
  kj::Promise<void> instances(InstancesContext context) override {
    auto all = context.getResults().initAnswer().initInstances(2);
    all[0].setInstanceId(context.getParams().getMessage().getInstanceId());
    all[0].setHidden(schema::InstanceHidden::LOST);
    return kj::READY_NOW;
  }
  kj::Promise<void> queryInstance(QueryInstanceContext context) override {
    context.getResults().initAnswer().setInstanceId(
        kj::str("at ", context.getParams().getMessage().getIp()));
    return kj::READY_NOW;
  }
  kj::Promise<void> queryWorkers(QueryWorkersContext context) override {
    const auto message = context.getParams().getMessage();
    auto answer = context.getResults().initAnswer();
    fake_.with([&](State& state) {
      if (state.replica) answer.setRole(static_cast<schema::ReplicaRole>(state.replica->role));
    });
    auto infos = answer.initWorkerInfos(message.getWorkerIds().size());
    for (unsigned i = 0; i < infos.size(); ++i) {
      infos[i].setInstanceId(message.getInstanceId());
      infos[i].setWorkerId(message.getWorkerIds()[i]);
      infos[i].setState(schema::WorkerState::RECOVERED);
      auto location = infos[i].initLocations(1)[0];
      location.setName("gpu");
      location.setSync(schema::SyncState::CAUGHT_UP);
      location.setReason(schema::Reason::GAP_TOO_OLD);
    }
    return kj::READY_NOW;
  }

 private:
  FakeController& fake_;
};

class FakeController::OperatorServer final : public schema::Operator::Server {
 public:
  explicit OperatorServer(FakeController& fake) : fake_(fake) {}

  kj::Promise<void> status(StatusContext context) override {
    auto answer = context.getResults().initAnswer();
    answer.setVersion("fake");
    answer.setContentDigest("00ff");
    answer.getLookups().setP99Us(7);
    auto counter = answer.initCounters(1)[0];
    counter.setName("reports");
    counter.setValue(5);
    fake_.with([&](State& state) {
      if (state.replica) write(*state.replica, answer.initReplica());
    });
    return kj::READY_NOW;
  }
  kj::Promise<void> diverged(DivergedContext context) override {
    auto location = context.getResults().initAnswer().initLocations(1)[0];
    location.setInstanceId("a");
    location.setWorkerId(4);
    location.initInfo().setSync(schema::SyncState::DIVERGED);
    return kj::READY_NOW;
  }

 private:
  FakeController& fake_;
};

class FakeController::BootstrapServer final : public schema::Bootstrap::Server {
 public:
  explicit BootstrapServer(FakeController& fake) : fake_(fake) {}

  kj::Promise<void> authenticate(AuthenticateContext context) override {
    const bool hang = fake_.with([&](State& state) {
      state.token = stringOf(context.getParams().getToken());
      if (!state.authenticateError.empty()) {
        kj::throwFatalException(failure(state.authenticateError));
      }
      auto results = context.getResults();
      if (state.grantWorker) results.setWorker(kj::heap<GatewayServer>(fake_));
      if (state.grantOrchestrator) results.setOrchestrator(kj::heap<OrchestratorServer>(fake_));
      if (state.grantOperator) results.setOperator(kj::heap<OperatorServer>(fake_));
      if (state.replica) write(*state.replica, results.initReplica());
      return state.hangAuthenticate;
    });
    if (hang) return kj::NEVER_DONE;
    return kj::READY_NOW;
  }

 private:
  FakeController& fake_;
};

capnp::Capability::Client FakeController::bootstrap() {
  return kj::heap<BootstrapServer>(*this);
}

}  // namespace holdfast
