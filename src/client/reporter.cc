#include "client/reporter.h"

#include <algorithm>
#include <utility>

#include "client/report_gate.h"
#include "client/reporter_live.h"
#include "client/stream_calls.h"
#include "core/ids.h"
#include "wire/errors.h"
#include "wire/lists.h"
#include "wire/registration.h"

namespace holdfast {
namespace {

// A flush asks for confirmation again after this long, doubling.
constexpr uint32_t kHurriedBeatMinMs = 1;
constexpr uint32_t kHurriedBeatMaxMs = 50;
// Reasons that are told until there is a connection again.
constexpr size_t kTroublesTold = 64;
// Where there are several controllers, one is waited for no longer.
constexpr uint32_t kAnswerOfSeveralMs = 2'000;
// For a controller that names none, or nonsense.
constexpr uint32_t kHeartbeatIntervalMinMs = 10;
constexpr uint32_t kHeartbeatTimeoutMinMs = 1'000;

void writeRegistration(const ClientOptions& options,
                       WorkerStateMachine::RegistrationRequest&& request,
                       schema::RegisterMsg::Builder to) {
  write(Registration{.instance = options.instance,
                     .worker = options.worker,
                     .ip = options.ip,
                     .port = options.port,
                     .peerUrl = options.peerUrl,
                     .model = options.model,
                     .worldSize = options.worldSize,
                     .run = request.run,
                     .attempt = request.attempt,
                     .locations = std::move(request.statements),
                     .labels = options.labels},
        to);
  if (!options.hashing) return;
  write(HashSettings{.chunkSize = options.hashing->chunkSize,
                     .algorithm = *parseHashAlgorithm(options.hashing->algorithm),
                     .noneHash = options.hashing->noneHash,
                     .saveUnfullChunk = options.hashing->saveUnfullChunk},
        to.initHashing());
}

}  // namespace

Reporter::Reporter(ClientShared& shared)
    : shared_(shared),
      connector_(shared.loop,
                 {.controllers = shared.options.controller,
                  .toLeader = true,
                  .security = shared.options.security,
                  .backoffMinMs = shared.options.backoffMinMs,
                  .backoffMaxMs = shared.options.backoffMaxMs,
                  .callTimeoutMs = shared.options.callTimeoutMs,
                  .peerTimeoutMs = shared.options.peerTimeoutMs},
                 *this),
      operations_(shared.options.operationsAtOnce,
                  [this](const CacheOperation& operation) { operate(operation); }) {}

Reporter::~Reporter() {
  for (const Flush& flush : flushes_) flush.verdict->give(false);
  if (leaving_) leaving_->give(false);
}

// --- connection and registration ---

kj::Promise<void> Reporter::establish(Connector::Grants grants) {
  if (!grants.hasWorker()) {
    return wireError({ErrorCode::kDenied, "this token does not grant the role of a worker"});
  }
  live_ = std::make_unique<Live>(grants.getWorker(), shared_.options.onFreeze);
  bool again = false;
  {
    const MutexLock lock(shared_.mutex);
    ++shared_.connections;
    again = shared_.machine.counters().registrations > 0;
  }
  return absorb().then([this] { return registerNow(); }).then([this, again] {
    if (again) {
      const MutexLock lock(shared_.mutex);
      ++shared_.reconnects;
    }
    // KJ keeps a reference to a handler that is not a temporary, so each gets its own.
    live_->pump = pump().eagerlyEvaluate(
        [this](kj::Exception&& exception) { sessionFailed(connector_.explain(exception)); });
    live_->beat = beat().eagerlyEvaluate(
        [this](kj::Exception&& exception) { sessionFailed(connector_.explain(exception)); });
  });
}

bool Reporter::absorbPiece() {
  if (!shared_.machine.absorbing()) return false;
  // What is in the inbox would fill the queue again, which only another registration can settle.
  shared_.inbox.drainTo(shared_.machine, ClientShared::kPiece);
  const bool crowded = shared_.inbox.waiting().operations >= Inbox::kCrowded;
  return shared_.machine.absorb(ClientShared::kPiece) || crowded;
}

kj::Promise<void> Reporter::absorb() {
  {
    const MutexLock lock(shared_.mutex);
    if (!absorbPiece()) return kj::READY_NOW;
  }
  // Only a timer lets the loop look at its sockets.
  return shared_.loop.timer().afterDelay(0 * kj::MILLISECONDS).then([this] { return absorb(); });
}

kj::Promise<void> Reporter::registerNow() {
  Live& live = *live_;
  ++live.registrations;
  live.fullSyncs = nullptr;
  if (live.owner) *live.owner = nullptr;
  operations_.sessionOver();
  live.owner = std::make_shared<Reporter*>(this);
  auto request = live.gateway.registerRequest();
  uint64_t attempt = 0;
  uint64_t losses = 0;
  {
    const MutexLock lock(shared_.mutex);
    losses = shared_.machine.counters().losses;
    auto registration = shared_.machine.beginRegistration();
    attempt = registration.attempt;
    writeRegistration(shared_.options, std::move(registration), request.initInfo());
  }
  if (losses > lossesTold_) {
    lossesTold_ = losses;
    tell(ClientLogLevel::kWarning,
         "more operations came than can wait for the controller: it will take what the caches hold "
         "by a full sync");
  }
  request.setWorker(capability(live.owner));
  return shared_.loop.timer().timeoutAfter(shared_.options.callTimeoutMs * kj::MILLISECONDS,
                                           request.send().then([this, attempt](auto&& results) {
                                             registrationAnswered(results, attempt);
                                           }));
}

void Reporter::registrationAnswered(const schema::WorkerGateway::RegisterResults::Reader& results,
                                    uint64_t attempt) {
  const RegistrationAnswer answer = read(results.getAnswer());
  heartbeatIntervalMs_ = std::max(answer.heartbeatIntervalMs, kHeartbeatIntervalMinMs);
  heartbeatTimeoutMs_ = std::max(answer.heartbeatTimeoutMs, kHeartbeatTimeoutMinMs);
  connector_.limitBackoff(heartbeatTimeoutMs_ / 2);
  live_->session = results.getSession();
  live_->fullSyncs = std::make_unique<FullSyncSender>(
      shared_, static_cast<FullSyncSender::User&>(*this), *live_->session);
  if (shared_.options.reportGate) shared_.options.reportGate->sessionBegan();
  std::optional<Error> wrong;
  bool isPaused = false;
  {
    const MutexLock lock(shared_.mutex);
    wrong = shared_.machine.registered(attempt, answer.decisions);
    isPaused = shared_.machine.paused();
  }
  if (wrong) kj::throwFatalException(wireError(*wrong));
  if (!isPaused) setState(ClientState::kRegistered, "");
}

void Reporter::lost(const Error& error) {
  live_ = nullptr;
  operations_.sessionOver();
  {
    const MutexLock lock(shared_.mutex);
    shared_.machine.disconnected();
  }
  if (!connector_.stopped()) {
    setState(ClientState::kConnecting, error.message);
  } else if (!shared_.stopped) {
    stopForGood(
        error.code == ErrorCode::kSuperseded ? ClientState::kSuperseded : ClientState::kRefused,
        error.message);
  }
}

void Reporter::sessionFailed(const Error& error) {
  const bool final = error.code == ErrorCode::kSuperseded || error.code == ErrorCode::kRefused ||
                     error.code == ErrorCode::kDenied;
  connector_.fail({final ? error.code : ErrorCode::kUnavailable, error.message});
}

// --- reports and full syncs ---

void Reporter::wake() {
  if (live_ && live_->wakePump) live_->wakePump->fulfill();
}

kj::Promise<void> Reporter::pump() {
  const uint64_t nowMs = steadyNowMs();
  const bool flushing = !flushes_.empty();
  const uint32_t delayMs = shared_.options.batchDelayMs;
  bool wantsRegistration = false;
  bool hasReport = false;
  bool beatWanted = false;
  std::optional<uint64_t> dueMs;
  {
    const MutexLock lock(shared_.mutex);
    WorkerStateMachine& machine = shared_.machine;
    const Inbox::Waiting waiting = shared_.inbox.waiting();
    if (waiting.operations > 0) {
      if (flushing || waiting.operations >= shared_.options.batchOperations ||
          nowMs >= waiting.sinceMs + delayMs) {
        if (shared_.inbox.drainTo(machine, ClientShared::kPiece)) dueMs = nowMs;
      } else {
        dueMs = waiting.sinceMs + delayMs;
      }
    }
    if (absorbPiece()) {
      dueMs = nowMs;
    } else {
      wantsRegistration = machine.registrationWanted();
    }
    hasReport =
        !leave_ && !machine.registrationWanted() && machine.nextReport(nowMs, flushing, report_);
    if (const auto next = machine.nextDueMs()) dueMs = std::min(dueMs.value_or(*next), *next);
    beatWanted = machine.confirmationWanted() ||
                 std::any_of(flushes_.begin(), flushes_.end(),
                             [&](const Flush& flush) HOLDFAST_REQUIRES(shared_.mutex) {
                               return shared_.machine.sent(flush.position);
                             });
  }
  if (leave_) return deregister();
  thawWhatEnded();
  if (beatWanted) hurryBeat();
  if (wantsRegistration) {
    return registerNow().then([this] { return pump(); },
                              [this](kj::Exception&& exception) -> kj::Promise<void> {
                                connector_.fail(connector_.explain(exception));
                                return kj::NEVER_DONE;
                              });
  }
  kj::Vector<kj::Promise<void>> sent;
  if (hasReport && !sendReport(sent)) return kj::NEVER_DONE;
  if (auto syncSent = live_->fullSyncs->sendNext(nowMs)) sent.add(*kj::mv(syncSent));
  if (sent.empty()) return waitForWork(dueMs);
  return kj::joinPromises(sent.releaseAsArray()).then([this] { return pump(); });
}

bool Reporter::sendReport(kj::Vector<kj::Promise<void>>& sent) {
  ReportGate* const gate = shared_.options.reportGate.get();
  if (gate == nullptr) {
    sent.add(makeReport(*live_->session, report_.view()).send());
    return true;
  }
  const ReportGate::Passage passage = gate->pass(std::exchange(report_, {}));
  if (passage.cut) {
    sessionFailed({ErrorCode::kUnavailable, "the connection was cut by the report gate"});
    return false;
  }
  for (const ReportGate::Report& report : passage.reports) {
    sent.add(makeReport(*live_->session, report.view()).send());
  }
  // What came to nothing is sent all the same: the pump goes on.
  sent.add(kj::READY_NOW);
  return true;
}

kj::Promise<void> Reporter::waitForWork(std::optional<uint64_t> dueMs) {
  auto woken = kj::newPromiseAndFulfiller<void>();
  live_->wakePump = kj::mv(woken.fulfiller);
  kj::Promise<void> ready = kj::mv(woken.promise);
  if (dueMs) {
    const uint64_t nowMs = steadyNowMs();
    const uint64_t waitMs = *dueMs > nowMs ? *dueMs - nowMs : 0;
    // At least one, because the timer's clock and ours may differ by a fraction.
    ready = ready.exclusiveJoin(
        shared_.loop.timer().afterDelay(std::max<uint64_t>(waitMs, 1) * kj::MILLISECONDS));
  }
  return ready.then([this] { return pump(); });
}

kj::Promise<void> Reporter::deregister() {
  return live_->session->deregisterRequest().send().then([this](auto&&) {
    if (leaving_) leaving_->give(true);
    stopForGood(ClientState::kLeft, "");
  });
}

// --- heartbeats ---

kj::Promise<void> Reporter::beat() {
  uint32_t waitMs = live_->hurriedBeatMs > 0 ? live_->hurriedBeatMs : heartbeatIntervalMs_;
  // Workers that registered at the same moment, as after a restart of the controller, do not all
  // speak at the same moment ever after.
  if (std::exchange(live_->firstBeat, false))
    waitMs = 1 + static_cast<uint32_t>(shared_.run % waitMs);
  auto woken = kj::newPromiseAndFulfiller<void>();
  live_->wakeBeat = kj::mv(woken.fulfiller);
  return shared_.loop.timer()
      .afterDelay(waitMs * kj::MILLISECONDS)
      .exclusiveJoin(kj::mv(woken.promise))
      .then([this] { return sendHeartbeat(); })
      .then([this] { return beat(); });
}

kj::Promise<void> Reporter::sendHeartbeat() {
  auto request = live_->session->heartbeatRequest();
  {
    const MutexLock lock(shared_.mutex);
    WorkerStateMachine& machine = shared_.machine;
    // A registration that is due or under way says all that a heartbeat would.
    if (machine.phase() != WorkerStateMachine::Phase::kRegistered || machine.registrationWanted()) {
      return kj::READY_NOW;
    }
    const std::vector<LocationStatement> statements = machine.heartbeat();
    auto message = request.initMessage();
    message.setLoad(shared_.load);
    write(statements, message.initLocations(listSize(statements.size())));
  }
  const uint64_t registration = live_->registrations;
  // One that hangs is left for another one, if there is one.
  const uint32_t waitMs = connector_.several() ? std::min(heartbeatTimeoutMs_, kAnswerOfSeveralMs)
                                               : heartbeatTimeoutMs_;
  return shared_.loop.timer()
      .timeoutAfter(waitMs * kj::MILLISECONDS,
                    request.send().then([this, registration](auto&& results) {
                      if (registration != live_->registrations) return;
                      heartbeatAnswered(results.getAnswer());
                    }))
      .catch_([this, registration](kj::Exception&& exception) {
        // Our own newer registration closes the session of the older one.
        if (registration == live_->registrations) sessionFailed(connector_.explain(exception));
      });
}

void Reporter::heartbeatAnswered(const schema::HeartbeatRetMsg::Reader& answer) {
  const HeartbeatOutcome outcome = read(answer);
  bool confirmationWanted = false;
  {
    const MutexLock lock(shared_.mutex);
    ++shared_.heartbeats;
    shared_.machine.heartbeatAnswered(outcome.committed, outcome.decisions);
    confirmationWanted = shared_.machine.confirmationWanted();
    std::erase_if(flushes_, [&](const Flush& flush) HOLDFAST_REQUIRES(shared_.mutex) {
      if (!shared_.machine.committed(flush.position)) return false;
      flush.verdict->give(true);
      return true;
    });
  }
  // Whoever still waits for a confirmation asks again, less and less often; a report that waited
  // for the window may go out now.
  live_->hurriedBeatMs =
      flushes_.empty() && !confirmationWanted
          ? 0
          : std::clamp(live_->hurriedBeatMs * 2, kHurriedBeatMinMs, kHurriedBeatMaxMs);
  wake();
}

void Reporter::hurryBeat() {
  if (live_->hurriedBeatMs != 0) return;
  live_->hurriedBeatMs = kHurriedBeatMinMs;
  if (live_->wakeBeat) live_->wakeBeat->fulfill();
}

// --- state ---

void Reporter::stopForGood(ClientState state, const std::string& reason) {
  if (shared_.stopped.exchange(true)) return;
  {
    const MutexLock lock(shared_.mutex);
    shared_.machine.stop();
  }
  shared_.inbox.drop();
  connector_.stop({ErrorCode::kUnavailable, reason});
  for (const Flush& flush : flushes_) flush.verdict->give(false);
  flushes_.clear();
  if (leaving_) leaving_->give(false);
  setState(state, reason);
}

void Reporter::setState(ClientState state, const std::string& reason) {
  {
    const MutexLock lock(shared_.stateMutex);
    if (shared_.state == state && shared_.stateReason == reason) return;
    shared_.state = state;
    shared_.stateReason = reason;
  }
  switch (state) {
    case ClientState::kConnecting:
      // Once, though each controller of several may have a reason of its own, in turns.
      if (troublesTold_.size() < kTroublesTold && troublesTold_.insert(reason).second) {
        tell(ClientLogLevel::kWarning, reason + "; trying again");
      }
      break;
    case ClientState::kRegistered:
      troublesTold_.clear();
      tell(ClientLogLevel::kInfo, "registered at the controller at " + connector_.controller());
      break;
    case ClientState::kPaused:
      tell(ClientLogLevel::kInfo, "the controller holds reports back: " + reason);
      break;
    case ClientState::kSuperseded:
    case ClientState::kRefused:
      tell(ClientLogLevel::kError, "stopped for good: " + reason);
      break;
    case ClientState::kLeft:
    case ClientState::kForked:
      tell(ClientLogLevel::kInfo, "stopped for good: the worker has left");
      break;
  }
  if (shared_.onState) shared_.onState(state, reason);
}

void Reporter::tell(ClientLogLevel level, const std::string& line) {
  if (!shared_.options.onLog) return;
  shared_.options.onLog(level, "instance " + quotedForPeople(shared_.options.instance) +
                                   " worker " + std::to_string(shared_.options.worker) + ": " +
                                   line);
}

}  // namespace holdfast
