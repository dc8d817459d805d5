#include "core/registry/registry_loader.h"

#include <algorithm>
#include <iterator>

#include "core/check.h"
#include "core/notice.h"
#include "core/registry/notice_names.h"
#include "core/repair/repair_controller.h"

namespace holdfast {

RegistryLoader::RegistryLoader(RegistryTree& tree, ChunkIndex& index, Pins& pins,
                               NoticeSink& notices, uint64_t nowMs)
    : tree_(tree), index_(index), pins_(pins), notices_(notices), nowMs_(nowMs) {}

void RegistryLoader::begin(const RecoverySummary& summary) {
  index_.reserve(summary.distinctEstimate);
}

void RegistryLoader::instance(OwnerId owner, const InstanceRecord& record) {
  Instance* known = tree_.findInstance(record.instance);
  HOLDFAST_CHECK(known == nullptr, "the store names an instance twice");
  Instance& added = tree_.addInstance(record.instance, owner);
  added.record = record;
  added.record.drained = false;
  tree_.setDrained(added, record.drained);
}

void RegistryLoader::worker(OwnerId owner, const WorkerRecord& record,
                            const std::vector<LocationRecord>& locations) {
  Instance* instance = tree_.findInstance(record.instance);
  if (instance == nullptr) instance = &tree_.addInstance(record.instance, kNoOwner);
  Worker& worker = tree_.addWorker(*instance, record.worker, owner, &record);
  if (record.state != WorkerState::kLost) tree_.setState(worker, WorkerState::kRecovered);
  tree_.setModel(worker, record.model);
  worker.lastHeardMs = nowMs_;
  worker.lastSeenWallMs = record.lastSeenWallMs;
  Family& family = families_[owner];
  family.worker = &worker;
  for (const LocationRecord& stored : locations) {
    Location* location = tree_.addLocation(worker, stored.name, &stored);
    if (location == nullptr) {
      family.damage =
          "more distinct location names in use than " + std::to_string(kLocationNamesMax);
      return;
    }
    Loading loading;
    loading.location = location;
    location->lastSeq = stored.live.baseSeq;
    if (stored.building) tree_.addBuilding(*location, *stored.building);
    family.locations.push_back(loading);
  }
}

RegistryLoader::Loading* RegistryLoader::find(OwnerId owner, uint16_t location) {
  Family& family = families_[owner];
  if (!family.damage.empty()) return nullptr;
  for (Loading& loading : family.locations) {
    if (loading.location->record.id == location) return &loading;
  }
  family.damage = "records of location " + std::to_string(location) + ", which is not declared";
  return nullptr;
}

void RegistryLoader::apply(Loading& loading, const Operations& operations) {
  Location& location = *loading.location;
  const ChunkIndex::Change change =
      index_.apply(location.holder, location.worker->modelSalt, operations);
  location.count += static_cast<uint64_t>(change.count);
  location.digest += change.digest;
  tree_.changeMemberships(change.count);
}

void RegistryLoader::segment(OwnerId owner, uint16_t location, std::span<const ChunkHash> keys) {
  Loading* loading = find(owner, location);
  if (loading == nullptr) return;
  const uint64_t before = loading->location->count;
  apply(*loading, {keys, {}});
  if (loading->location->count - before != keys.size()) {
    families_[owner].damage =
        "location '" + loading->location->record.name + "': a segment repeats keys";
  }
}

bool RegistryLoader::checkBase(Loading& loading, Family& family) {
  loading.baseSeen = true;
  const Location& location = *loading.location;
  const LivePart& live = location.record.live;
  if (location.count == live.baseCount && location.digest == live.baseDigest) return true;
  family.damage = "location '" + location.record.name + "': content at seq " +
                  std::to_string(live.baseSeq) + " has " + std::to_string(location.count) +
                  " chunks where " + std::to_string(live.baseCount) +
                  " with another digest were recorded";
  if (location.count == live.baseCount) {
    family.damage = "location '" + location.record.name + "': content at seq " +
                    std::to_string(live.baseSeq) + " has another digest than was recorded";
  }
  return false;
}

void RegistryLoader::journal(OwnerId owner, uint16_t id, const JournalEntry& entry) {
  Loading* loading = find(owner, id);
  if (loading == nullptr) return;
  Family& family = families_[owner];
  Location& location = *loading->location;
  const LivePart& live = location.record.live;
  const std::string where = "location '" + location.record.name + "': journal of stream " +
                            std::to_string(entry.stream) + " at seq " +
                            std::to_string(entry.firstSeq);
  if (entry.stream > live.stream) {
    family.damage = where + " is of a stream that was never begun";
    return;
  }
  if (entry.stream == live.stream && !loading->baseSeen && !checkBase(*loading, family)) return;
  const bool sameStream = loading->inStream && loading->stream == entry.stream;
  const bool hasExpectation = sameStream || entry.stream == live.stream;
  const uint64_t expected = sameStream ? loading->nextSeq : live.baseSeq + 1;
  if (hasExpectation && entry.firstSeq != expected) {
    family.damage = where + " should be at seq " + std::to_string(expected);
    return;
  }
  apply(*loading, entry.operations);
  loading->inStream = true;
  loading->stream = entry.stream;
  loading->nextSeq = entry.firstSeq + entry.operations.size();
  location.journalOperations += entry.operations.size();
  if (entry.stream == live.stream) location.lastSeq = loading->nextSeq - 1;
  // Of one process of the engine: with another one, everything before is dropped.
  auto& position = location.worker->record.position;
  if (entry.position && (!position || position->seq < entry.position->seq)) {
    position = entry.position;
  }
  if (entry.counted &&
      (location.count != entry.countAfter || !(location.digest == entry.digestAfter))) {
    family.damage = where + ": count or digest after it differ from what was recorded";
  }
}

void RegistryLoader::batch(OwnerId owner, uint16_t id, uint32_t number,
                           std::span<const ChunkHash> keys) {
  Loading* loading = find(owner, id);
  if (loading == nullptr) return;
  Location& location = *loading->location;
  Building* building = location.building.get();
  if (building == nullptr || number >= building->stored.size() || building->stored[number]) {
    families_[owner].damage = "location '" + location.record.name + "': batch " +
                              std::to_string(number) + " of no full sync, or twice";
    return;
  }
  building->addBatch(number, keys.size(),
                     index_.apply(building->holder, location.worker->modelSalt, {keys, {}}));
}

// What waits while the full sync is not whole. The rest is applied at once: of what the others of a
// group have in turns, there may be more at once than can be held.
bool RegistryLoader::takePending(Location& location, const JournalEntry& entry) {
  Building& building = *location.building;
  building.lastSeq += entry.operations.size();
  if (!building.whole() || !building.pending.empty()) {
    return building.pending.hold(entry.firstSeq, entry.operations);
  }
  building.apply(index_.apply(building.holder, location.worker->modelSalt, entry.operations));
  building.appliedSeq = building.lastSeq;
  return true;
}

void RegistryLoader::buildingJournal(OwnerId owner, uint16_t id, const JournalEntry& entry) {
  Loading* loading = find(owner, id);
  if (loading == nullptr) return;
  Location& location = *loading->location;
  Building* building = location.building.get();
  if (building == nullptr || entry.stream != 0 || entry.firstSeq != building->lastSeq + 1) {
    families_[owner].damage = "location '" + location.record.name +
                              "': the journal of its full sync does not go on at seq " +
                              std::to_string(entry.firstSeq);
    return;
  }
  loading->tooMuchHeld |= !takePending(location, entry);
}

void RegistryLoader::pins(OwnerId owner, uint16_t id, const PinRecord& record,
                          std::span<const ChunkHash> chunks) {
  Loading* loading = find(owner, id);
  if (loading == nullptr) return;
  pins_.recovered(*loading->location, record, chunks, families_[owner].pinsDropped);
}

void RegistryLoader::behind(OwnerId owner, uint16_t id, uint64_t) {
  Loading* loading = find(owner, id);
  if (loading != nullptr) loading->behind = true;
}

void RegistryLoader::finish(OwnerId owner) {
  Family& family = families_[owner];
  for (Loading& loading : family.locations) {
    if (!family.damage.empty()) break;
    if (!loading.baseSeen) checkBase(loading, family);
  }
  ++report_.workers;
  if (!family.damage.empty()) {
    quarantine(*family.worker, family.damage);
  } else {
    bool anyBehind = false;
    for (Loading& loading : family.locations) {
      Location& location = *loading.location;
      location.committedSeq = location.lastSeq;
      awaitRegistration(location);
      if (loading.behind) {
        // What is missing shows when the worker registers.
        location.sync = SyncState::kDiverged;
        location.reason = Reason::kBehind;
        anyBehind = true;
      }
      if (location.building == nullptr) continue;
      location.sync = SyncState::kDiverged;
      location.reason = Reason::kSyncContinues;
      if (loading.tooMuchHeld) abandoned_.push_back(&location);
    }
    report_.behind += anyBehind ? 1 : 0;
    // One location may be behind what another one says.
    if (anyBehind) family.worker->record.position.reset();
    auto& steps = family.pinsDropped.steps;
    std::move(steps.begin(), steps.end(), std::back_inserter(pinsDropped_.steps));
  }
  for (const auto& location : family.worker->locations) tree_.changed(*location);
  tree_.refreshVisibility(*family.worker);
  families_.erase(owner);
}

void RegistryLoader::quarantine(Worker& worker, const std::string& reason) {
  ++report_.quarantined;
  tree_.setQuarantined(worker, reason);
  worker.record.position.reset();
  for (const auto& location : worker.locations) {
    tree_.dropBuilding(*location);
    tree_.renewHolder(*location);
    location->pins.reset();
    location->record.building.reset();
    location->lastSeq = 0;
    location->record.live = LivePart{};
    location->record.live.hidden = true;
    location->sync = SyncState::kDiverged;
    location->reason = Reason::kQuarantined;
  }
  notices_.notice(notice::WorkerQuarantined{nameOf(worker), reason});
}

void RegistryLoader::damaged(OwnerId owner, const std::string& instanceId, bool isWorker,
                             uint32_t workerId, const std::string& reason) {
  Instance* instance = tree_.findInstance(instanceId);
  if (!isWorker) {
    damagedInstances_.push_back(owner);
    if (instance == nullptr) tree_.addInstance(instanceId, kNoOwner);
    notices_.notice(notice::InstanceDamaged{instanceId, reason});
    return;
  }
  if (!families_.contains(owner)) {
    WorkerRecord record;
    record.instance = instanceId;
    record.worker = workerId;
    worker(owner, record, {});
  }
  families_[owner].damage = reason;
  finish(owner);
}

RecoveryReport RegistryLoader::complete(RegistryStore& store) {
  HOLDFAST_CHECK(families_.empty(), "the store did not finish every worker it began");
  StoreBatch batch;
  for (const OwnerId owner : damagedInstances_) batch.steps.emplace_back(Release{owner});
  for (const auto& [name, instance] : tree_.instances()) {
    if (instance->owner != kNoOwner) continue;
    instance->owner = store.claim();
    batch.steps.emplace_back(PutInstance{instance->owner, instance->record});
  }
  // What these full syncs brought cannot be held until their batches are there.
  for (Location* location : abandoned_) abandonBuilding(tree_, *location, batch);
  if (!batch.steps.empty()) store.write(std::move(batch));
  if (!pinsDropped_.steps.empty()) store.write(std::move(pinsDropped_));
  report_.instances = tree_.instances().size();
  report_.chunks = tree_.memberships();
  return report_;
}

}  // namespace holdfast
