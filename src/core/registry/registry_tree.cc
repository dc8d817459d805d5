#include "core/registry/registry_tree.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "core/ids.h"
#include "core/registry/instance_ranks.h"

namespace holdfast {

Location* Worker::find(std::string_view name) const {
  for (const auto& location : locations) {
    if (location->record.name == name) return location.get();
  }
  return nullptr;
}

std::string describe(const Worker& worker) {
  return "instance '" + worker.record.instance + "' worker " + std::to_string(worker.record.worker);
}

std::string namesOfLocations(const Worker& worker) {
  std::string names;
  for (const auto& location : worker.locations) {
    names += (names.empty() ? "" : ", ") + quotedForPeople(location->record.name);
  }
  return names;
}

RegistryTree::RegistryTree(ChunkIndex& index, const TicketLedger& ledger, std::string defaultModel)
    : index_(index), ledger_(ledger), defaultModel_(std::move(defaultModel)) {}

uint64_t RegistryTree::salt(std::string_view model) const {
  if (model.empty()) model = defaultModel_;
  return XXH3_64bits(model.data(), model.size());
}

void RegistryTree::setModel(Worker& worker, std::string_view model) {
  leaveModel(worker);
  worker.hasModel = true;
  worker.modelSalt = salt(model);
  Model& joined = models_[worker.modelSalt];
  if (joined.workers++ == 0) joined.name = model.empty() ? defaultModel_ : std::string(model);
}

void RegistryTree::leaveModel(Worker& worker) {
  if (!std::exchange(worker.hasModel, false)) return;
  const auto left = models_.find(worker.modelSalt);
  if (--left->second.workers == 0) models_.erase(left);
}

Instance* RegistryTree::findInstance(std::string_view instance) const {
  const auto found = instances_.find(instance);
  return found == instances_.end() ? nullptr : found->second.get();
}

Worker* RegistryTree::workerBehind(std::string_view instance,
                                   std::optional<uint32_t> worker) const {
  for (auto at = instances_.lower_bound(instance); at != instances_.end(); ++at) {
    const auto& workers = at->second->workers;
    const bool behind = worker && at->first == instance;
    const auto next = behind ? workers.upper_bound(*worker) : workers.begin();
    if (next != workers.end()) return next->second.get();
  }
  return nullptr;
}

Worker* RegistryTree::findWorker(std::string_view instance, uint32_t worker) const {
  const Instance* owner = findInstance(instance);
  if (owner == nullptr) return nullptr;
  const auto found = owner->workers.find(worker);
  return found == owner->workers.end() ? nullptr : found->second.get();
}

Worker* RegistryTree::bySession(SessionId session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : found->second;
}

Location* RegistryTree::byRef(LocationRef ref) const {
  const auto found = locationsBySerial_.find(ref.serial);
  return found == locationsBySerial_.end() ? nullptr : found->second;
}

Instance& RegistryTree::addInstance(std::string_view instance, OwnerId owner) {
  auto added = std::make_unique<Instance>();
  added->owner = owner;
  added->record.instance = std::string(instance);
  if (freeInstanceSlots_.empty()) {
    added->slot = static_cast<uint32_t>(instancesBySlot_.size());
    instancesBySlot_.push_back(added.get());
  } else {
    added->slot = freeInstanceSlots_.back();
    freeInstanceSlots_.pop_back();
    instancesBySlot_[added->slot] = added.get();
  }
  Instance& result = *added;
  directory_.setLoad(result.slot, kLoadUnknown);
  directory_.setNameHash(result.slot, XXH3_64bits(instance.data(), instance.size()));
  instances_.emplace(std::string(instance), std::move(added));
  return result;
}

Worker& RegistryTree::addWorker(Instance& instance, uint32_t worker, OwnerId owner,
                                const WorkerRecord* stored) {
  auto added = std::make_unique<Worker>();
  added->instance = &instance;
  added->owner = owner;
  if (stored != nullptr) added->record = *stored;
  added->record.instance = instance.record.instance;
  added->record.worker = worker;
  Worker& result = *added;
  instance.workers.emplace(worker, std::move(added));
  ++workers_;
  countState(result);
  refreshWorldSize(instance);
  return result;
}

Location* RegistryTree::addLocation(Worker& worker, std::string_view name,
                                    const LocationRecord* stored) {
  const auto nameId = locationNames_.take(name);
  if (!nameId) return nullptr;
  auto added = std::make_unique<Location>(heldBudget_, syncCounts_);
  added->worker = &worker;
  added->serial = nextSerial_++;
  added->nameId = *nameId;
  if (stored != nullptr) {
    added->record = *stored;
  } else {
    added->record.name = std::string(name);
    uint16_t free = 0;
    const auto taken = [&](uint16_t candidate) {
      return std::any_of(worker.locations.begin(), worker.locations.end(),
                         [&](const auto& other) { return other->record.id == candidate; });
    };
    while (taken(free)) ++free;
    added->record.id = free;
  }
  added->holder = index_.addHolder();
  locationsBySerial_.emplace(added->serial, added.get());
  worker.locations.push_back(std::move(added));
  Location& result = *worker.locations.back();
  changed(result);
  return &result;
}

void RegistryTree::discardHolder(HolderId holder) {
  directory_.set(holder, HolderInfo{});
  if (!waitingRetirements_.empty() || !index_.retire(holder)) waitingRetirements_.push_back(holder);
}

void RegistryTree::retireWaiting() {
  while (!waitingRetirements_.empty() && index_.retire(waitingRetirements_.front())) {
    waitingRetirements_.pop_front();
  }
}

void RegistryTree::removeLocation(Location& location) {
  dropBuilding(location);
  countHidden(location, false);
  discardHolder(location.holder);
  memberships_ -= location.count;
  digests_.drop(location);
  locationNames_.drop(location.nameId);
  locationsBySerial_.erase(location.serial);
  auto& all = location.worker->locations;
  all.erase(std::find_if(all.begin(), all.end(),
                         [&](const auto& other) { return other.get() == &location; }));
}

void RegistryTree::renewHolder(Location& location) {
  renewHolder(location, index_.addHolder());
}

void RegistryTree::renewHolder(Location& location, HolderId holder) {
  discardHolder(location.holder);
  location.holder = holder;
  memberships_ -= location.count;
  location.count = 0;
  location.digest = {};
  location.journalOperations = 0;
  location.gap.clear();
  changed(location);
}

Building& RegistryTree::addBuilding(Location& location, const BuildingPart& part) {
  location.building = std::make_unique<Building>(heldBudget_, index_.addHolder());
  Building& building = *location.building;
  building.stored.resize(part.batchCount);
  building.lastSeq = building.appliedSeq = part.baseSeq;
  return building;
}

void RegistryTree::dropBuilding(Location& location) {
  if (location.building == nullptr) return;
  discardHolder(location.building->holder);
  location.building.reset();
}

void RegistryTree::switchToBuilding(Location& location) {
  const std::unique_ptr<Building> building = std::move(location.building);
  renewHolder(location, building->holder);
  location.count = building->count;
  location.digest = building->digest;
  memberships_ += building->count;
  changed(location);
}

void RegistryTree::removeWorker(Worker& worker) {
  closeSession(worker);
  if (observer_ != nullptr) observer_->workerForgotten(worker);
  leaveModel(worker);
  while (!worker.locations.empty()) removeLocation(*worker.locations.back());
  Instance& instance = *worker.instance;
  countWorldSize(worker, 0);
  --workers_;
  uncountState(worker);
  setQuarantined(worker, {});
  instance.workers.erase(worker.record.worker);
  refreshFirst(instance);
  if (!instance.workers.empty()) {
    refreshWorldSize(instance);
    return;
  }
  setContradicts(instance, false);
  setDrained(instance, false);
  instancesBySlot_[instance.slot] = nullptr;
  directory_.retireInstance(instance.slot);
  freeInstanceSlots_.push_back(instance.slot);
  const std::string name = instance.record.instance;
  instances_.erase(name);
}

void RegistryTree::countState(const Worker& worker) {
  const WorkerState state = worker.record.state;
  ++workersByState_[static_cast<size_t>(state)];
  if (state != WorkerState::kLost) worker.instance->ranksPresent.insert(worker.record.worker);
  refreshFirst(*worker.instance);
}

void RegistryTree::uncountState(const Worker& worker) {
  --workersByState_[static_cast<size_t>(worker.record.state)];
  worker.instance->ranksPresent.erase(worker.record.worker);
}

void RegistryTree::setState(Worker& worker, WorkerState state) {
  uncountState(worker);
  worker.record.state = state;
  countState(worker);
}

void RegistryTree::refreshFirst(Instance& instance) {
  const auto& ranks = instance.ranksPresent;
  const auto lowest =
      ranks.empty() ? instance.workers.begin() : instance.workers.find(*ranks.begin());
  instance.first = lowest == instance.workers.end() ? nullptr : lowest->second.get();
}

void RegistryTree::setLoad(Worker& worker, Load load, uint64_t nowMs) {
  worker.loadMs = nowMs;
  if (std::exchange(worker.load, load) == load) return;
  Load highest = kLoadUnknown;
  for (const auto& [id, rank] : worker.instance->workers) {
    if (rank->load == kLoadUnknown) continue;
    if (highest == kLoadUnknown || rank->load > highest) highest = rank->load;
  }
  directory_.setLoad(worker.instance->slot, highest);
}

void RegistryTree::setDrained(Instance& instance, bool drained) {
  if (instance.record.drained == drained) return;
  instance.record.drained = drained;
  if (drained) {
    ++instancesDrained_;
  } else {
    --instancesDrained_;
  }
}

void RegistryTree::countHidden(Location& location, bool hidden) {
  if (std::exchange(location.notLookedUp, hidden) == hidden) return;
  if (hidden) {
    ++locationsHidden_;
  } else {
    --locationsHidden_;
  }
}

void RegistryTree::setQuarantined(Worker& worker, std::string why) {
  if (!worker.quarantined.empty()) --workersQuarantined_;
  if (!why.empty()) ++workersQuarantined_;
  worker.quarantined = std::move(why);
}

void RegistryTree::refreshVisibility(Worker& worker) {
  for (const auto& location : worker.locations) {
    HolderInfo info;
    info.instance = worker.instance->slot;
    info.rank = worker.record.worker;
    info.location = location->nameId;
    info.visible = worker.record.state != WorkerState::kLost && !location->record.live.hidden &&
                   !worker.instance->record.drained;
    info.unconfirmed = worker.record.state == WorkerState::kRecovered;
    directory_.set(location->holder, info);
    countHidden(*location, !info.visible);
  }
  const bool lost = worker.record.state == WorkerState::kLost;
  countWorldSize(worker, lost ? 0 : worker.record.worldSize);
  refreshWorldSize(*worker.instance);
}

void RegistryTree::countWorldSize(Worker& worker, uint32_t stated) {
  auto& sizes = worker.instance->statedWorldSizes;
  const uint32_t before = std::exchange(worker.countedWorldSize, stated);
  if (stated != 0) ++sizes[stated];
  if (before != 0 && --sizes[before] == 0) sizes.erase(before);
}

void RegistryTree::setContradicts(Instance& instance, bool contradicts) {
  if (instance.contradicts == contradicts) return;
  instance.contradicts = contradicts;
  if (contradicts) {
    ++instancesContradicting_;
  } else {
    --instancesContradicting_;
  }
}

void RegistryTree::refreshWorldSize(Instance& instance) {
  setContradicts(instance, ranksContradict(instance));
  const auto& stated = instance.statedWorldSizes;
  uint32_t worldSize = 0;  // where ranks differ, nothing is held by all of them
  if (stated.size() == 1) {
    worldSize = stated.begin()->first;
  } else if (stated.empty()) {
    // Where no worker stated it, the ranks that are known are taken for all.
    worldSize = instance.record.worldSize != 0 ? instance.record.worldSize
                                               : static_cast<uint32_t>(instance.workers.size());
  }
  directory_.setWorldSize(instance.slot, worldSize);
}

SessionId RegistryTree::openSession(Worker& worker, WorkerLink& link) {
  closeSession(worker);
  worker.session = worker.newestSession = nextSession_++;
  worker.link = &link;
  worker.flow = Flow::kOpen;
  worker.droppedNoticed.clear();
  sessions_.emplace(worker.session, &worker);
  if (observer_ != nullptr) observer_->sessionOpened(worker);
  return worker.session;
}

bool RegistryTree::openedSince(std::string_view instance, uint32_t workerId,
                               SessionId newestAtOpening) const {
  const Worker* worker = findWorker(instance, workerId);
  return worker == nullptr || newestAtOpening >= worker->newestSession;
}

void RegistryTree::closeSession(Worker& worker) {
  if (worker.session == kNoSession) return;
  sessions_.erase(worker.session);
  setLoad(worker, kLoadUnknown, worker.loadMs);
  worker.session = kNoSession;
  worker.link = nullptr;
  worker.flow = Flow::kOpen;
  if (observer_ != nullptr) observer_->sessionClosed(worker);
}

void RegistryTree::supersedeSession(Worker& worker) {
  supersededSessions_.push_back(worker.session);
  if (supersededSessions_.size() > kSupersededSessionsMax) supersededSessions_.pop_front();
  closeSession(worker);
}

Error RegistryTree::sessionNotInForce(SessionId session) const {
  const bool superseded = std::find(supersededSessions_.begin(), supersededSessions_.end(),
                                    session) != supersededSessions_.end();
  if (superseded) {
    return {ErrorCode::kSuperseded, "another process took this worker over"};
  }
  return {ErrorCode::kUnavailable, "this session is no longer in force; register again"};
}

void RegistryTree::confirm(Location& location) const {
  if (location.pendingTicket == 0 || !ledger_.isCommitted(location.pendingTicket)) return;
  location.committedSeq = location.pendingSeq;
  if (ledger_.isCommitted(location.lastTicket)) {
    location.committedSeq = location.lastSeq;
    location.pendingTicket = 0;
  } else {
    location.pendingTicket = location.lastTicket;
    location.pendingSeq = location.lastSeq;
  }
}

void RegistryTree::wrote(Location& location, uint64_t lastSeq, Ticket ticket) {
  confirm(location);
  location.lastSeq = lastSeq;
  location.lastTicket = ticket;
  if (location.pendingTicket == 0) {
    location.pendingTicket = ticket;
    location.pendingSeq = lastSeq;
  }
  changed(location);
}

void RegistryTree::restartNumbering(Location& location, uint64_t seq, Ticket ticket) {
  location.lastSeq = seq;
  location.committedSeq = 0;
  location.lastTicket = location.pendingTicket = ticket;
  location.pendingSeq = seq;
  changed(location);
}

uint64_t RegistryTree::committedSeq(Location& location) const {
  confirm(location);
  return location.committedSeq;
}

}  // namespace holdfast
