#include "core/registry/registration_controller.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/notice.h"
#include "core/registry/instance_ranks.h"
#include "core/registry/notice_names.h"
#include "core/registry/pins.h"
#include "core/registry/registration_checks.h"
#include "core/repair/resume_policy.h"

namespace holdfast {
namespace {

constexpr uint64_t kSupersessionWarningMs = 60'000;

// As it states it.
std::string addressOf(const WorkerRecord& record) {
  const bool v6 = record.ip.find(':') != std::string::npos;
  return (v6 ? "[" + record.ip + "]" : record.ip) + ":" + std::to_string(record.port);
}

notice::Known knownAs(const Worker* worker, const Registration& registration) {
  if (worker == nullptr) return notice::Known::kNew;
  if (worker->record.state == WorkerState::kRecovered) return notice::Known::kRecovered;
  return worker->record.run == registration.run ? notice::Known::kSameProcess
                                                : notice::Known::kOtherProcess;
}

// Whether a heartbeat states that its worker emptied the location: an incarnation that is neither
// held nor built, without a key.
bool cleared(const Location& location, const LocationStatement& statement) {
  const LocationRecord& record = location.record;
  return statement.incarnation != kLegacyIncarnation && statement.count == 0 &&
         statement.incarnation != record.live.incarnation &&
         !(record.building && record.building->incarnation == statement.incarnation);
}

}  // namespace

RegistrationController::RegistrationController(RegistryTree& tree, RegistryStore& store,
                                               Clock& clock, NoticeSink& notices,
                                               RepairController& repair, const Options& options)
    : tree_(tree),
      store_(store),
      clock_(clock),
      notices_(notices),
      repair_(repair),
      comparison_(tree, repair, notices),
      options_(options) {}

void RegistrationController::endSession(Worker& worker) {
  repair_.settle(worker);
  tree_.closeSession(worker);
}

// LOST ones make room for a worker more.
void RegistrationController::makeRoom(StoreBatch& batch) {
  if (tree_.workers() < options_.workersMax) return;
  Worker* least = lostWorkerToForget(tree_);
  HOLDFAST_CHECK(least != nullptr, "nobody is LOST");
  ++tree_.counters().workersMadeRoom;
  const uint64_t chunks = chunksOf(*least);
  if (chunks == 0) {
    notices_.notice(notice::EmptyWorkerMadeRoom{nameOf(*least), options_.workersMax});
  } else {
    notices_.notice(notice::WorkerMadeRoom{nameOf(*least), chunks, options_.workersMax});
  }
  forget(*least, batch);
}

void RegistrationController::supersede(Worker& worker) {
  ++tree_.counters().supersessions;
  const uint64_t now = clock_.steadyMs();
  if (worker.lastSupersededMs != 0 && now - worker.lastSupersededMs < kSupersessionWarningMs) {
    notices_.notice(notice::WorkerContested{nameOf(worker)});
  } else {
    notices_.notice(notice::WorkerSuperseded{nameOf(worker)});
  }
  worker.lastSupersededMs = now;
  worker.supersededRuns.push_back(worker.record.run);
  if (worker.supersededRuns.size() > kSupersededRunsMax) worker.supersededRuns.pop_front();
  worker.link->superseded("a newer process registered as " + describe(worker));
  repair_.settle(worker);
  tree_.supersedeSession(worker);
}

std::optional<Error> RegistrationController::whyRefused(const Registration& registration,
                                                        const Worker* worker) const {
  if (auto bad = invalidRegistration(registration)) return bad;
  const StoreHealth health = store_.health();
  if (!health.writable) return Error{ErrorCode::kUnavailable, health.reason};
  return notAcceptable(tree_, registration, worker, options_.workersMax);
}

Result<RegisterOutcome> RegistrationController::registerWorker(const Registration& registration,
                                                               WorkerLink& link) {
  Worker* worker = tree_.findWorker(registration.instance, registration.worker);
  if (auto error = whyRefused(registration, worker)) {
    notices_.notice(notice::RegistrationRefused{
        {registration.instance.substr(0, kInstanceIdBytesMax), registration.worker},
        error->message});
    return *error;
  }

  ++tree_.counters().registrations;
  notice::WorkerRegistered said{.worker = {registration.instance, registration.worker},
                                .known = knownAs(worker, registration)};
  const auto lostMs = worker == nullptr ? std::nullopt : lostFor(*worker);
  StoreBatch batch;
  if (worker == nullptr) makeRoom(batch);
  const Comparison::Situation situation = worker == nullptr
                                              ? Comparison::Situation{.atRegistration = true}
                                              : situationOf(registration, *worker);
  Instance* instance = tree_.findInstance(registration.instance);
  const bool newInstance = instance == nullptr;
  if (newInstance) {
    instance = &tree_.addInstance(registration.instance, store_.claim());
    instance->record.createdWallMs = clock_.wallMs();
  }
  if (worker == nullptr) {
    worker = &tree_.addWorker(*instance, registration.worker, store_.claim(), nullptr);
  } else if (repeatsRun(registration, *worker)) {
    notices_.notice(notice::RunRepeated{nameOf(*worker)});
    if (worker->session != kNoSession) supersede(*worker);
    forgetContent(*worker, batch);
  } else if (worker->session != kNoSession && worker->record.run != registration.run) {
    // Of an engine whose stream is read it is the same gateway that says so.
    const bool sameGateway = registration.source && worker->record.source;
    if (!sameGateway) supersede(*worker);
  }
  const bool newWorldSize =
      registration.worldSize != 0 && registration.worldSize != instance->record.worldSize;
  if (newWorldSize) instance->record.worldSize = registration.worldSize;
  if (newInstance || newWorldSize) {
    batch.steps.emplace_back(PutInstance{instance->owner, instance->record});
  }
  // What was decided in an older session is decided anew.
  repair_.settle(*worker);
  takeOver(*worker, registration, batch);

  RegisterOutcome outcome;
  Comparison::Numbering numbering;
  for (const LocationStatement& statement : registration.locations) {
    outcome.decisions.push_back(
        registration.resumes ? comparison_.resume(*worker, statement, batch, numbering)
                             : comparison_.decide(*worker, statement, situation, batch, numbering));
  }
  outcome.session = tree_.openSession(*worker, link);
  tree_.refreshVisibility(*worker);
  noticeRegistration(*worker, std::move(said), lostMs);
  noticeRanks(*instance);
  outcome.ticket = commit(std::move(batch), numbering);
  worker->registrationTicket = outcome.ticket;
  return outcome;
}

std::optional<uint64_t> RegistrationController::lostFor(const Worker& worker) const {
  if (worker.record.state != WorkerState::kLost) return std::nullopt;
  const uint64_t now = clock_.storeMs();
  return now - std::min(now, worker.record.lostMs());
}

void RegistrationController::noticeRegistration(const Worker& worker, notice::WorkerRegistered said,
                                                std::optional<uint64_t> lostMs) {
  said.address = addressOf(worker.record);
  said.model = worker.record.model.empty() ? tree_.defaultModel() : worker.record.model;
  for (const auto& location : worker.locations) {
    ++said.locations;
    if (location->sync == SyncState::kInSync) ++said.inSync;
  }
  if (!lostMs) return notices_.notice(said);
  notices_.notice(notice::WorkerReturned{.worker = std::move(said.worker),
                                         .lostMs = *lostMs,
                                         .address = std::move(said.address),
                                         .model = std::move(said.model),
                                         .locations = said.locations,
                                         .inSync = said.inSync});
}

void RegistrationController::forgetContent(Worker& worker, StoreBatch& batch) {
  // A quarantined worker's family is abandoned as a whole.
  if (!worker.quarantined.empty()) return;
  while (!worker.locations.empty()) {
    Location& location = *worker.locations.back();
    repair_.settle(location);
    batch.steps.emplace_back(DropLocation{worker.owner, location.record.id});
    tree_.removeLocation(location);
  }
}

// The worker's record becomes what it says now; what it does not state any more is forgotten.
void RegistrationController::takeOver(Worker& worker, const Registration& registration,
                                      StoreBatch& batch) {
  if (!worker.quarantined.empty()) {
    // Its family cannot be trusted to take writes: a fresh one, and the damaged one is abandoned.
    batch.steps.emplace_back(Release{worker.owner});
    worker.owner = store_.claim();
    tree_.setQuarantined(worker, {});
    while (!worker.locations.empty()) tree_.removeLocation(*worker.locations.back());
  }
  WorkerRecord& record = worker.record;
  const bool otherModel = worker.modelSalt != tree_.salt(registration.model);
  if (!registration.resumes || otherModel) record.position.reset();
  if (record.run != registration.run) {
    // Pins lived in the memory of the other process.
    for (const auto& location : worker.locations) dropPins(*location, batch);
  }
  record.ip = registration.ip;
  record.port = registration.port;
  record.peerUrl = registration.peerUrl;
  record.model = registration.model;
  record.worldSize = registration.worldSize;
  record.labels = registration.labels;
  record.source = registration.source;
  record.run = registration.run;
  record.attempt = registration.attempt;
  worker.takesTokens = registration.takesTokens;
  worker.pinSecondsMax = registration.pinSecondsMax;
  tree_.setState(worker, WorkerState::kActive);
  worker.heard(clock_);
  record.registeredWallMs = record.lastSeenWallMs = worker.lastSeenWallMs;
  record.lostStoreMs = 0;
  batch.steps.emplace_back(PutWorker{worker.owner, record});

  if (otherModel && !worker.locations.empty()) {
    notices_.notice(notice::ModelChanged{
        nameOf(worker), registration.model.empty() ? tree_.defaultModel() : registration.model});
  }
  tree_.setModel(worker, registration.model);
  const auto stated = [&](const Location& location) {
    return std::any_of(registration.locations.begin(), registration.locations.end(),
                       [&](const auto& one) { return one.location == location.record.name; });
  };
  for (size_t i = worker.locations.size(); i-- > 0;) {
    Location& location = *worker.locations[i];
    const bool isStated = stated(location);
    if (!otherModel && (isStated || registration.resumes)) continue;
    if (!isStated) {
      ++tree_.counters().decisions[static_cast<size_t>(Reason::kNotStated)];
      notices_.notice(
          notice::LocationForgotten{nameOf(location), Reason::kNotStated, location.count});
    }
    batch.steps.emplace_back(DropLocation{worker.owner, location.record.id});
    tree_.removeLocation(location);
  }
}

Ticket RegistrationController::commit(StoreBatch batch, const Comparison::Numbering& numbering) {
  if (batch.steps.empty()) return tree_.ledger().queued();
  const Ticket ticket = store_.write(std::move(batch));
  for (const auto& [location, seq] : numbering) tree_.restartNumbering(*location, seq, ticket);
  return ticket;
}

// Before anything of the worker has changed.
Comparison::Situation RegistrationController::situationOf(const Registration& registration,
                                                          const Worker& worker) const {
  Comparison::Situation situation{.atRegistration = true};
  if (!worker.quarantined.empty()) {
    situation.anew = Reason::kQuarantined;
  } else if (repeatsRun(registration, worker)) {
    situation.anew = Reason::kRunRepeated;
  } else if (worker.modelSalt != tree_.salt(registration.model)) {
    situation.anew = Reason::kModelChanged;
  }
  situation.sameProcess =
      registration.run == worker.record.run && situation.anew != Reason::kRunRepeated;
  return situation;
}

Result<HeartbeatOutcome> RegistrationController::heartbeat(
    SessionId session, const std::vector<LocationStatement>& statements, Load load) {
  Worker* worker = tree_.bySession(session);
  if (worker == nullptr) {
    return tree_.sessionNotInForce(session);
  }
  if (auto bad = invalidStatements(statements)) return *bad;
  if (load > kLoadMax && load != kLoadUnknown) {
    return Error{ErrorCode::kInvalid, "a load of " + std::to_string(load) +
                                          " thousandths, at most " + std::to_string(kLoadMax) +
                                          " are allowed"};
  }
  for (const LocationStatement& statement : statements) {
    if (worker->find(statement.location) == nullptr) {
      return Error{ErrorCode::kInvalid, "location '" + statement.location +
                                            "' was not stated when this session registered"};
    }
  }
  ++tree_.counters().heartbeats;
  worker->heard(clock_);
  tree_.setLoad(*worker, load, worker->lastHeardMs);
  HeartbeatOutcome outcome;
  // A worker that registers again soon is compared then; without a store nothing can be decided.
  if (worker->flow == Flow::kOpen && store_.health().writable) {
    StoreBatch batch;
    Comparison::Numbering numbering;
    for (const LocationStatement& statement : statements) {
      Location& location = *worker->find(statement.location);
      // Whatever was under way is about content that the worker has dropped.
      if (cleared(location, statement)) {
        repair_.settle(location);
        location.gap.clear();
        abandonBuilding(tree_, location, batch);
      }
      // What is under way is not decided again before its time-out.
      const bool underWay =
          repair_.wanted(location) || location.gap.replay.to != 0 || !location.gap.held.empty();
      if (!underWay)
        comparison_.decide(*worker, statement, {.sameProcess = true}, batch, numbering);
    }
    if (!batch.steps.empty()) {
      commit(std::move(batch), numbering);
      tree_.refreshVisibility(*worker);
    }
  }
  for (const auto& location : worker->locations) {
    outcome.committed.push_back(
        {location->record.name, location->record.live.incarnation, tree_.committedSeq(*location)});
    if (auto decision = repairUnderWay(*location))
      outcome.decisions.push_back(std::move(*decision));
    if (location->record.live.incarnation == kLegacyIncarnation &&
        repair_.tracker().phase(location->serial) == FullSyncTracker::Phase::kAsked) {
      outcome.commands.emplace_back(location->record.name, location->syncReason);
    }
  }
  return outcome;
}

void RegistrationController::resume(Worker& worker) {
  if (worker.session == kNoSession || worker.flow == Flow::kResuming) return;
  worker.flow = Flow::kResuming;
  notices_.notice(notice::WorkerResumed{nameOf(worker)});
  worker.link->resume();
}

void RegistrationController::noticeRanks(Instance& instance) {
  if (ranksContradict(instance) == instance.contradictionSaid) return;
  instance.contradictionSaid = !instance.contradictionSaid;
  const std::string& name = instance.record.instance;
  if (!instance.contradictionSaid) return notices_.notice(notice::RanksAgree{name});
  notices_.notice(notice::RanksContradict{name, contradictionOf(instance)});
}

void RegistrationController::forget(Worker& worker, StoreBatch& batch) {
  Instance& instance = *worker.instance;
  const bool last = instance.workers.size() == 1;
  batch.steps.emplace_back(Release{worker.owner});
  if (last) batch.steps.emplace_back(Release{instance.owner});
  endSession(worker);
  tree_.removeWorker(worker);
  if (!last) noticeRanks(instance);
}

Ticket RegistrationController::forget(Worker& worker) {
  StoreBatch batch;
  forget(worker, batch);
  return commit(std::move(batch), {});
}

Result<Ticket> RegistrationController::deregister(SessionId session) {
  Worker* worker = tree_.bySession(session);
  if (worker == nullptr) return Ticket{0};
  ++tree_.counters().deregistrations;
  notices_.notice(notice::WorkerDeregistered{nameOf(*worker), chunksOf(*worker)});
  return forget(*worker);
}

void RegistrationController::markLost(Worker& worker, notice::WorkerLost why) {
  ++tree_.counters().workersLost;
  why.worker = nameOf(worker);
  notices_.notice(why);
  endSession(worker);
  tree_.setState(worker, WorkerState::kLost);
  worker.record.lastSeenWallMs = worker.lastSeenWallMs;
  worker.record.lostStoreMs = clock_.storeMs();
  worker.lastHeardMs = clock_.steadyMs();
  tree_.refreshVisibility(worker);
  noticeRanks(*worker.instance);
  // A quarantined worker's family takes no writes; it is found again as it is.
  if (!worker.quarantined.empty()) return;
  StoreBatch batch;
  batch.steps.emplace_back(PutWorker{worker.owner, worker.record});
  commit(std::move(batch), {});
}

void RegistrationController::connectionClosed(SessionId session) {
  Worker* worker = tree_.bySession(session);
  if (worker != nullptr) markLost(*worker, {.cause = notice::LostCause::kConnectionGone});
}

void RegistrationController::awaitBack(SessionId session) {
  Worker* worker = tree_.bySession(session);
  if (worker == nullptr) return;
  endSession(*worker);
  tree_.setState(*worker, WorkerState::kRecovered);
  worker->lastHeardMs = clock_.steadyMs();
  tree_.refreshVisibility(*worker);
}

void RegistrationController::sessionFailed(SessionId session, const std::string& why) {
  Worker* worker = tree_.bySession(session);
  if (worker == nullptr) return;
  notice::WorkerLost lost;
  lost.cause = notice::LostCause::kBrokeProtocol;
  lost.detail = why;
  markLost(*worker, std::move(lost));
}

void RegistrationController::checkTimes(Worker& worker, std::vector<Worker*>& expired) {
  const uint64_t now = clock_.steadyMs();
  // While the controller is away nobody can come back: after a start there is some time for it.
  const uint64_t timeToReturnMs = std::min(options_.heartbeatTimeoutMs, options_.lostGraceMs);
  const uint64_t silentMs = now - std::min(now, worker.lastHeardMs);
  if (worker.load != kLoadUnknown && now - worker.loadMs >= options_.heartbeatTimeoutMs) {
    tree_.setLoad(worker, kLoadUnknown, now);
  }
  if (worker.record.state == WorkerState::kLost) {
    const bool anything = !worker.record.source || !worker.locations.empty();
    if (anything && *lostFor(worker) >= options_.lostGraceMs && silentMs >= timeToReturnMs) {
      expired.push_back(&worker);
    }
  } else if (silentMs >= options_.heartbeatTimeoutMs) {
    WorkerLink* const link = worker.link;
    const bool wasThere = worker.record.state != WorkerState::kRecovered;
    markLost(worker, {.cause = wasThere ? notice::LostCause::kSilent : notice::LostCause::kNotBack,
                      .silentMs = silentMs});
    if (link != nullptr) {
      link->closed("nothing received for " + std::to_string(silentMs) + " ms");
    }
  } else if (worker.flow == Flow::kPaused && store_.health().writable &&
             store_.hasRoom(kStoreQueueBytesMax / 2)) {
    resume(worker);
  }
}

void RegistrationController::tick() {
  std::vector<Worker*> expired;
  for (size_t left = std::min(kWorkersPerTick, tree_.workers()); left != 0; --left) {
    Worker* worker = tree_.workerBehind(checkedInstance_, checkedWorker_);
    if (worker == nullptr) worker = tree_.workerBehind({}, std::nullopt);
    checkedInstance_ = worker->record.instance;
    checkedWorker_ = worker->record.worker;
    checkTimes(*worker, expired);
  }
  for (Worker* worker : expired) {
    ++tree_.counters().workersExpired;
    notices_.notice(notice::WorkerExpired{nameOf(*worker), options_.lostGraceMs});
    if (worker->record.source) {
      // Its engine is waited for until somebody removes it.
      StoreBatch batch;
      forgetContent(*worker, batch);
      worker->record.position.reset();
      batch.steps.emplace_back(PutWorker{worker->owner, worker->record});
      commit(std::move(batch), {});
      continue;
    }
    forget(*worker);
  }
}

void RegistrationController::pauseAll(const std::string& reason) {
  for (const auto& [name, instance] : tree_.instances()) {
    for (const auto& [id, worker] : instance->workers) {
      if (worker->session == kNoSession || worker->flow == Flow::kPaused) continue;
      worker->flow = Flow::kPaused;
      worker->link->pause(reason);
    }
  }
}

void RegistrationController::restart(const std::string& why) {
  checkedInstance_.clear();
  checkedWorker_.reset();
  StoreBatch batch;
  for (const auto& [name, instance] : tree_.instances()) {
    for (const auto& [id, worker] : instance->workers) {
      WorkerLink* link = worker->link;
      endSession(*worker);
      if (link != nullptr) link->closed(why);
      if (worker->record.state == WorkerState::kActive) {
        tree_.setState(*worker, WorkerState::kRecovered);
      }
      worker->lastHeardMs = clock_.steadyMs();
      worker->lastSupersededMs = 0;
      worker->supersededRuns.clear();
      worker->registrationTicket = 0;
      for (const auto& location : worker->locations) {
        abandonBuilding(tree_, *location, batch);
        location->gap.clear();
        location->turnQueued = location->foldQueued = false;
        location->completedSync = {};
        location->syncReason = Reason::kNone;
        location->legacySeq = 0;
        if (!worker->quarantined.empty()) continue;
        location->sync.forgetWasOut();
        awaitRegistration(*location);
      }
      tree_.refreshVisibility(*worker);
    }
  }
  commit(std::move(batch), {});
}

}  // namespace holdfast
