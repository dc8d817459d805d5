#include "tests/format/make_store.h"

#include <vector>

#include "tests/inspect/store_grower.h"

namespace holdfast::test {
namespace {

constexpr uint64_t kSeed = 26;
constexpr int kSteps = 150;

std::vector<ChunkHash> hashes(uint64_t from, uint64_t count) {
  std::vector<ChunkHash> keys;
  for (uint64_t i = 0; i < count; ++i) keys.push_back(splitmix64Finalise(from + i));
  return keys;
}

EventRecord event(const std::string& id, OperationKind kind, RankStatus second) {
  EventRecord record;
  record.id = id;
  record.number = splitmix64Finalise(id.size());
  record.kind = kind;
  record.instance = "llama-0";
  record.location = "gpu";
  if (kind == OperationKind::kMove) record.toInstance = record.toLocation = "elsewhere";
  record.chunks = 12;
  record.arguments = {1, 2};
  record.createdWallMs = 1'700'000'000'000;
  for (const RankStatus status : {RankStatus::kDone, second}) {
    RankRecord& rank = record.ranks.emplace_back();
    rank.worker = static_cast<uint32_t>(record.ranks.size() - 1);
    rank.run = 7;
    rank.status = status;
    rank.numTokens = status == RankStatus::kDone ? 3072 : 0;
    if (status == RankStatus::kFailed) rank.error = "out of memory";
  }
  if (record.final()) record.finishedWallMs = record.createdWallMs + 1500;
  return record;
}

// A location that is folded: each round evicts what the next one admits again.
void fold(StoreGrower& grower) {
  grower.admit("llama-0", 0, "gpu", hashes(0, 2000));
  for (int round = 0; round < 4; ++round) {
    grower.evict("llama-0", 0, "gpu", hashes(0, 1000));
    grower.admit("llama-0", 0, "gpu", hashes(0, 1000));
  }
  grower.settle();
  grower.admit("llama-0", 0, "gpu", hashes(5000, 10));
  grower.admit("llama-0", 1, "cpu", hashes(0, 30));
}

}  // namespace

void makeStore(const std::string& dataDir) {
  {
    StoreGrower grower(dataDir, kSeed);
    fold(grower);
    for (int i = 0; i < kSteps; ++i) grower.step();
    grower.settle();
    grower.close();
  }
  // A start brings what is in the log to table files; what comes then is in the log.
  StoreGrower grower(dataDir, kSeed + 1);
  for (int i = 0; i < kSteps; ++i) grower.step();
  grower.putEvent(event("clear-1", OperationKind::kClear, RankStatus::kDone));
  grower.putEvent(event("move-of-a-prompt", OperationKind::kMove, RankStatus::kFailed));
  grower.putEvent(event("nightly", OperationKind::kCompress, RankStatus::kPending));
  grower.settle();
  grower.close();
}

}  // namespace holdfast::test
