#include "sync_steps.h"

#include <utility>

#include "store_fixture.h"
#include "stored_content.h"

namespace holdfast {

SyncSteps::SyncSteps(RegistryStore& store, OwnerId owner)
    : location(emptyLocation(0, "gpu", 7)), store_(store), owner_(owner) {}

Ticket SyncSteps::put(std::vector<StoreStep> more) {
  StoreBatch batch;
  batch.synced = true;
  batch.steps.emplace_back(PutLocation{owner_, location});
  for (StoreStep& step : more) batch.steps.push_back(std::move(step));
  return store_.write(std::move(batch));
}

Ticket SyncSteps::start(std::vector<std::vector<ChunkHash>> batches) {
  batches_ = std::move(batches);
  keys.clear();
  uint64_t count = 0;
  KeyDigest digest;
  for (const auto& batch : batches_) {
    keys.insert(batch.begin(), batch.end());
    count += batch.size();
    for (const ChunkHash key : batch) digest.add(key);
  }
  BuildingPart& part = location.building.emplace();
  part.generation = location.nextGeneration++;
  part.incarnation = 7;
  part.syncId = 99;
  part.baseSeq = 100;
  part.batchCount = static_cast<uint32_t>(batches_.size());
  part.totalKeys = count;
  part.digest = digest;
  lastSeq = part.baseSeq;
  return put({});
}

Ticket SyncSteps::batch(uint32_t number) {
  return store_.append(
      BatchRecord{owner_, 0, location.building->generation, number, batches_.at(number)});
}

Ticket SyncSteps::batches() {
  Ticket last = 0;
  for (uint32_t number = 0; number < batches_.size(); ++number) last = batch(number);
  return last;
}

Ticket SyncSteps::report(const std::vector<ChunkHash>& reported, bool evict) {
  const std::vector<uint8_t> bits(reported.size() / 8 + 1, 0xFF);
  ReportRecord report;
  report.owner = owner_;
  report.counted = !location.building;
  report.generation = report.counted ? location.live.generation : location.building->generation;
  report.firstSeq = lastSeq + 1;
  report.operations.keys = reported;
  if (evict) report.operations.evicts = {bits.data(), 0};
  applyTo(keys, report.operations);
  lastSeq += reported.size();
  if (report.counted) {
    report.countAfter = keys.size();
    report.digestAfter = digestOf(keys);
  }
  return store_.append(report);
}

Ticket SyncSteps::switchOver() {
  const BuildingPart part = *location.building;
  const uint32_t old = location.live.generation;
  location.building.reset();
  location.live = LivePart{};
  location.live.generation = part.generation;
  location.live.incarnation = part.incarnation;
  location.live.baseSeq = part.baseSeq;
  location.live.baseCount = part.totalKeys;
  location.live.baseDigest = part.digest;
  return put({DropGeneration{owner_, 0, old}});
}

Ticket SyncSteps::abandon() {
  const uint32_t generation = location.building->generation;
  location.building.reset();
  return put({DropGeneration{owner_, 0, generation}});
}

FoldRequest SyncSteps::foldRequest() const {
  FoldRequest request;
  request.id = 1;
  request.owner = owner_;
  request.live = location.live;
  request.newFold = location.live.fold + 1;
  return request;
}

Ticket SyncSteps::commitFold(const FoldResult& result) {
  LivePart& live = location.live;
  const uint32_t old = live.fold++;
  live.baseSeq = result.baseSeq;
  live.baseCount = result.baseCount;
  live.baseDigest = result.baseDigest;
  return put({DropJournal{owner_, 0, live.generation, live.stream, live.baseSeq},
              DropFold{owner_, 0, live.generation, old}});
}

}  // namespace holdfast
