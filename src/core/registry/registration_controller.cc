#include "core/registry/registration_controller.h"

#include <algorithm>
#include <tuple>

#include "core/check.h"
#include "core/ids.h"
#include "core/registry/instance_ranks.h"
#include "core/registry/notice_names.h"
#include "core/registry/pins.h"
#include "core/repair/resume_policy.h"

namespace holdfast {
namespace {

constexpr uint64_t kSupersessionWarningMs = 60'000;

std::optional<std::string> invalidStatements(const std::vector<LocationStatement>& statements) {
  if (statements.size() > kLocationsPerWorkerMax) {
    return "a worker may have " + std::to_string(kLocationsPerWorkerMax) + " locations, not " +
           std::to_string(statements.size());
  }
  for (size_t i = 0; i < statements.size(); ++i) {
    const LocationStatement& one = statements[i];
    if (auto bad = invalidId("location name", one.location, kLocationNameBytesMax)) return bad;
    for (size_t j = 0; j < i; ++j) {
      if (statements[j].location == one.location) {
        return "location '" + one.location + "' is stated twice";
      }
    }
    if (one.lastSeq == UINT64_MAX) return "location '" + one.location + "': lastSeq is over 2^64-2";
    if (one.replayableFrom == 0 || one.replayableFrom > one.lastSeq + 1) {
      return "location '" + one.location + "': replayableFrom " +
             std::to_string(one.replayableFrom) +
             " is not within 1 to lastSeq + 1 = " + std::to_string(one.lastSeq + 1);
    }
  }
  return std::nullopt;
}

std::optional<std::string> invalidRegistration(const Registration& r) {
  if (auto bad = invalidId("instance id", r.instance, kInstanceIdBytesMax)) return bad;
  if (auto bad = invalidText("ip", r.ip, kIpBytesMax)) return bad;
  if (auto bad = invalidText("peer URL", r.peerUrl, kPeerUrlBytesMax)) return bad;
  if (auto bad = invalidText("model", r.model, kModelBytesMax)) return bad;
  if (r.port > 65535) return "port " + std::to_string(r.port) + " is over 65535";
  if (r.worldSize != 0 && r.worker >= r.worldSize) {
    return "worker " + std::to_string(r.worker) + " of a world size of " +
           std::to_string(r.worldSize) + ": ranks count from 0 and are below the world size";
  }
  if (r.run == 0) return "run must be a random number, not 0";
  if (r.attempt == 0) return "attempt counts from 1";
  return invalidStatements(r.locations);
}

Error noSuchWorker(std::string_view instance, uint32_t worker) {
  return {ErrorCode::kNotFound, "there is no worker " + std::to_string(worker) + " of instance " +
                                    quotedForPeople(instance) +
                                    "; holdfast-ctl workers shows those that there are"};
}

std::string describe(const Registration& registration) {
  return "instance " + quotedForPeople(registration.instance) + " worker " +
         std::to_string(registration.worker);
}

uint64_t chunksOf(const Worker& worker) {
  uint64_t chunks = 0;
  for (const auto& location : worker.locations) chunks += location->count;
  return chunks;
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
      options_(options) {}

void RegistrationController::endSession(Worker& worker) {
  repair_.settle(worker);
  tree_.closeSession(worker);
}

std::optional<Error> RegistrationController::notAcceptable(const Registration& registration,
                                                           const Worker* worker) const {
  const LocationNames& names = tree_.locationNames();
  const auto newNames = static_cast<size_t>(
      std::count_if(registration.locations.begin(), registration.locations.end(),
                    [&](const LocationStatement& one) { return !names.knows(one.location); }));
  if (names.size() + newNames > kLocationNamesMax) {
    return Error{ErrorCode::kUnavailable,
                 describe(registration) + ": " + std::to_string(newNames) +
                     " of its location names are new, and " + std::to_string(names.size()) +
                     " of at most " + std::to_string(kLocationNamesMax) +
                     " are in use; try again later, name the locations of all workers alike, or "
                     "forget workers that do not come back"};
  }
  if (worker == nullptr) {
    // A LOST one makes room.
    if (tree_.workers() < options_.workersMax || tree_.workersLost() > 0) return std::nullopt;
    return Error{ErrorCode::kUnavailable,
                 "this controller takes " + std::to_string(options_.workersMax) +
                     " workers and has as many, none of them LOST; try again later, raise "
                     "--workers-max, or deregister some"};
  }
  if (registration.run == worker->record.run) {
    if (registration.attempt > worker->record.attempt || repeatsRun(registration, *worker)) {
      return std::nullopt;
    }
    return Error{ErrorCode::kSuperseded,
                 describe(*worker) + ": attempt " + std::to_string(registration.attempt) +
                     " of this run came after attempt " + std::to_string(worker->record.attempt)};
  }
  const auto& superseded = worker->supersededRuns;
  if (worker->session != kNoSession &&
      std::find(superseded.begin(), superseded.end(), registration.run) != superseded.end()) {
    return Error{ErrorCode::kSuperseded,
                 describe(*worker) + ": another process took this worker over and is active"};
  }
  return std::nullopt;
}

// LOST ones make room for a worker more: first those that hold nothing, then the longest LOST.
void RegistrationController::makeRoom(StoreBatch& batch) {
  if (tree_.workers() < options_.workersMax) return;
  using Rank = std::pair<bool, uint64_t>;  // holds content, LOST since
  Worker* least = nullptr;
  Rank leastRank;
  for (const auto& [name, instance] : tree_.instances()) {
    for (const auto& [id, worker] : instance->workers) {
      if (worker->record.state != WorkerState::kLost) continue;
      const Rank rank{chunksOf(*worker) != 0, worker->record.lostMs()};
      if (least != nullptr && rank >= leastRank) continue;
      least = worker.get();
      leastRank = rank;
    }
  }
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

// Another process has the run id of the former one (a seeded generator draws the same again), and
// its incarnations may be the same as well: nothing that is known of them can be trusted. A delayed
// message of the former one looks alike, but comes over an older connection.
bool RegistrationController::repeatsRun(const Registration& registration, const Worker& worker) {
  return registration.run == worker.record.run && registration.attempt <= worker.record.attempt &&
         registration.onLaterConnection;
}

void RegistrationController::supersede(Worker& worker) {
  ++tree_.counters().supersessions;
  const uint64_t now = clock_.steadyMs();
  if (worker.lastSupersededMs != 0 && now - worker.lastSupersededMs < kSupersessionWarningMs) {
    notices_.notice(notice::WorkerContested{nameOf(worker)});
  }
  worker.lastSupersededMs = now;
  worker.supersededRuns.push_back(worker.record.run);
  if (worker.supersededRuns.size() > kSupersededRunsMax) worker.supersededRuns.pop_front();
  worker.link->superseded("a newer process registered as " + describe(worker));
  repair_.settle(worker);
  tree_.supersedeSession(worker);
}

Result<RegisterOutcome> RegistrationController::registerWorker(const Registration& registration,
                                                               WorkerLink& link) {
  if (auto bad = invalidRegistration(registration)) return Error{ErrorCode::kInvalid, *bad};
  const StoreHealth health = store_.health();
  if (!health.writable) return Error{ErrorCode::kUnavailable, health.reason};
  Worker* worker = tree_.findWorker(registration.instance, registration.worker);
  if (auto error = notAcceptable(registration, worker)) return *error;

  ++tree_.counters().registrations;
  StoreBatch batch;
  if (worker == nullptr) makeRoom(batch);
  const Situation situation =
      worker == nullptr ? Situation{.atRegistration = true} : situationOf(registration, *worker);
  Instance* instance = tree_.findInstance(registration.instance);
  const bool newInstance = instance == nullptr;
  if (newInstance) {
    instance = &tree_.addInstance(registration.instance, store_.claim());
    instance->record.createdWallMs = clock_.wallMs();
  }
  if (worker == nullptr) {
    worker = &tree_.addWorker(*instance, registration.worker, store_.claim());
  } else if (repeatsRun(registration, *worker)) {
    notices_.notice(notice::RunRepeated{nameOf(*worker)});
    if (worker->session != kNoSession) supersede(*worker);
    forgetContent(*worker, batch);
  } else if (worker->session != kNoSession && worker->record.run != registration.run) {
    supersede(*worker);
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
  Numbering numbering;
  for (const LocationStatement& statement : registration.locations) {
    outcome.decisions.push_back(decide(*worker, statement, situation, batch, numbering));
  }
  outcome.session = tree_.openSession(*worker, link);
  tree_.refreshVisibility(*worker);
  noticeRanks(*instance);
  outcome.ticket = commit(std::move(batch), numbering);
  worker->registrationTicket = outcome.ticket;
  return outcome;
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
    worker.quarantined.clear();
    while (!worker.locations.empty()) tree_.removeLocation(*worker.locations.back());
  }
  WorkerRecord& record = worker.record;
  if (record.run != registration.run) {
    // Pins lived in the memory of the other process.
    for (const auto& location : worker.locations) dropPins(*location, batch);
  }
  record.ip = registration.ip;
  record.port = registration.port;
  record.peerUrl = registration.peerUrl;
  record.model = registration.model;
  record.worldSize = registration.worldSize;
  record.run = registration.run;
  record.attempt = registration.attempt;
  tree_.setState(worker, WorkerState::kActive);
  worker.heard(clock_);
  record.registeredWallMs = record.lastSeenWallMs = worker.lastSeenWallMs;
  record.lostStoreMs = 0;
  batch.steps.emplace_back(PutWorker{worker.owner, record});

  const bool otherModel = worker.modelSalt != tree_.salt(registration.model);
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
    if (!otherModel && isStated) continue;
    if (!isStated) ++tree_.counters().decisions[static_cast<size_t>(Reason::kNotStated)];
    batch.steps.emplace_back(DropLocation{worker.owner, location.record.id});
    tree_.removeLocation(location);
  }
}

Ticket RegistrationController::commit(StoreBatch batch, const Numbering& numbering) {
  if (batch.steps.empty()) return tree_.ledger().queued();
  const Ticket ticket = store_.write(std::move(batch));
  for (const auto& [location, seq] : numbering) tree_.restartNumbering(*location, seq, ticket);
  return ticket;
}

// Before anything of the worker has changed.
RegistrationController::Situation RegistrationController::situationOf(
    const Registration& registration, const Worker& worker) const {
  Situation situation{.atRegistration = true};
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

LocationDecision RegistrationController::decide(Worker& worker, const LocationStatement& statement,
                                                const Situation& situation, StoreBatch& batch,
                                                Numbering& numbering) {
  const bool atRegistration = situation.atRegistration;
  Location* location = worker.find(statement.location);
  if (location != nullptr && location->building != nullptr && atRegistration) {
    if (auto goesOn = decideFullSync(*location, statement, batch)) return *goesOn;
  }
  std::optional<HeldState> held;
  if (location != nullptr) {
    held = HeldState{location->record.live.incarnation, location->lastSeq, location->count,
                     location->digest};
  }
  // What is hidden is of a process before that.
  const bool sameProcess =
      situation.sameProcess && location != nullptr && !location->record.live.hidden;
  ResumeDecision decision = decideResume(held, statement, atRegistration, sameProcess);
  if (!held && situation.anew != Reason::kNone) decision.reason = situation.anew;
  LocationDecision answer{statement.location, DecisionKind::kInSync, decision.reason,
                          statement.lastSeq + 1};
  if (decision.action == ResumeAction::kIgnore) {
    answer.nextSeq = location->lastSeq + 1;
    return answer;
  }
  if (location == nullptr) {
    location = tree_.addLocation(worker, statement.location, nullptr);
    HOLDFAST_CHECK(location != nullptr, "names were counted before");
  }
  if (atRegistration || decision.reason != location->reason ||
      decision.action != ResumeAction::kInSync) {
    ++tree_.counters().decisions[static_cast<size_t>(decision.reason)];
  }
  carryOut(*location, statement, decision, atRegistration, batch, numbering);
  location->reason = decision.reason;
  switch (location->sync) {
    case SyncState::kReplaying:
      answer.kind = DecisionKind::kReplay;
      answer.nextSeq = location->lastSeq + 1;
      break;
    case SyncState::kDiverged:
      answer.kind = DecisionKind::kDiverged;
      // What we drop anyway need not be sent twice: go on where the worker is.
      if (decision.action == ResumeAction::kFullSync) answer.nextSeq = location->lastSeq + 1;
      break;
    default:
      break;
  }
  if (location->sync == SyncState::kDiverged) {
    const HeldState ours = held.value_or(HeldState{});
    notices_.notice(
        notice::LocationDiverged{nameOf(*location),
                                 decision.reason,
                                 {ours.seq, ours.count, ours.digest},
                                 {statement.lastSeq, statement.count, statement.digest}});
  }
  return answer;
}

std::optional<LocationDecision> RegistrationController::decideFullSync(
    Location& location, const LocationStatement& statement, StoreBatch& batch) {
  const BuildingPart& part = *location.record.building;
  Building& building = *location.building;
  if (!fullSyncGoesOn({part.incarnation, part.syncId, building.lastSeq}, statement)) {
    abandonBuilding(tree_, location, batch);
    return std::nullopt;
  }
  ++tree_.counters().decisions[static_cast<size_t>(Reason::kSyncContinues)];
  location.sync = SyncState::kDiverged;
  location.reason = Reason::kSyncContinues;
  if (statement.lastSeq > building.lastSeq) repair_.expectReplay(building.gap, statement.lastSeq);
  repair_.want(location, Reason::kSyncContinues, true);
  return LocationDecision{statement.location, DecisionKind::kSyncing, Reason::kSyncContinues,
                          building.lastSeq + 1};
}

// Changes the location's record and state; its numbering changes when the batch is queued.
void RegistrationController::carryOut(Location& location, const LocationStatement& statement,
                                      const ResumeDecision& decision, bool atRegistration,
                                      StoreBatch& batch, Numbering& numbering) {
  LocationRecord& record = location.record;
  LivePart& live = record.live;
  const OwnerId owner = location.worker->owner;
  const auto begin = [&](uint64_t seq) {
    beginGeneration(tree_, location, statement.incarnation, seq, batch);
    numbering.emplace_back(&location, seq);
  };
  const auto diverged = [&] {
    location.sync = SyncState::kDiverged;
    repair_.want(location, decision.reason);
  };
  const auto show = [&] {
    if (!live.hidden) return;
    live.hidden = false;
    batch.steps.emplace_back(PutLocation{owner, record});
  };
  switch (decision.action) {
    case ResumeAction::kInSync:
      show();
      location.sync = SyncState::kInSync;
      break;
    case ResumeAction::kCreateEmpty:
      begin(statement.lastSeq);
      location.sync = SyncState::kInSync;
      break;
    case ResumeAction::kCreateReplay:
      begin(0);
      location.sync = SyncState::kReplaying;
      repair_.expectReplay(location.gap, statement.lastSeq);
      break;
    case ResumeAction::kCreateUnknown:
      begin(statement.lastSeq);
      diverged();
      break;
    case ResumeAction::kReplay:
      show();
      location.sync = SyncState::kReplaying;
      if (atRegistration) {
        repair_.expectReplay(location.gap, statement.lastSeq);
      } else {
        repair_.askReplay(location, location.gap, location.lastSeq + 1, statement.lastSeq);
      }
      break;
    case ResumeAction::kAdopt:
      ++live.stream;
      live.incarnation = statement.incarnation;
      live.baseSeq = statement.lastSeq;
      live.baseCount = location.count;
      live.baseDigest = location.digest;
      live.hidden = false;
      numbering.emplace_back(&location, statement.lastSeq);
      batch.steps.emplace_back(PutLocation{owner, record});
      location.sync = SyncState::kInSync;
      break;
    case ResumeAction::kForget:
      begin(statement.lastSeq);
      location.sync = SyncState::kInSync;
      break;
    case ResumeAction::kForgetLegacy:
      forgetLegacy(tree_, location, batch);
      numbering.emplace_back(&location, 0);
      diverged();
      break;
    case ResumeAction::kHide:
      if (!live.hidden) {
        live.hidden = true;
        batch.steps.emplace_back(PutLocation{owner, record});
        dropPins(location, batch);
      }
      diverged();
      break;
    case ResumeAction::kOutdated:
    case ResumeAction::kFullSync:
      diverged();
      break;
    case ResumeAction::kIgnore:
      HOLDFAST_CHECK(false, "nothing to carry out");
  }
}

Result<HeartbeatOutcome> RegistrationController::heartbeat(
    SessionId session, const std::vector<LocationStatement>& statements) {
  Worker* worker = tree_.bySession(session);
  if (worker == nullptr) {
    return tree_.sessionNotInForce(session);
  }
  if (auto bad = invalidStatements(statements)) return Error{ErrorCode::kInvalid, *bad};
  for (const LocationStatement& statement : statements) {
    if (worker->find(statement.location) == nullptr) {
      return Error{ErrorCode::kInvalid, "location '" + statement.location +
                                            "' was not stated when this session registered"};
    }
  }
  ++tree_.counters().heartbeats;
  worker->heard(clock_);
  HeartbeatOutcome outcome;
  // A worker that registers again soon is compared then; without a store nothing can be decided.
  if (worker->flow == Flow::kOpen && store_.health().writable) {
    StoreBatch batch;
    Numbering numbering;
    for (const LocationStatement& statement : statements) {
      const Location& location = *worker->find(statement.location);
      // What is under way is not decided again before its time-out.
      const bool underWay =
          repair_.wanted(location) || location.gap.replay.to != 0 || !location.gap.held.empty();
      if (!underWay) decide(*worker, statement, {.sameProcess = true}, batch, numbering);
    }
    if (!batch.steps.empty()) {
      commit(std::move(batch), numbering);
      tree_.refreshVisibility(*worker);
    }
  }
  for (const auto& location : worker->locations) {
    outcome.committed.push_back(
        {location->record.name, location->record.live.incarnation, tree_.committedSeq(*location)});
    if (auto decision = repairOf(*location)) outcome.decisions.push_back(std::move(*decision));
    if (location->record.live.incarnation == kLegacyIncarnation &&
        repair_.tracker().phase(location->serial) == FullSyncTracker::Phase::kAsked) {
      outcome.commands.emplace_back(location->record.name, location->syncReason);
    }
  }
  return outcome;
}

std::optional<LocationDecision> RegistrationController::repairOf(const Location& location) {
  LocationDecision decision{location.record.name, DecisionKind::kReplay, location.reason,
                            location.lastSeq + 1};
  switch (location.sync) {
    case SyncState::kInSync:
    case SyncState::kCaughtUp:
      return std::nullopt;
    case SyncState::kReplaying:
      break;
    case SyncState::kDiverged:
      decision.kind = DecisionKind::kDiverged;
      break;
    case SyncState::kSyncing:
      decision.kind = DecisionKind::kSyncing;
      break;
  }
  return decision;
}

Result<uint32_t> RegistrationController::forceSync(std::string_view instance, uint32_t workerId,
                                                   std::string_view name) {
  Worker* worker = tree_.findWorker(instance, workerId);
  if (worker == nullptr) return noSuchWorker(instance, workerId);
  if (worker->session == kNoSession) {
    return Error{ErrorCode::kUnavailable, describe(*worker) + " is " +
                                              std::string(workerStateName(worker->record.state)) +
                                              ": it is compared when it registers again"};
  }
  if (!name.empty() && worker->find(name) == nullptr) {
    return Error{ErrorCode::kNotFound, describe(*worker) + " has no location " +
                                           quotedForPeople(name) + "; it has " +
                                           namesOfLocations(*worker)};
  }
  uint32_t queued = 0;
  for (const auto& location : worker->locations) {
    if (!name.empty() && location->record.name != name) continue;
    ++queued;
    if (repair_.wanted(*location)) continue;
    ++tree_.counters().decisions[static_cast<size_t>(Reason::kForced)];
    location->sync = SyncState::kDiverged;
    location->reason = Reason::kForced;
    location->gap.clear();
    repair_.want(*location, Reason::kForced);
  }
  repair_.askNext();
  return queued;
}

void RegistrationController::resume(Worker& worker) {
  if (worker.session == kNoSession || worker.flow == Flow::kResuming) return;
  worker.flow = Flow::kResuming;
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
  return forget(*worker);
}

Result<Ticket> RegistrationController::forget(std::string_view instance, uint32_t workerId) {
  Worker* worker = tree_.findWorker(instance, workerId);
  if (worker == nullptr) return noSuchWorker(instance, workerId);
  notices_.notice(notice::WorkerForgotten{nameOf(*worker)});
  WorkerLink* link = worker->link;
  const Ticket ticket = forget(*worker);
  if (link != nullptr) link->closed("an operator had the worker forgotten");
  return ticket;
}

Result<Ticket> RegistrationController::drain(std::string_view name, bool drained) {
  Instance* instance = tree_.findInstance(name);
  if (instance == nullptr) {
    return Error{ErrorCode::kNotFound, "there is no instance " + quotedForPeople(name) +
                                           "; holdfast-ctl instances shows those that there are"};
  }
  if (instance->record.drained == drained) return tree_.ledger().queued();
  if (drained) {
    notices_.notice(notice::InstanceDrained{instance->record.instance});
  } else {
    notices_.notice(notice::InstanceUndrained{instance->record.instance});
  }
  instance->record.drained = drained;
  for (const auto& [id, worker] : instance->workers) tree_.refreshVisibility(*worker);
  StoreBatch batch;
  batch.steps.emplace_back(PutInstance{instance->owner, instance->record});
  batch.synced = true;
  return commit(std::move(batch), {});
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

void RegistrationController::sessionFailed(SessionId session, const std::string& why) {
  Worker* worker = tree_.bySession(session);
  if (worker != nullptr)
    markLost(*worker, {.cause = notice::LostCause::kBrokeProtocol, .detail = why});
}

void RegistrationController::tick() {
  const uint64_t now = clock_.steadyMs();
  const uint64_t storeNow = clock_.storeMs();
  // While the controller is away nobody can come back: after a start there is some time for it.
  const uint64_t timeToReturnMs = std::min(options_.heartbeatTimeoutMs, options_.lostGraceMs);
  const bool canResume = store_.health().writable && store_.hasRoom(kStoreQueueBytesMax / 2);
  std::vector<Worker*> expired;
  for (const auto& [name, instance] : tree_.instances()) {
    for (const auto& [id, worker] : instance->workers) {
      const uint64_t silentMs = now - std::min(now, worker->lastHeardMs);
      if (worker->record.state == WorkerState::kLost) {
        const uint64_t lostMs = storeNow - std::min(storeNow, worker->record.lostMs());
        if (lostMs >= options_.lostGraceMs && silentMs >= timeToReturnMs) {
          expired.push_back(worker.get());
        }
      } else if (silentMs >= options_.heartbeatTimeoutMs) {
        WorkerLink* link = worker->link;
        const bool wasThere = worker->record.state != WorkerState::kRecovered;
        markLost(*worker,
                 {.cause = wasThere ? notice::LostCause::kSilent : notice::LostCause::kNotBack,
                  .silentMs = silentMs});
        if (link != nullptr) {
          link->closed("nothing received for " + std::to_string(silentMs) + " ms");
        }
      } else if (canResume && worker->flow == Flow::kPaused) {
        resume(*worker);
      }
    }
  }
  for (Worker* worker : expired) {
    ++tree_.counters().workersExpired;
    notices_.notice(notice::WorkerExpired{nameOf(*worker), options_.lostGraceMs});
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
        const bool hidden = location->record.live.hidden;
        location->sync = hidden ? SyncState::kDiverged : SyncState::kCaughtUp;
        location->reason = hidden ? Reason::kRestarted : Reason::kNone;
      }
      tree_.refreshVisibility(*worker);
    }
  }
  commit(std::move(batch), {});
}

std::string_view RegistrationController::queryInstance(std::string_view ip) const {
  const auto rank = [](const Worker& worker) {
    const WorkerState state = worker.record.state;
    // Sessions ascend; without one only the wall clock tells which registration is newer.
    return std::tuple(state == WorkerState::kActive, state == WorkerState::kRecovered,
                      worker.session, worker.record.registeredWallMs);
  };
  const Worker* best = nullptr;
  for (const auto& [name, instance] : tree_.instances()) {
    for (const auto& [id, worker] : instance->workers) {
      if (worker->record.ip != ip) continue;
      if (best == nullptr || rank(*worker) > rank(*best)) best = worker.get();
    }
  }
  return best == nullptr ? std::string_view() : best->instance->record.instance;
}

}  // namespace holdfast
