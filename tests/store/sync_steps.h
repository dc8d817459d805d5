// The writes of a full sync of a worker's location 0, step by step, to any store.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "core/registry_store.h"

namespace holdfast {

class SyncSteps {
 public:
  // The location is empty, as StoreFixture::addWorker() makes it.
  SyncSteps(RegistryStore& store, OwnerId owner);

  // Of these batches; the cut is at seq 100.
  Ticket start(std::vector<std::vector<ChunkHash>> batches);
  Ticket batch(uint32_t number);
  Ticket batches();
  // The next operations after the cut: not counted before the switch, counted afterwards.
  Ticket report(const std::vector<ChunkHash>& keys, bool evict = false);
  Ticket switchOver();
  Ticket abandon();

  FoldRequest foldRequest() const;
  Ticket commitFold(const FoldResult& result);

  LocationRecord location;
  std::set<ChunkHash> keys;  // of the generation built, with what was reported
  uint64_t lastSeq = 0;

 private:
  Ticket put(std::vector<StoreStep> more);

  RegistryStore& store_;
  const OwnerId owner_;
  std::vector<std::vector<ChunkHash>> batches_;
};

}  // namespace holdfast
