#include "capture/inputs.h"

#include <utility>

#include "capture/recorder.h"
#include "capture/values.h"
#include "core/notice.h"

namespace holdfast {
namespace {

using Entry = schema::CaptureEntry::Builder;

kj::uint sizeOf(size_t size) {
  return static_cast<kj::uint>(size);
}

template <typename Builder>
void writeState(const Registry& registry, Builder to) {
  to.setRegistryDigest(textOf(registry.registryDigest().hex()));
  const NamedCounters counters = named(registry.counters());
  write(counters, to.initCounters(sizeOf(counters.size())));
}

}  // namespace

Inputs::Inputs(Environment& environment, Registry& registry, Executor& executor,
               NoticeSink& notices)
    : environment_(environment), registry_(registry), executor_(executor), notices_(notices) {}

Inputs::~Inputs() = default;

template <typename Fill>
void Inputs::record(SessionId session, Fill fill) {
  if (recorder_ == nullptr) return;
  if (!recorder_->add(environment_.answers(), registry_.ledger().queued(), session, fill)) giveUp();
}

void Inputs::giveUp() {
  const std::string why = recorder_->log().failure();
  recorder_->close(environment_.answers(), registry_.ledger().queued(), [&](Entry entry) {
    auto end = entry.initEnd();
    end.setReason(schema::CaptureEnd::Reason::GAVE_UP);
    end.setText(textOf(why));
  });
  notices_.notice(notice::CaptureEnded{recorder_->log().folder(), why});
  recorder_.reset();
}

void Inputs::capture(std::unique_ptr<LogWriter> log, const Capture& capture) {
  recorder_ = std::make_unique<Recorder>(std::move(log), capture.redact);
  record(kNoSession, [&](Entry entry) {
    auto start = entry.initStart();
    write(capture.options, start);
    start.setRedacted(capture.redact);
    start.setClusterId(textOf(capture.clusterId));
    start.setCheckpoint(textOf(capture.checkpoint));
    start.setFirstTicket(registry_.ledger().queued() + 1);
    writeState(registry_, start);
  });
  environment_.holdTime(false);
}

std::string Inputs::captureFolder() const {
  return recorder_ == nullptr ? std::string() : recorder_->log().folder();
}

void Inputs::holdFolds(bool hold) {
  registry_.holdFolds(hold);
  if (!hold) environment_.holdTime(false);
}

void Inputs::restart(const std::string& why) {
  environment_.begin();
  environment_.holdTime(true);
  registry_.restart(why);
  executor_.restart();
}

void Inputs::endCapture(CaptureEnd why) {
  if (recorder_ == nullptr) return;
  recorder_->flush();
  if (!recorder_->log().failure().empty()) return giveUp();
  recorder_->close(environment_.answers(), registry_.ledger().queued(), [&](Entry entry) {
    auto end = entry.initEnd();
    end.setReason(why == CaptureEnd::kProcessEnded ? schema::CaptureEnd::Reason::PROCESS_ENDED
                                                   : schema::CaptureEnd::Reason::SWITCHED_OFF);
    end.setContentDigest(textOf(registry_.contentDigest().hex()));
    writeState(registry_, end);
  });
  recorder_.reset();
}

// --- messages of workers ---

Result<RegisterOutcome> Inputs::registerWorker(const Registration& registration, WorkerLink& link) {
  environment_.begin();
  auto outcome = registry_.registration().registerWorker(registration, link);
  record(outcome.ok() ? outcome.value().session : kNoSession, [&](Entry entry) {
    write(registration, entry.initRegister());
    entry.setOnLaterConnection(registration.onLaterConnection);
  });
  return outcome;
}

Result<HeartbeatOutcome> Inputs::heartbeat(SessionId session,
                                           const std::vector<LocationStatement>& statements) {
  environment_.begin();
  auto outcome = registry_.registration().heartbeat(session, statements);
  record(session, [&](Entry entry) {
    write(statements, entry.initHeartbeat().initLocations(sizeOf(statements.size())));
  });
  return outcome;
}

Result<ReportOutcome> Inputs::report(SessionId session, const Report& report) {
  environment_.begin();
  auto outcome = registry_.kv().handleBatchedKvOperations(session, report);
  record(session, [&](Entry entry) { write(report, entry.initReport()); });
  return outcome;
}

Result<FullSyncStartOutcome> Inputs::fullSyncStart(SessionId session,
                                                   const FullSyncStart& message) {
  environment_.begin();
  auto outcome = registry_.kv().handleFullSyncStart(session, message);
  record(session, [&](Entry entry) { write(message, entry.initFullSyncStart()); });
  return outcome;
}

Result<bool> Inputs::fullSyncBatch(SessionId session, const FullSyncBatch& message) {
  environment_.begin();
  auto outcome = registry_.kv().handleFullSyncBatch(session, message);
  record(session, [&](Entry entry) { write(message, entry.initFullSyncBatch()); });
  return outcome;
}

Result<FullSyncStatus> Inputs::fullSyncEnd(SessionId session, const FullSyncEnd& message) {
  environment_.begin();
  auto outcome = registry_.kv().handleFullSyncEnd(session, message);
  record(session, [&](Entry entry) { write(message, entry.initFullSyncEnd()); });
  return outcome;
}

Result<FullSyncStatus> Inputs::fullSyncStatus(SessionId session, std::string_view location,
                                              uint64_t incarnation, uint64_t syncId) {
  environment_.begin();
  auto outcome = registry_.kv().handleFullSyncStatus(session, location, incarnation, syncId);
  record(session, [&](Entry entry) {
    auto message = entry.initFullSyncStatus();
    message.setLocation(textOf(location));
    message.setIncarnation(incarnation);
    message.setSyncId(syncId);
  });
  return outcome;
}

void Inputs::replayRefused(SessionId session, std::string_view location, uint64_t incarnation) {
  environment_.begin();
  registry_.kv().replayRefused(session, location, incarnation);
  record(session, [&](Entry entry) {
    auto message = entry.initReplayRefused();
    message.setLocation(textOf(location));
    message.setIncarnation(incarnation);
  });
}

Result<std::span<const PeerMatch>> Inputs::peersFound(SessionId session, PromptLookup& lookup) {
  environment_.begin();
  const auto error = registry_.kv().lookedUpPeers(session);
  record(session, [&](Entry entry) {
    const auto hashes = lookup.hashes();
    copyNumbers<uint64_t>(hashes, entry.initP2pLookup().initHashes(sizeOf(hashes.size())));
  });
  if (error) return *error;
  return lookup.peers();
}

Result<Ticket> Inputs::deregister(SessionId session) {
  environment_.begin();
  auto outcome = registry_.registration().deregister(session);
  record(session, [](Entry entry) { entry.setDeregister(); });
  return outcome;
}

void Inputs::answered(SessionId session, uint64_t number, const OperationOutcome& outcome) {
  environment_.begin();
  executor_.answered(session, number, outcome);
  record(session, [&](Entry entry) {
    auto message = entry.initAnswered();
    message.setNumber(number);
    write(outcome, message.initOutcome());
  });
}

void Inputs::connectionClosed(SessionId session) {
  environment_.begin();
  registry_.registration().connectionClosed(session);
  record(session, [](Entry entry) { entry.setConnectionClosed(); });
}

void Inputs::sessionFailed(SessionId session, const std::string& why) {
  environment_.begin();
  registry_.registration().sessionFailed(session, why);
  record(session, [&](Entry entry) { entry.setSessionFailed(textOf(why)); });
}

// --- of routers and operators ---

bool Inputs::advance(PromptLookup& lookup) {
  environment_.begin();
  return lookup.advance();
}

std::span<const LookupMatch> Inputs::found(PromptLookup& lookup, std::span<const uint32_t> tokens) {
  environment_.begin();
  registry_.kv().lookedUp();
  record(kNoSession, [&](Entry entry) {
    const auto hashes = lookup.hashes();
    auto message = entry.initLookup();
    message.setModel(textOf(lookup.model()));
    message.setWithPins(lookup.withPins());
    copyNumbers<uint64_t>(hashes, message.initHashes(sizeOf(hashes.size())));
    if (tokens.empty() || recorder_->redacts()) return;
    copyNumbers<uint32_t>(tokens, message.initTokens(sizeOf(tokens.size())));
  });
  return lookup.matches();
}

Result<const Event*> Inputs::start(OperationRequest request) {
  environment_.begin();
  if (recorder_ == nullptr) return executor_.start(std::move(request));
  auto started = executor_.start(request);
  record(kNoSession, [&](Entry entry) { write(request, entry.initOperation()); });
  return started;
}

Result<uint32_t> Inputs::forceSync(std::string_view instance, uint32_t worker,
                                   std::string_view location) {
  environment_.begin();
  auto outcome = registry_.operators().forceSync(instance, worker, location);
  record(kNoSession, [&](Entry entry) {
    auto message = entry.initForceSync();
    message.setInstanceId(textOf(instance));
    message.setWorkerId(worker);
    message.setLocation(textOf(location));
  });
  return outcome;
}

Result<Ticket> Inputs::forget(std::string_view instance, uint32_t worker) {
  environment_.begin();
  auto outcome = registry_.operators().forget(instance, worker);
  record(kNoSession, [&](Entry entry) {
    auto message = entry.initForget();
    message.setInstanceId(textOf(instance));
    message.setWorkerId(worker);
  });
  return outcome;
}

Result<Ticket> Inputs::drain(std::string_view instance, bool drained) {
  environment_.begin();
  auto outcome = registry_.operators().drain(instance, drained);
  record(kNoSession, [&](Entry entry) {
    auto message = entry.initDrain();
    message.setInstanceId(textOf(instance));
    message.setUndo(!drained);
  });
  return outcome;
}

// --- of the event loop and the store ---

void Inputs::tick() {
  environment_.begin();
  registry_.tick();
  executor_.tick();
  record(kNoSession, [](Entry entry) { entry.setTick(); });
  if (recorder_ != nullptr) recorder_->flush();
}

bool Inputs::work() {
  environment_.begin();
  const bool more = registry_.work();
  const bool moreOperations = executor_.work();
  record(kNoSession, [](Entry entry) { entry.setWork(); });
  return more || moreOperations;
}

void Inputs::storePolled() {
  environment_.begin();
  executor_.storePolled();
  record(kNoSession, [](Entry entry) { entry.setStorePolled(); });
}

void Inputs::onCommitted(Ticket upTo) {
  environment_.begin();
  registry_.onCommitted(upTo);
  record(kNoSession, [&](Entry entry) { entry.setCommitted(upTo); });
}

void Inputs::onFolded(const FoldResult& result) {
  environment_.begin();
  registry_.onFolded(result);
  record(kNoSession, [&](Entry entry) { write(result, entry.initFolded()); });
}

void Inputs::onHealth(const StoreHealth& health) {
  environment_.begin();
  environment_.health(health);
  registry_.onHealth(health);
  record(kNoSession, [&](Entry entry) {
    auto message = entry.initHealth();
    message.setWritable(health.writable);
    message.setReason(textOf(health.reason));
  });
}

}  // namespace holdfast
