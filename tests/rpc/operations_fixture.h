// Workers that answer to cache operations when a test says so.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server_fixture.h"

namespace holdfast::test {

// A worker that answers when the test says so.
class AskedWorker final : public schema::Worker::Server {
 public:
  struct Call {
    schema::OperationKind kind;
    uint64_t number;
    std::string location;
    bool allChunks;
    std::vector<uint64_t> hashes;
    std::string method;
    std::string peerUrl;
    bool copy;
    kj::Own<kj::PromiseFulfiller<void>> answer;
    OperateContext context;
  };

  explicit AskedWorker(std::vector<Call>& calls) : calls_(calls) {}

  kj::Promise<void> operate(OperateContext context) override {
    const auto asked = context.getParams().getOperation();
    auto paf = kj::newPromiseAndFulfiller<void>();
    Call call{.kind = asked.getKind(),
              .number = asked.getWorkerEventId(),
              .location = std::string(viewOf(asked.getLocation())),
              .allChunks = asked.getAllChunks(),
              .hashes = {},
              .method = std::string(viewOf(asked.getMethod())),
              .peerUrl = std::string(viewOf(asked.getDestination().getPeerInitUrl())),
              .copy = asked.getCopy(),
              .answer = kj::mv(paf.fulfiller),
              .context = context};
    for (const uint64_t hash : asked.getHashes()) call.hashes.push_back(hash);
    calls_.push_back(kj::mv(call));
    return kj::mv(paf.promise);
  }
  kj::Promise<void> checkFinish(CheckFinishContext context) override {
    checked.push_back(context.getParams().getWorkerEventId());
    auto outcome = context.getResults().initOutcome();
    outcome.setStatus(checkAnswer);
    outcome.setNumTokens(7);
    return kj::READY_NOW;
  }

  static inline std::vector<uint64_t> checked;
  static inline schema::WorkerOutcomeMsg::Status checkAnswer;

 private:
  std::vector<Call>& calls_;
};

class OperationsTest : public ServerTest {
 protected:
  struct Rank {
    std::unique_ptr<Peer> peer;
    std::vector<AskedWorker::Call> calls;
    uint64_t attempt = 0;
  };

  OperationsTest() : ServerTest({}, patient()), asking(connect()) { AskedWorker::checked.clear(); }
  // The workers' silence is no matter here.
  static ControllerOptions patient() {
    ControllerOptions options;
    options.registry.lifeCycle.heartbeatTimeoutMs = UINT64_MAX / 2;
    return options;
  }

  ~OperationsTest() noexcept override {
    for (auto& rank : ranks) rank.second.calls.clear();
  }

  void registerRank(const std::string& instance, uint32_t worker, uint32_t worldSize) {
    Rank& rank = ranks[{instance, worker}];
    rank.peer = connect();
    Registration statement = registration(instance, worker);
    statement.worldSize = worldSize;
    statement.attempt = ++rank.attempt;
    auto request = registerRequest(*rank.peer, statement);
    request.setWorker(kj::heap<AskedWorker>(rank.calls));
    await(request.send());
  }
  void registerInstance(const std::string& instance, uint32_t worldSize) {
    for (uint32_t i = 0; i < worldSize; ++i) registerRank(instance, i, worldSize);
  }
  std::vector<AskedWorker::Call>& calls(uint32_t worker) { return ranks[{"llama", worker}].calls; }
  void answer(uint32_t worker, uint64_t tokens) {
    AskedWorker::Call& call = calls(worker).back();
    auto outcome = call.context.getResults().initOutcome();
    outcome.setStatus(schema::WorkerOutcomeMsg::Status::DONE);
    outcome.setNumTokens(tokens);
    call.answer->fulfill();
  }
  void fail(uint32_t worker, const char* error) {
    AskedWorker::Call& call = calls(worker).back();
    auto outcome = call.context.getResults().initOutcome();
    outcome.setStatus(schema::WorkerOutcomeMsg::Status::FAILED);
    outcome.setError(error);
    call.answer->fulfill();
  }
  auto clearRequest(const std::string& eventId, bool noWait) {
    auto request = asking->orchestrator().clearRequest();
    auto message = request.initMessage();
    message.setEventId(textOf(eventId));
    message.setInstanceId("llama");
    message.setLocation("gpu");
    message.setNoWait(noWait);
    return request;
  }
  auto checkFinish(const std::string& eventId) {
    auto request = asking->orchestrator().checkFinishRequest();
    request.initMessage().setEventId(textOf(eventId));
    return request.send();
  }
  schema::EventStatus statusOf(const std::string& eventId) {
    return await(checkFinish(eventId)).getEvent().getStatus();
  }
  // What the daemon's timer does.
  void tick(uint64_t ms = 0) {
    clock.nowMs += ms;
    controller.take(input::Tick{});
    while (controller.take(input::Work{})) {
    }
    settle();
  }

  std::unique_ptr<Peer> asking;
  std::map<std::pair<std::string, uint32_t>, Rank> ranks;
};

}  // namespace holdfast::test
