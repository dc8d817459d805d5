#include "fake_controller.h"

#include <unistd.h>

#include <list>
#include <optional>
#include <utility>

#include "client/connection_error.h"
#include "client/one_answer.h"
#include "wire/errors.h"
#include "wire/full_sync.h"
#include "wire/lists.h"
#include "wire/registration.h"
#include "wire/reports.h"
#include "wire/text.h"

#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"  // as Cap'n Proto generates its bases

namespace holdfast {

bool eventually(const std::function<bool()>& condition) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    never.wait_for(lock, std::chrono::milliseconds(1));
  }
  return true;
}

namespace {

// With the words that a test wants.
kj::Exception failure(const std::string& description) {
  return {kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::str(description.c_str())};
}

}  // namespace

uint64_t FakeController::State::retransmitted() const {
  uint64_t sum = 0;
  for (const auto& [name, location] : model.locations) sum += location.retransmitted;
  return sum;
}

std::set<ChunkHash> FakeController::State::keys(const std::string& location) const {
  const auto found = model.locations.find(location);
  return found == model.locations.end() ? std::set<ChunkHash>{} : found->second.keys;
}

struct FakeController::Connection {
  Connection(kj::Own<kj::AsyncIoStream> socket, capnp::Capability::Client bootstrap)
      : stream(kj::mv(socket)),
        network(*stream, capnp::rpc::twoparty::Side::SERVER),
        rpc(capnp::makeRpcServer(network, kj::mv(bootstrap))) {}
  kj::Own<kj::AsyncIoStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

struct FakeController::OnLoop final : private kj::TaskSet::ErrorHandler {
  OnLoop() : tasks(*this) {}
  void taskFailed(kj::Exception&&) override {}

  std::optional<schema::Worker::Client> worker;  // of the last registration
  uint64_t session = 0;                          // its number
  std::list<std::unique_ptr<Connection>> connections;
  std::list<kj::Own<kj::AsyncIoStream>> dumb;
  std::string garbage;
  kj::Own<kj::ConnectionReceiver> receiver;
  kj::Promise<void> accepting = nullptr;
  kj::TaskSet tasks;

  void askFullSync(const std::string& location, uint64_t continueSyncId) {
    auto request = worker->startFullSyncRequest();
    request.setLocation(textOf(location));
    request.setContinueSyncId(continueSyncId);
    tasks.add(request.send().ignoreResult());
  }
};

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
  kj::Promise<void> queryInstance(QueryInstanceContext context) override {
    context.getResults().initAnswer().setInstanceId(
        kj::str("at ", context.getParams().getMessage().getIp()));
    return kj::READY_NOW;
  }
  kj::Promise<void> queryWorkers(QueryWorkersContext context) override {
    const auto message = context.getParams().getMessage();
    auto infos = context.getResults().initAnswer().initWorkerInfos(message.getWorkerIds().size());
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
  kj::Promise<void> status(StatusContext context) override {
    auto answer = context.getResults().initAnswer();
    answer.setVersion("fake");
    answer.setContentDigest("00ff");
    answer.getLookups().setP99Us(7);
    auto counter = answer.initCounters(1)[0];
    counter.setName("reports");
    counter.setValue(5);
    return kj::READY_NOW;
  }
  kj::Promise<void> diverged(DivergedContext context) override {
    auto location = context.getResults().initAnswer().initLocations(1)[0];
    location.setInstanceId("a");
    location.setWorkerId(4);
    location.initInfo().setSync(schema::SyncState::DIVERGED);
    return kj::READY_NOW;
  }
};

class FakeController::BootstrapServer final : public schema::Bootstrap::Server {
 public:
  explicit BootstrapServer(FakeController& fake) : fake_(fake) {}

  kj::Promise<void> authenticate(AuthenticateContext context) override {
    fake_.with([&](State& state) {
      state.token = stringOf(context.getParams().getToken());
      if (!state.authenticateError.empty()) {
        kj::throwFatalException(failure(state.authenticateError));
      }
      auto results = context.getResults();
      if (state.grantWorker) results.setWorker(kj::heap<GatewayServer>(fake_));
      if (state.grantOrchestrator) results.setOrchestrator(kj::heap<OrchestratorServer>(fake_));
      if (state.grantOperator) results.setOperator(kj::heap<OperatorServer>());
    });
    return kj::READY_NOW;
  }

