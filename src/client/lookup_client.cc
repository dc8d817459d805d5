#include "client/lookup_client.h"

#include <atomic>
#include <deque>
#include <map>
#include <optional>

#include "client/connector.h"
#include "client/controller_address.h"
#include "client/event_loop.h"
#include "client/lookup_messages.h"
#include "client/one_answer.h"
#include "core/check.h"
#include "core/limits.h"
#include "wire/errors.h"
#include "wire/lists.h"
#include "wire/lookups.h"
#include "wire/queries.h"
#include "wire/text.h"

namespace holdfast {
namespace {

// Time-outs are judged this often while calls are under way.
constexpr uint32_t kSweepMs = 20;

}  // namespace

// Calls on the loop: each is under way on the present connection, or waits for the next one. All
// of them only read, so a call whose connection was lost is made again.
class LookupClient::Caller final : private Connector::User {
 public:
  struct Capabilities {
    std::optional<schema::Orchestrator::Client> orchestrator;
    std::optional<schema::Operator::Client> operator_;
  };
  struct Call {
    uint64_t deadlineMs = 0;
    // Makes the call; the promise ends when the answer was given to whoever asked.
    std::function<kj::Promise<void>(Capabilities&)> make;
    std::function<void(const Error&)> fail;
  };

  Caller(ClientThread::Loop& loop, const LookupClientOptions& options)
      : options_(options),
        loop_(loop),
        connector_(loop,
                   {.controller = options.controller,
                    .security = options.security,
                    .backoffMinMs = options.backoffMinMs,
                    .backoffMaxMs = options.backoffMaxMs,
                    .callTimeoutMs = options.timeoutMs},
                   *this) {}
  ~Caller() {
    live_ = nullptr;
    failAll({ErrorCode::kUnavailable, "the client is closed"});
  }

  void start() { connector_.start(); }
  void add(Call call);

  std::atomic<size_t> underWay = 0;  // asked for and not yet answered

 private:
  struct Live final : private kj::TaskSet::ErrorHandler {
    Live() : calls(*this) {}
    void taskFailed(kj::Exception&&) override {}
    Capabilities capabilities;
    kj::TaskSet calls;
  };

  kj::Promise<void> establish(Connector::Grants grants) override;
  void lost(const Error& error) override;
  void make(uint64_t id);
  void ended(uint64_t id, const std::optional<Error>& error);
  kj::Promise<void> sweep();
  void failAll(const Error& error);

  const LookupClientOptions& options_;
  ClientThread::Loop& loop_;
  Connector connector_;
  uint64_t nextId_ = 1;
  std::map<uint64_t, Call> calls_;  // in the order of their deadlines too: all wait alike
  Error lastError_{ErrorCode::kUnavailable, "not connected yet"};
  bool sweeping_ = false;
  kj::Promise<void> sweep_ = nullptr;
  std::unique_ptr<Live> live_;
};

kj::Promise<void> LookupClient::Caller::establish(Connector::Grants grants) {
  if (!grants.hasOrchestrator() && !grants.hasOperator()) {
    return wireError({ErrorCode::kDenied, "this token grants neither look-ups nor operations"});
  }
  if (options_.onLog) {
    options_.onLog(ClientLogLevel::kInfo, "connected to the controller at " + options_.controller);
  }
  live_ = std::make_unique<Live>();
  if (grants.hasOrchestrator()) live_->capabilities.orchestrator = grants.getOrchestrator();
  if (grants.hasOperator()) live_->capabilities.operator_ = grants.getOperator();
  std::vector<uint64_t> waiting;
  for (const auto& [id, call] : calls_) waiting.push_back(id);
  for (const uint64_t id : waiting) make(id);
  return kj::READY_NOW;
}

void LookupClient::Caller::lost(const Error& error) {
  if (options_.onLog && (live_ || error.message != lastError_.message)) {
    // Controllers close what is idle for long.
    const bool idle = live_ && calls_.empty();
    options_.onLog(connector_.stopped() ? ClientLogLevel::kError
                   : idle               ? ClientLogLevel::kInfo
                                        : ClientLogLevel::kWarning,
                   error.message + (connector_.stopped() ? "" : "; trying again"));
  }
  live_ = nullptr;
  lastError_ = error;
  // A token that is let in later is noticed, but nobody should wait for that.
  if (connector_.stopped() || error.code == ErrorCode::kUnauthenticated) failAll(error);
}

void LookupClient::Caller::add(Call call) {
  if (connector_.stopped()) return call.fail(lastError_);
  const uint64_t id = nextId_++;
  calls_.emplace(id, std::move(call));
  if (live_) make(id);
  if (sweeping_) return;
  sweeping_ = true;
  sweep_ = sweep().eagerlyEvaluate(nullptr);
}

void LookupClient::Caller::make(uint64_t id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  live_->calls.add(kj::evalNow([&] { return found->second.make(live_->capabilities); })
                       .then([this, id] { ended(id, std::nullopt); },
                             [this, id](kj::Exception&& exception) {
                               // It waits for the next connection.
                               if (exception.getType() != kj::Exception::Type::DISCONNECTED) {
                                 ended(id, connector_.explain(exception));
                               }
                             }));
}

void LookupClient::Caller::ended(uint64_t id, const std::optional<Error>& error) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const Call call = std::move(found->second);
  calls_.erase(found);
  if (error) call.fail(*error);
}

kj::Promise<void> LookupClient::Caller::sweep() {
  return loop_.timer().afterDelay(kSweepMs * kj::MILLISECONDS).then([this]() -> kj::Promise<void> {
    const uint64_t nowMs = steadyNowMs();
    while (!calls_.empty() && calls_.begin()->second.deadlineMs <= nowMs) {
      const Call call = std::move(calls_.begin()->second);
      calls_.erase(calls_.begin());
      call.fail({ErrorCode::kUnavailable, live_ ? "the controller did not answer in time"
                                                : "not connected: " + lastError_.message});
    }
    sweeping_ = !calls_.empty();
    if (!sweeping_) return kj::READY_NOW;
    return sweep();
  });
}

void LookupClient::Caller::failAll(const Error& error) {
  while (!calls_.empty()) {
    const Call call = std::move(calls_.begin()->second);
    calls_.erase(calls_.begin());
    call.fail(error);
  }
}

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
  if (const auto wrong = invalidControllerAddress(controller)) return invalid(*wrong);
  if (auto wrong = security.validate()) return wrong;
  if (timeoutMs == 0) return invalid("timeoutMs is 0, it must be at least 1");
  if (backoffMinMs == 0 || backoffMinMs > backoffMaxMs) {
    return invalid("backoffMinMs is " + std::to_string(backoffMinMs) +
                   ", it must be 1 to backoffMaxMs, " + std::to_string(backoffMaxMs));
  }
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
            [](auto&& results) { return read(results.getAnswer().getWorkerInfos()); });
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
        return request.send().then([](auto&& results) { return read(results.getAnswer()); });
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
