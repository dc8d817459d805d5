#include "core/replica/replica.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/repair/repair_controller.h"

namespace holdfast {
namespace {

// Of a full sync's journal, when something of it comes: bounded, and more than comes with it.
constexpr size_t kPendingAtOnce = 2 * kOperationsPerReportMax;
// As a leader takes in a turn.
constexpr size_t kPendingOfTurn = 8192;

std::optional<Error> misfit(const std::string& what) {
  return Error{ErrorCode::kInvalid, what};
}

std::string named(const Location& location) {
  return describe(*location.worker) + ", location '" + location.record.name + "'";
}

}  // namespace

bool concernsOneStore(const StoreBatch& batch) {
  return std::any_of(batch.steps.begin(), batch.steps.end(),
                     [](const StoreStep& step) { return std::holds_alternative<DropFold>(step); });
}

void Replica::recovered(std::vector<EventRecord> events) {
  for (EventRecord& event : events) {
    std::string id = event.id;
    events_[std::move(id)] = std::move(event);
  }
}

std::vector<EventRecord> Replica::takeEvents() {
  std::vector<EventRecord> events;
  for (auto& [id, event] : std::exchange(events_, {})) events.push_back(std::move(event));
  return events;
}

std::string Replica::digest() const {
  return tree_.stateDigest().hex() + "/" + std::to_string(tree_.workers()) + "/" +
         std::to_string(events_.size());
}

const OwnerName* Replica::nameOf(OwnerId owner) const {
  return owner < names_.size() ? &names_[owner] : nullptr;
}

Worker* Replica::worker(OwnerId owner) const {
  const OwnerName* const name = nameOf(owner);
  if (name == nullptr || !name->worker) return nullptr;
  Worker* const found = tree_.findWorker(name->instance, *name->worker);
  return found != nullptr && found->quarantined.empty() ? found : nullptr;
}

Location* Replica::location(OwnerId owner, uint16_t id) const {
  const Worker* const of = worker(owner);
  if (of == nullptr) return nullptr;
  for (const auto& location : of->locations) {
    if (location->record.id == id) return location.get();
  }
  return nullptr;
}

std::optional<Error> Replica::apply(const ReportRecord& report) {
  Location* const at = location(report.owner, report.location);
  if (at == nullptr) return misfit("a report of a location that is not known");
  if (at->building != nullptr && at->record.building->generation == report.generation) {
    return applyToBuilding(*at, report);
  }
  const LivePart& live = at->record.live;
  if (report.generation != live.generation || report.stream != live.stream ||
      report.firstSeq != at->lastSeq + 1) {
    return misfit(named(*at) + ": a report at seq " + std::to_string(report.firstSeq) + " where " +
                  std::to_string(at->lastSeq + 1) + " is expected");
  }
  const ChunkIndex::Change change =
      index_.apply(at->holder, at->worker->modelSalt, report.operations);
  at->count += static_cast<uint64_t>(change.count);
  at->digest += change.digest;
  tree_.changeMemberships(change.count);
  tree_.counters().applied(report.operations);
  ReportRecord own = report;
  own.owner = at->worker->owner;
  const Ticket ticket = store_.append(own);
  if (report.position) at->worker->record.position = report.position;
  tree_.wrote(*at, report.firstSeq + report.operations.size() - 1, ticket);
  at->journalOperations += report.operations.size();
  if (at->count != report.countAfter || !(at->digest == report.digestAfter)) {
    return misfit(named(*at) + ": count or digest after seq " + std::to_string(at->lastSeq) +
                  " are not what the leader has");
  }
  folding_.queue(*at);
  return std::nullopt;
}

Replica::Misfit Replica::applyToBuilding(Location& location, const ReportRecord& report) {
  Building& building = *location.building;
  if (report.firstSeq != building.lastSeq + 1) {
    return misfit(named(location) + ": the journal of its full sync does not go on at seq " +
                  std::to_string(report.firstSeq));
  }
  if (!hold(location, report)) {
    return misfit(named(location) + ": more was reported during its full sync than can be held");
  }
  building.lastSeq += report.operations.size();
  ReportRecord own = report;
  own.owner = location.worker->owner;
  store_.append(own);
  applyPending(location, kPendingAtOnce);
  return std::nullopt;
}

// The leader has held it, beside less of full syncs that are whole.
bool Replica::hold(Location& location, const ReportRecord& report) {
  HeldReports& pending = location.building->pending;
  if (pending.hold(report.firstSeq, report.operations)) return true;
  while (!turns_.empty()) {
    if (Location* const whole = nextTurn()) {
      applyPending(*whole, std::numeric_limits<size_t>::max());
    }
  }
  return pending.hold(report.firstSeq, report.operations);
}

// Null: it has none any more.
Location* Replica::nextTurn() {
  Location* const location = tree_.byRef(turns_.front());
  turns_.pop_front();
  if (location == nullptr || location->building == nullptr) return nullptr;
  location->building->turnQueued = false;
  return location;
}

bool Replica::work() {
  if (turns_.empty()) return false;
  if (Location* const location = nextTurn()) applyPending(*location, kPendingOfTurn);
  return !turns_.empty();
}

void Replica::lead() {
  while (!turns_.empty()) nextTurn();
}

void Replica::applyPending(Location& location, size_t operationsMax) {
  Building& building = *location.building;
  for (size_t done = 0; building.whole() && done < operationsMax;) {
    const auto next = building.pending.take(building.appliedSeq + 1);
    if (!next) break;
    const Operations operations = next->operations();
    building.apply(index_.apply(building.holder, location.worker->modelSalt, operations));
    building.appliedSeq += operations.size();
    done += operations.size();
  }
  if (!building.whole() || building.pending.empty()) return;
  if (!std::exchange(building.turnQueued, true)) turns_.push_back({location.serial});
}

std::optional<Error> Replica::apply(const BatchRecord& batch) {
  Location* const at = location(batch.owner, batch.location);
  Building* const building = at == nullptr ? nullptr : at->building.get();
  if (building == nullptr || at->record.building->generation != batch.generation ||
      batch.number >= building->stored.size() || building->stored[batch.number]) {
    return misfit("batch " + std::to_string(batch.number) + " of no full sync, or twice");
  }
  building->addBatch(batch.number, batch.keys.size(),
                     index_.apply(building->holder, at->worker->modelSalt, {batch.keys, {}}));
  BatchRecord own = batch;
  own.owner = at->worker->owner;
  store_.append(own);
  applyPending(*at, kPendingAtOnce);
  return std::nullopt;
}

std::optional<Error> Replica::apply(const StoreBatch& batch) {
  own_ = {};
  own_.synced = batch.synced;
  released_.clear();
  numbering_.clear();
  for (const StoreStep& each : batch.steps) {
    if (auto error = std::visit([&](const auto& one) { return step(one); }, each)) return error;
  }
  if (!released_.empty()) return misfit("instance '" + released_.begin()->first + "' is empty");
  const Ticket ticket = store_.write(std::move(own_));
  for (const auto& [serial, seq] : numbering_) {
    if (Location* const at = tree_.byRef({serial})) tree_.restartNumbering(*at, seq, ticket);
  }
  return std::nullopt;
}

Instance& Replica::instance(const std::string& name) {
  if (Instance* const known = tree_.findInstance(name)) return *known;
  const auto released = released_.find(name);
  if (released == released_.end()) return tree_.addInstance(name, store_.claim());
  Instance& again = tree_.addInstance(name, released->second.owner);
  again.record = released->second.record;
  again.record.drained = false;
  tree_.setDrained(again, released->second.record.drained);
  released_.erase(released);
  return again;
}

Replica::Misfit Replica::step(const PutInstance& step) {
  Instance& to = instance(step.record.instance);
  const bool drained = to.record.drained;
  to.record = step.record;
  to.record.drained = drained;
  tree_.setDrained(to, step.record.drained);
  for (const auto& [id, rank] : to.workers) tree_.refreshVisibility(*rank);
  own_.steps.emplace_back(PutInstance{to.owner, step.record});
  return std::nullopt;
}

Replica::Misfit Replica::step(const PutWorker& step) {
  const WorkerRecord& record = step.record;
  const WorkerState state =
      record.state == WorkerState::kLost ? WorkerState::kLost : WorkerState::kRecovered;
  Worker* to = tree_.findWorker(record.instance, record.worker);
  if (to == nullptr) {
    to = &tree_.addWorker(instance(record.instance), record.worker, store_.claim(), &record);
  } else if (!to->quarantined.empty()) {
    return misfit(describe(*to) + " is quarantined here: " + to->quarantined);
  }
  tree_.setState(*to, state);
  to->record = record;
  to->record.state = state;
  to->lastSeenWallMs = record.lastSeenWallMs;
  tree_.setModel(*to, record.model);
  tree_.refreshVisibility(*to);
  own_.steps.emplace_back(PutWorker{to->owner, record});
  return std::nullopt;
}

void Replica::refreshState(Location& location) {
  awaitRegistration(location);
  if (location.building == nullptr) return;
  location.sync = SyncState::kDiverged;
  location.reason = Reason::kSyncContinues;
}

Replica::Misfit Replica::step(const PutLocation& step) {
  Worker* const of = worker(step.owner);
  if (of == nullptr) return misfit("a location of a worker that is not known");
  Location* at = location(step.owner, step.record.id);
  Misfit error = at == nullptr ? addLocation(*of, step.record) : changeLive(*at, step.record);
  if (error) return error;
  at = location(step.owner, step.record.id);
  changeBuilding(*at, step.record.building);
  at->record.nextGeneration = step.record.nextGeneration;
  at->record.building = step.record.building;
  refreshState(*at);
  tree_.changed(*at);
  tree_.refreshVisibility(*of);
  own_.steps.emplace_back(PutLocation{of->owner, at->record});
  return std::nullopt;
}

Replica::Misfit Replica::addLocation(Worker& worker, const LocationRecord& record) {
  if (worker.find(record.name) != nullptr || record.live.baseCount != 0) {
    return misfit(describe(worker) + ": location '" + record.name + "' is new and is not");
  }
  Location* const added = tree_.addLocation(worker, record.name, &record);
  if (added == nullptr) return misfit("too many names of locations");
  added->record.live.fold = 0;
  added->record.building.reset();  // begins with the others
  numbering_.emplace_back(added->serial, record.live.baseSeq);
  return std::nullopt;
}

Replica::Misfit Replica::changeLive(Location& location, const LocationRecord& record) {
  if (record.name != location.record.name) {
    return misfit(named(location) + " cannot become '" + record.name + "'");
  }
  LivePart& own = location.record.live;
  const LivePart& live = record.live;
  if (live.generation == own.generation && live.stream == own.stream) {
    own.incarnation = live.incarnation;
    own.hidden = live.hidden;
    own.incomplete = live.incomplete;
    return std::nullopt;
  }
  const auto& building = location.record.building;
  if (building && live.generation == building->generation) return switchOver(location, live);
  if (live.generation == own.generation) {
    if (live.stream < own.stream || live.baseCount != location.count ||
        !(live.baseDigest == location.digest)) {
      return misfit(named(location) + ": the content that is adopted is not what is held");
    }
    const uint32_t fold = own.fold;
    own = live;
    own.fold = fold;
  } else {
    if (live.baseCount != 0) return misfit(named(location) + ": a generation begins with content");
    tree_.renewHolder(location);
    own = live;
  }
  numbering_.emplace_back(location.serial, live.baseSeq);
  return std::nullopt;
}

Replica::Misfit Replica::switchOver(Location& location, const LivePart& live) {
  applyPending(location, std::numeric_limits<size_t>::max());
  const Building& building = *location.building;
  if (!building.whole() || !building.pending.empty() || building.cutCount != live.baseCount ||
      !(building.cutDigest == live.baseDigest)) {
    return misfit(named(location) + ": what its full sync has brought is not what the leader has");
  }
  const uint64_t lastSeq = building.lastSeq;
  location.record.live = live;
  location.record.building.reset();
  tree_.switchToBuilding(location);
  pins_.switched(location);
  location.journalOperations = lastSeq - live.baseSeq;
  numbering_.emplace_back(location.serial, lastSeq);
  return std::nullopt;
}

void Replica::changeBuilding(Location& location, const std::optional<BuildingPart>& part) {
  const auto& own = location.record.building;
  if (own && part && own->generation == part->generation) return;
  tree_.dropBuilding(location);
  if (part) tree_.addBuilding(location, *part);
}

Replica::Misfit Replica::step(const DropGeneration& step) {
  Location* const at = location(step.owner, step.location);
  if (at == nullptr) return misfit("a generation of a location that is not known");
  own_.steps.emplace_back(DropGeneration{at->worker->owner, step.location, step.generation});
  return std::nullopt;
}

Replica::Misfit Replica::step(const DropLocation& step) {
  Location* const at = location(step.owner, step.location);
  if (at == nullptr) return misfit("a location is dropped that is not known");
  own_.steps.emplace_back(DropLocation{at->worker->owner, step.location});
  tree_.removeLocation(*at);
  return std::nullopt;
}

Replica::Misfit Replica::step(const DropFold&) {
  return misfit("a fold of another store");
}

Replica::Misfit Replica::step(const DropJournal&) {
  return misfit("a fold of another store");
}

Replica::Misfit Replica::step(const PutPins& step) {
  Location* const at = location(step.owner, step.location);
  if (at == nullptr) return misfit("pins of a location that is not known");
  LocationPins& pins = tree_.pinsOf(*at);
  pins.pin(step.record, step.chunks);
  if (step.record.endMs() != 0) pins.expectEnd(step.record.endMs());
  own_.steps.emplace_back(PutPins{at->worker->owner, step.location, step.record, step.chunks});
  return std::nullopt;
}

Replica::Misfit Replica::step(const DropPins& step) {
  Location* const at = location(step.owner, step.location);
  if (at == nullptr) return misfit("pins of a location that is not known");
  if (at->pins != nullptr) {
    for (const ChunkHash chunk : step.chunks) at->pins->drop(chunk);
    if (at->pins->size() == 0) at->pins.reset();
  }
  own_.steps.emplace_back(DropPins{at->worker->owner, step.location, step.chunks});
  return std::nullopt;
}

Replica::Misfit Replica::step(const DropAllPins& step) {
  Location* const at = location(step.owner, step.location);
  if (at == nullptr) return misfit("pins of a location that is not known");
  own_.steps.emplace_back(DropAllPins{at->worker->owner, step.location});
  at->pins.reset();
  return std::nullopt;
}

Replica::Misfit Replica::step(const Release& step) {
  const OwnerName* const name = nameOf(step.owner);
  if (name == nullptr) return misfit("an owner is released that is not known");
  if (!name->worker) {
    const auto released = released_.find(name->instance);
    if (released == released_.end()) {
      return misfit("instance '" + name->instance + "' is released and has workers");
    }
    own_.steps.emplace_back(Release{released->second.owner});
    released_.erase(released);
    return std::nullopt;
  }
  Worker* const of = tree_.findWorker(name->instance, *name->worker);
  if (of == nullptr) return misfit("a worker is released that is not known");
  own_.steps.emplace_back(Release{of->owner});
  if (of->instance->workers.size() == 1) {
    released_[name->instance] = {of->instance->owner, of->instance->record};
  }
  tree_.removeWorker(*of);
  return std::nullopt;
}

Replica::Misfit Replica::step(const PutEvent& step) {
  events_[step.record.id] = step.record;
  own_.steps.emplace_back(step);
  return std::nullopt;
}

Replica::Misfit Replica::step(const DropEvent& step) {
  events_.erase(step.id);
  own_.steps.emplace_back(step);
  return std::nullopt;
}

}  // namespace holdfast
