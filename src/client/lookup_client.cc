#include "client/lookup_client.h"

#include <optional>
#include <utility>

#include "client/controller_address.h"
#include "client/lookup_caller.h"
#include "client/lookup_messages.h"
#include "client/one_answer.h"
#include "core/check.h"
#include "core/limits.h"
#include "wire/enums.h"
#include "wire/errors.h"
#include "wire/lists.h"
#include "wire/lookups.h"
#include "wire/queries.h"
#include "wire/text.h"

namespace holdfast {
namespace {

// Words of a call beside its list.
constexpr uint64_t kCallOverheadWords = 48;

capnp::MessageSize sizeFor(size_t words) {
  return {words + kCallOverheadWords, 0};
}

kj::Exception roleMissing(std::string_view role) {
  return wireError(
      {ErrorCode::kDenied, "this token does not grant the role of an " + std::string(role)});
}

// For the caller, which asks the next one then.
kj::Exception notTheLeader(std::string_view role) {
  return wireError(
      {ErrorCode::kUnavailable, "no leader answers; asked was a " + std::string(role)});
}

// Asks for what `fill` puts into a request of so many words.
template <typename Fill>
kj::Promise<LookupAnswer> ask(std::optional<schema::Orchestrator::Client>& orchestrator,
                              size_t words, const LookupOptions& options, const Fill& fill) {
  if (!orchestrator) return roleMissing("orchestrator");
  auto request = orchestrator->lookupRequest(sizeFor(words));
  auto message = request.initMessage();
  write(options, message);
  fill(message);
  return request.send().then([](auto&& results) { return read(results.getAnswer()); });
}

}  // namespace

template <typename T>
Result<T> LookupClient::wait(AwaitedAnswer<T>& answer) {
  HOLDFAST_CHECK(loop_.forked() || !loop_.isCurrentThread(),
                 "this call waits for the client thread");
  return answer.wait();
}

std::optional<Error> LookupClientOptions::validate() const {
  const auto invalid = [](const std::string& message) {
    return Error{ErrorCode::kInvalid, message};
  };
  if (const auto wrong = invalidControllerAddresses(controller)) return invalid(*wrong);
  if (auto wrong = security.validate()) return wrong;
  if (timeoutMs == 0) return invalid("timeoutMs is 0, it must be at least 1");
  if (backoffMinMs == 0 || backoffMinMs > backoffMaxMs) {
    return invalid("backoffMinMs is " + std::to_string(backoffMinMs) +
                   ", it must be 1 to backoffMaxMs, " + std::to_string(backoffMaxMs));
  }
  if (passOverMs == 0) return invalid("passOverMs is 0, it must be at least 1");
  if (callsMax == 0) return invalid("callsMax is 0, it must be at least 1");
  return std::nullopt;
}

Result<std::unique_ptr<LookupClient>> LookupClient::create(ClientThread& thread,
                                                           LookupClientOptions options) {
  if (auto wrong = options.validate()) return *std::move(wrong);
  if (thread.loop().forked()) return Error{ErrorCode::kUnavailable, kForkedMessage};
  return std::make_unique<LookupClient>(thread, std::move(options));
}

LookupClient::LookupClient(ClientThread& thread, LookupClientOptions options)
    : options_(std::move(options)), loop_(thread.loop()) {
  const auto wrong = options_.validate();
  HOLDFAST_CHECK(!wrong, "%s", wrong->message.c_str());
  ++loop_.users;
  loop_.run([this] {
    caller_ = std::make_unique<Caller>(loop_, options_);
    caller_->start();
  });
}

LookupClient::~LookupClient() {
  if (loop_.forked()) {
    // Kept for ever: destroying it would speak to the parent's controller.
    (void)caller_.release();
    return;
  }
  // After whatever was posted before.
  loop_.run([this] { caller_ = nullptr; });
  --loop_.users;
}

// A list over the limit would cost the connection, and with it everyone else's calls.
template <typename T>
bool LookupClient::tooLong(const char* what, size_t size, size_t max, const Callback<T>& callback) {
  if (size <= max || loop_.forked()) return false;
  loop_.post([callback, message = "a call takes at most " + std::to_string(max) + " " + what +
                                  ", not " + std::to_string(size)] {
    callback(Error{ErrorCode::kInvalid, message});
  });
  return true;
}

template <typename T, typename Rpc>
void LookupClient::call(Rpc rpc, Callback<T> callback) {
  if (loop_.forked()) return callback(Error{ErrorCode::kUnavailable, kForkedMessage});
  std::atomic<size_t>& underWay = caller_->underWay;
  const bool tooMany = underWay.fetch_add(1) >= options_.callsMax;
  auto answer =
      std::make_shared<OneAnswer<T>>([&underWay, callback = std::move(callback)](Result<T> result) {
        --underWay;
        callback(std::move(result));
      });
  if (tooMany) {
    // From the client's thread, as every answer.
    loop_.post([answer, max = options_.callsMax] {
      answer->give(Error{ErrorCode::kUnavailable,
                         std::to_string(max) + " calls are under way already, wait for some"});
    });
    return;
  }
  loop_.post([this, rpc = std::move(rpc), answer] {
    caller_->add({.deadlineMs = steadyNowMs() + options_.timeoutMs,
                  .make =
                      [rpc, answer](Caller::Capabilities& capabilities) {
                        return rpc(capabilities).then([answer](T&& value) {
                          answer->give(std::move(value));
                        });
                      },
                  .fail = [answer](const Error& error) { answer->give(error); }});
  });
}

// --- look-ups ---

void LookupClient::lookup(std::vector<ChunkHash> hashes, LookupOptions options,
                          Callback<LookupAnswer> callback) {
  if (tooLong("hashes", hashes.size(), kHashesPerLookupMax, callback)) return;
  call<LookupAnswer>(
      [hashes = std::move(hashes), options = std::move(options)](Caller::Capabilities& granted) {
        return ask(granted.orchestrator, hashes.size(), options,
                   [&](schema::LookupMsg::Builder message) {
                     copyNumbers<uint64_t>(hashes, message.initHashes(listSize(hashes.size())));
                   });
      },
      std::move(callback));
}

void LookupClient::lookupTokens(std::vector<uint32_t> tokens, LookupOptions options,
                                Callback<LookupAnswer> callback) {
  if (tooLong("tokens", tokens.size(), kTokensPerLookupMax, callback)) return;
  call<LookupAnswer>(
      [tokens = std::move(tokens), options = std::move(options)](Caller::Capabilities& granted) {
        return ask(granted.orchestrator, tokens.size() / 2 + 1, options,
                   [&](schema::LookupMsg::Builder message) {
                     copyNumbers<uint32_t>(tokens, message.initTokens(listSize(tokens.size())));
                   });
      },
      std::move(callback));
}

Result<LookupAnswer> LookupClient::lookup(std::vector<ChunkHash> hashes, LookupOptions options) {
  AwaitedAnswer<LookupAnswer> answer;
  lookup(std::move(hashes), std::move(options), answer.callback());
  return wait(answer);
}

Result<LookupAnswer> LookupClient::lookupTokens(std::vector<uint32_t> tokens,
                                                LookupOptions options) {
  AwaitedAnswer<LookupAnswer> answer;
  lookupTokens(std::move(tokens), std::move(options), answer.callback());
  return wait(answer);
}

void LookupClient::lookups(std::vector<LookupPrompt> prompts,
                           Callback<std::vector<LookupAnswer>> callback) {
  size_t hashes = 0;
  size_t tokens = 0;
  for (const LookupPrompt& prompt : prompts) {
    tokens += prompt.tokens.size();
    if (prompt.tokens.empty()) hashes += prompt.hashes.size();
  }
  if (tooLong("look-ups", prompts.size(), kLookupsPerCallMax, callback) ||
      tooLong("hashes", hashes, kHashesPerLookupMax, callback) ||
      tooLong("tokens", tokens, kTokensPerLookupMax, callback)) {
    return;
  }
  call<std::vector<LookupAnswer>>(
      [prompts = std::move(prompts), words = hashes + tokens / 2](
          Caller::Capabilities& granted) -> kj::Promise<std::vector<LookupAnswer>> {
        if (!granted.orchestrator) return roleMissing("orchestrator");
        auto request = granted.orchestrator->lookupsRequest(
            sizeFor(words + prompts.size() * kCallOverheadWords));
        auto list = request.initMessage().initLookups(listSize(prompts.size()));
        for (kj::uint i = 0; i < list.size(); ++i) write(prompts[i], list[i]);
        return request.send().then(
            [](auto&& results) { return read(results.getAnswer().getAnswers()); });
      },
      std::move(callback));
}

Result<std::vector<LookupAnswer>> LookupClient::lookups(std::vector<LookupPrompt> prompts) {
  AwaitedAnswer<std::vector<LookupAnswer>> answer;
  lookups(std::move(prompts), answer.callback());
  return wait(answer);
}

// --- queries ---

Result<std::vector<InstanceView>> LookupClient::instances(std::string instance) {
  AwaitedAnswer<std::vector<InstanceView>> answer;
  call<std::vector<InstanceView>>(
      [instance = std::move(instance)](
          Caller::Capabilities& granted) -> kj::Promise<std::vector<InstanceView>> {
        if (!granted.orchestrator) return roleMissing("orchestrator");
        auto request = granted.orchestrator->instancesRequest();
        request.initMessage().setInstanceId(textOf(instance));
        return request.send().then(
            [](auto&& results) { return read(results.getAnswer().getInstances()); });
      },
      answer.callback());
  return wait(answer);
}

Result<std::string> LookupClient::queryInstance(std::string ip) {
  AwaitedAnswer<std::string> answer;
  call<std::string>(
      [ip = std::move(ip)](Caller::Capabilities& granted) -> kj::Promise<std::string> {
        if (!granted.orchestrator) return roleMissing("orchestrator");
        auto request = granted.orchestrator->queryInstanceRequest();
        request.initMessage().setIp(textOf(ip));
        return request.send().then(
            [](auto&& results) { return stringOf(results.getAnswer().getInstanceId()); });
      },
      answer.callback());
  return wait(answer);
}

Result<std::vector<WorkerView>> LookupClient::queryWorkers(std::string instance,
                                                           std::vector<uint32_t> workers) {
  AwaitedAnswer<std::vector<WorkerView>> answer;
  call<std::vector<WorkerView>>(
      [instance = std::move(instance), workers = std::move(workers)](
          Caller::Capabilities& granted) -> kj::Promise<std::vector<WorkerView>> {
        if (!granted.orchestrator) return roleMissing("orchestrator");
        auto request = granted.orchestrator->queryWorkersRequest();
        auto message = request.initMessage();
        message.setInstanceId(textOf(instance));
        copyNumbers<uint32_t>(workers, message.initWorkerIds(listSize(workers.size())));
        return request.send().then(
            [several = granted.several](auto&& results) -> kj::Promise<std::vector<WorkerView>> {
              ReplicaStatus replica;
              replica.role = enumerantName(results.getAnswer().getRole());
              if (several && !replica.leads()) return notTheLeader(replica.role);
              return read(results.getAnswer().getWorkerInfos());
            });
      },
      answer.callback());
  return wait(answer);
}

void LookupClient::status(Callback<ControllerStatus> callback, bool resetLookupWindow) {
  call<ControllerStatus>(
      [resetLookupWindow](Caller::Capabilities& granted) -> kj::Promise<ControllerStatus> {
        if (!granted.operator_) return roleMissing("operator");
        auto request = granted.operator_->statusRequest();
        request.initMessage().setResetLookupWindow(resetLookupWindow);
        return request.send().then(
            [several = granted.several](auto&& results) -> kj::Promise<ControllerStatus> {
              ControllerStatus status = read(results.getAnswer());
              if (several && !status.replica.leads()) return notTheLeader(status.replica.role);
              return status;
            });
      },
      std::move(callback));
}

Result<ControllerStatus> LookupClient::status(bool resetLookupWindow) {
  AwaitedAnswer<ControllerStatus> answer;
  status(answer.callback(), resetLookupWindow);
  return wait(answer);
}

Result<std::vector<DivergedView>> LookupClient::diverged() {
  AwaitedAnswer<std::vector<DivergedView>> answer;
  call<std::vector<DivergedView>>(
      [](Caller::Capabilities& granted) -> kj::Promise<std::vector<DivergedView>> {
        if (!granted.operator_) return roleMissing("operator");
        return granted.operator_->divergedRequest().send().then(
            [](auto&& results) { return read(results.getAnswer().getLocations()); });
      },
      answer.callback());
  return wait(answer);
}

}  // namespace holdfast