 private:
  FakeController& fake_;
};

FakeController::FakeController(const std::string& address) : address_(address) {
  thread_.loop().run([this] { onLoop_ = std::make_unique<OnLoop>(); });
  start();
}

FakeController::~FakeController() {
  stop();
  thread_.loop().run([this] { onLoop_ = nullptr; });
}

void FakeController::start() {
  AwaitedAnswer<bool> listening;
  thread_.loop().run([&, done = listening.callback()] {
    if (address_.starts_with("unix:")) unlink(address_.c_str() + 5);
    onLoop_->tasks.add(thread_.loop().network().parseAddress(address_).then(
        [this, done](kj::Own<kj::NetworkAddress> parsed) {
          onLoop_->receiver = parsed->listen();
          if (const unsigned port = onLoop_->receiver->getPort(); port != 0) {
            address_ = "127.0.0.1:" + std::to_string(port);
          }
          onLoop_->accepting = acceptLoop().eagerlyEvaluate(nullptr);
          done(true);
        }));
  });
  (void)listening.wait();
}

kj::Promise<void> FakeController::acceptLoop() {
  return onLoop_->receiver->accept().then([this](kj::Own<kj::AsyncIoStream> stream) {
    with([](State& state) {
      ++state.connections;
      ++state.openConnections;
    });
    if (!onLoop_->garbage.empty()) {
      const std::string& garbage = onLoop_->garbage;
      onLoop_->dumb.push_back(kj::mv(stream));
      onLoop_->tasks.add(onLoop_->dumb.back()->write(garbage.data(), garbage.size()));
      return acceptLoop();
    }
    auto& connections = onLoop_->connections;
    const auto at = connections.insert(
        connections.end(),
        std::make_unique<Connection>(kj::mv(stream), kj::heap<BootstrapServer>(*this)));
    const Connection* connection = at->get();
    onLoop_->tasks.add((*at)->network.onDisconnect().then([this, connection] {
      const size_t closed = std::erase_if(
          onLoop_->connections, [&](const auto& open) { return open.get() == connection; });
      with([&](State& state) { state.openConnections -= closed; });
    }));
    return acceptLoop();
  });
}

void FakeController::cutConnections() {
  thread_.loop().run([this] {
    const size_t closed = onLoop_->connections.size() + onLoop_->dumb.size();
    onLoop_->worker.reset();
    onLoop_->connections.clear();
    onLoop_->dumb.clear();
    with([&](State& state) { state.openConnections -= closed; });
  });
}

void FakeController::stop() {
  thread_.loop().run([this] {
    onLoop_->accepting = nullptr;
    onLoop_->receiver = nullptr;
  });
  cutConnections();
}

void FakeController::speakGarbage(const std::string& garbage) {
  thread_.loop().run([&] { onLoop_->garbage = garbage; });
}

void FakeController::pause(const std::string& location) {
  with([&](State& state) {
    for (auto& [name, of] : state.model.locations) {
      if (location.empty() || name == location) of.paused = true;
    }
  });
  thread_.loop().run([&] {
    auto request = onLoop_->worker->pauseRequest();
    request.setLocation(textOf(location));
    request.setReason("the disk is full");
    onLoop_->tasks.add(request.send().ignoreResult());
  });
}

void FakeController::resume() {
  thread_.loop().run(
      [&] { onLoop_->tasks.add(onLoop_->worker->resumeRequest().send().ignoreResult()); });
}

void FakeController::supersede(const std::string& reason) {
  thread_.loop().run([&] {
    auto request = onLoop_->worker->supersededRequest();
    request.setReason(textOf(reason));
    onLoop_->tasks.add(request.send().ignoreResult());
  });
}

void FakeController::askFullSync(const std::string& location, uint64_t continueSyncId) {
  thread_.loop().run([&] { onLoop_->askFullSync(location, continueSyncId); });
}

std::optional<std::pair<bool, uint64_t>> FakeController::askReplay(const std::string& location,
                                                                   uint64_t incarnation,
                                                                   uint64_t from, uint64_t to) {
  AwaitedAnswer<std::pair<bool, uint64_t>> answer;
  thread_.loop().run([&, done = answer.callback()] {
    auto request = onLoop_->worker->replayRequest();
    request.setLocation(textOf(location));
    request.setIncarnation(incarnation);
    request.setFromSeq(from);
    request.setToSeq(to);
    onLoop_->tasks.add(request.send().then(
        [done](auto&& results) {
          done(std::pair(results.getAccepted(), results.getReplayableFrom()));
        },
        [done](kj::Exception&& exception) { done(toError(exception, "the fake")); }));
  });
  const auto result = answer.wait();
  if (!result.ok()) return std::nullopt;
  return result.value();
}

}  // namespace holdfast
