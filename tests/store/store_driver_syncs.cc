// Full syncs: batches in any order, reports meanwhile, and then the switch, or not.
#include <algorithm>

#include "store_driver.h"

namespace holdfast {
namespace {

constexpr ChunkHash kSyncKeySpace = 120;

}  // namespace

void StoreDriver::sync() {
  std::vector<std::pair<LiveWorker*, LiveLocation*>> begun;
  for (auto& [name, worker] : workers_) {
    for (auto& [id, location] : worker.locations) {
      if (location.building) begun.emplace_back(&worker, &location);
    }
  }
  if (begun.empty() || chance(15)) {
    LiveWorker* worker = nullptr;
    LiveLocation* location = anyLocation(worker);
    if (location != nullptr) startSync(*worker, *location);
    return;
  }
  const auto [worker, location] = begun[below(begun.size())];
  for (uint64_t i = 1 + below(4); i > 0; --i) {
    const uint64_t choice = below(100);
    const uint32_t batches = location->building->part.batchCount;
    if (choice < 55 && batches > 0) {
      const auto number = static_cast<uint32_t>(below(batches));
      if (!location->building->batches.contains(number)) sendBatch(*worker, *location, number);
    } else if (choice < 85) {
      reportWhileBuilding(*worker, *location);
    } else if (choice < 96) {
      return switchOver(*worker, *location);
    } else {
      return abandon(*worker, *location);
    }
  }
}

// One that is under way is abandoned.
void StoreDriver::startSync(LiveWorker& worker, LiveLocation& location) {
  LocationRecord& record = location.record;
  std::set<ChunkHash> keys;
  const ChunkHash space = chance(20) ? ~ChunkHash{0} : kSyncKeySpace;
  for (uint64_t i = chance(10) ? 0 : below(chance(10) ? 3000 : 80); i > 0; --i) {
    keys.insert(below(space));
  }
  std::vector<ChunkHash> shuffled(keys.begin(), keys.end());
  std::shuffle(shuffled.begin(), shuffled.end(), random_);

  const std::optional<BuildingPart> old = record.building;
  BuildingPart& part = record.building.emplace();
  part.generation = record.nextGeneration++;
  part.incarnation = chance(50) ? record.live.incarnation : random_();
  part.syncId = random_();
  part.baseSeq = below(1000);
  part.totalKeys = keys.size();
  part.digest = digestOf(keys);
  auto& plan = plans_[part.syncId];
  for (size_t at = 0; at < shuffled.size();) {
    const size_t count = std::min<size_t>(shuffled.size() - at, 1 + below(keys.size()));
    const auto begin = shuffled.begin() + static_cast<long>(at);
    plan.emplace_back(begin, begin + static_cast<long>(count));
    at += count;
  }
  part.batchCount = static_cast<uint32_t>(plan.size());
  if (part.incarnation != record.live.incarnation) record.live.hidden = true;
  location.building.emplace().part = part;

  StoreBatch batch;
  batch.steps.emplace_back(PutLocation{worker.owner, record});
  if (old) batch.steps.emplace_back(DropGeneration{worker.owner, record.id, old->generation});
  writeBatch(std::move(batch));
}

void StoreDriver::sendBatch(LiveWorker& worker, LiveLocation& location, uint32_t number) {
  StoredBuilding& building = *location.building;
  const std::vector<ChunkHash>& keys = plans_.at(building.part.syncId).at(number);
  building.batches[number] = keys;
  wrote(store_->append(
            BatchRecord{worker.owner, location.record.id, building.part.generation, number, keys}),
        false);
}

void StoreDriver::reportWhileBuilding(LiveWorker& worker, LiveLocation& location) {
  StoredBuilding& building = *location.building;
  std::vector<ChunkHash> keys(1 + below(20));
  for (ChunkHash& key : keys) key = below(kSyncKeySpace);
  std::vector<uint8_t> bits((keys.size() + 15) / 8);
  for (uint8_t& byte : bits) byte = static_cast<uint8_t>(random_());
  ReportRecord report;
  report.owner = worker.owner;
  report.location = location.record.id;
  report.generation = building.part.generation;
  report.firstSeq = building.lastSeq() + 1;
  report.operations.keys = keys;
  if (chance(60)) report.operations.evicts = {bits.data(), below(8)};
  report.counted = false;
  append(building.operations, report.operations);
  wrote(store_->append(report), false);
}

void StoreDriver::switchOver(LiveWorker& worker, LiveLocation& location) {
  const BuildingPart part = location.building->part;
  for (uint32_t number = 0; number < part.batchCount; ++number) {
    if (!location.building->batches.contains(number)) sendBatch(worker, location, number);
  }
  location.keys.clear();
  for (const auto& [number, keys] : location.building->batches) {
    location.keys.insert(keys.begin(), keys.end());
  }
  for (const auto& [key, evict] : location.building->operations) {
    if (evict) {
      location.keys.erase(key);
    } else {
      location.keys.insert(key);
    }
  }
  location.lastSeq = location.building->lastSeq();
  location.building.reset();

  LocationRecord& record = location.record;
  const uint32_t old = record.live.generation;
  record.live = LivePart{};
  record.live.generation = part.generation;
  record.live.incarnation = part.incarnation;
  record.live.baseSeq = part.baseSeq;
  record.live.baseCount = part.totalKeys;
  record.live.baseDigest = part.digest;
  record.building.reset();
  StoreBatch batch;
  batch.steps.emplace_back(PutLocation{worker.owner, record});
  batch.steps.emplace_back(DropGeneration{worker.owner, record.id, old});
  writeBatch(std::move(batch));
}

void StoreDriver::abandon(LiveWorker& worker, LiveLocation& location) {
  LocationRecord& record = location.record;
  const uint32_t generation = record.building->generation;
  record.building.reset();
  location.building.reset();
  StoreBatch batch;
  batch.steps.emplace_back(PutLocation{worker.owner, record});
  batch.steps.emplace_back(DropGeneration{worker.owner, record.id, generation});
  writeBatch(std::move(batch));
}

}  // namespace holdfast
