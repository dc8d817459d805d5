// The driver's events of cache operations, and pins.
#include "store_driver.h"

namespace holdfast {

// Records a cache operation, goes on with it, or forgets it.
void StoreDriver::event() {
  const std::string id = "event/" + std::to_string(below(10));
  StoreBatch batch;
  if (chance(20)) {
    operations_.erase(id);
    batch.steps.emplace_back(DropEvent{id});
    return writeBatch(std::move(batch));
  }
  EventRecord& record = operations_[id];
  record = {.id = id,
            .number = random_(),
            .kind = static_cast<OperationKind>(below(kOperationKinds)),
            .instance = "instance " + std::to_string(below(3)),
            .location = "gpu",
            .toInstance = chance(50) ? "" : "elsewhere",
            .toLocation = "",
            .method = std::string(below(20), 'm'),
            .copy = chance(50),
            .chunks = static_cast<uint32_t>(below(100)),
            .ttlSeconds = below(2) * random_(),
            .toPin = std::vector<ChunkHash>(below(2) * below(1000), random_()),
            .arguments = {random_(), random_()},
            .createdWallMs = random_(),
            .finishedWallMs = below(2),
            .ranks = {}};
  for (uint32_t worker = 0; worker < below(6); ++worker) {
    record.ranks.push_back({.worker = worker,
                            .errorCode = -static_cast<int32_t>(below(2000)),
                            .run = random_(),
                            .numTokens = random_(),
                            .error = std::string(below(kOutcomeErrorBytesMax), 'e'),
                            .status = chance(50) ? RankStatus::kPending : RankStatus::kFailed});
  }
  batch.steps.emplace_back(PutEvent{record});
  writeBatch(std::move(batch));
}

// Pins chunks, ends some pins, or all of a location.
void StoreDriver::pin() {
  LiveWorker* worker = nullptr;
  LiveLocation* const location = anyLocation(worker);
  if (location == nullptr) return;
  const uint16_t id = location->record.id;
  std::vector<ChunkHash> chunks;
  for (uint64_t n = 1 + below(20); n > 0; --n) chunks.push_back(below(40) << 56);
  StoreBatch batch;
  const uint64_t choice = below(10);
  if (choice < 6) {
    const PinRecord record{"event/" + std::to_string(below(4)), random_(), below(2) * random_()};
    for (const ChunkHash chunk : chunks) location->pins[chunk] = record;
    batch.steps.emplace_back(PutPins{worker->owner, id, record, std::move(chunks)});
  } else if (choice < 9) {
    for (const ChunkHash chunk : chunks) location->pins.erase(chunk);
    batch.steps.emplace_back(DropPins{worker->owner, id, std::move(chunks)});
  } else {
    location->pins.clear();
    batch.steps.emplace_back(DropAllPins{worker->owner, id});
  }
  writeBatch(std::move(batch));
}

}  // namespace holdfast
