#include "tests/support/recount.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace holdfast::test {
namespace {

template <typename Visit>
void forLocations(const RegistryTree& tree, Visit visit) {
  for (const auto& [name, instance] : tree.instances()) {
    for (const auto& [rank, worker] : instance->workers) {
      for (const auto& location : worker->locations) visit(*worker, *location);
    }
  }
}

// See ranksContradict(): of ranks that are not LOST.
bool contradicts(const Instance& instance) {
  std::set<uint32_t> worldSizes;
  uint32_t highest = 0;
  for (const auto& [rank, worker] : instance.workers) {
    if (worker->record.state == WorkerState::kLost) continue;
    highest = rank;
    if (worker->record.worldSize != 0) worldSizes.insert(worker->record.worldSize);
  }
  return worldSizes.size() > 1 || (worldSizes.size() == 1 && highest >= *worldSizes.begin());
}

// See Instance::first.
const Worker* lowestRank(const Instance& instance) {
  for (const auto& [rank, worker] : instance.workers) {
    if (worker->record.state != WorkerState::kLost) return worker.get();
  }
  return instance.workers.begin()->second.get();
}

// Of those that state one; of a rank without a session none holds.
Load highestLoad(const Instance& instance) {
  Load highest = kLoadUnknown;
  for (const auto& [rank, worker] : instance.workers) {
    EXPECT_TRUE(worker->session != kNoSession || worker->load == kLoadUnknown) << rank;
    if (worker->load == kLoadUnknown) continue;
    if (highest == kLoadUnknown || worker->load > highest) highest = worker->load;
  }
  return highest;
}

}  // namespace

RegistryDigest countedContentDigest(const RegistryTree& tree) {
  RegistryDigest digest;
  forLocations(tree, [&](const Worker& worker, const Location& location) {
    if (location.count == 0 || location.record.live.hidden) return;
    digest.addContent(worker.record.instance, worker.record.worker, location.record.name,
                      location.count, location.digest);
  });
  return digest;
}

RegistryDigest countedStateDigest(const RegistryTree& tree) {
  RegistryDigest digest;
  forLocations(tree, [&](const Worker& worker, const Location& location) {
    digest.addState(worker.record.instance, worker.record.worker, location.record.name,
                    location.count, location.digest, location.record.live.incarnation,
                    location.lastSeq);
  });
  return digest;
}

void expectKeptAsCounted(const Registry& registry) {
  const RegistryTree& tree = registry.tree();
  EXPECT_EQ(registry.contentDigest().hex(), countedContentDigest(tree).hex());
  EXPECT_EQ(registry.registryDigest().hex(), countedStateDigest(tree).hex());
  size_t contradicting = 0;
  size_t drained = 0;
  size_t workers = 0;
  size_t quarantined = 0;
  std::map<WorkerState, size_t> byState;
  for (const auto& [name, instance] : tree.instances()) {
    contradicting += contradicts(*instance) ? 1 : 0;
    drained += instance->record.drained ? 1 : 0;
    EXPECT_EQ(instance->first, lowestRank(*instance)) << name;
    EXPECT_EQ(tree.directory().load(instance->slot), highestLoad(*instance)) << name;
    workers += instance->workers.size();
    for (const auto& [rank, worker] : instance->workers) {
      ++byState[worker->record.state];
      quarantined += worker->quarantined.empty() ? 0 : 1;
    }
  }
  size_t locations = 0;
  size_t hidden = 0;
  uint64_t memberships = 0;
  uint64_t pins = 0;
  std::map<SyncState, size_t> bySync;
  forLocations(tree, [&](const Worker& worker, const Location& location) {
    ++locations;
    hidden += worker.record.state == WorkerState::kLost || worker.instance->record.drained ||
                      location.record.live.hidden
                  ? 1
                  : 0;
    ++bySync[location.sync];
    memberships += location.count;
    pins += location.pins == nullptr ? 0 : location.pins->size();
  });
  EXPECT_EQ(tree.instancesContradicting(), contradicting);
  EXPECT_EQ(tree.instancesDrained(), drained);
  EXPECT_EQ(tree.locationsHidden(), hidden);
  EXPECT_EQ(tree.workers(), workers);
  EXPECT_EQ(tree.workersQuarantined(), quarantined);
  for (size_t i = 0; i < kWorkerStates; ++i) {
    const auto state = static_cast<WorkerState>(i);
    EXPECT_EQ(tree.workers(state), byState[state]) << workerStateName(state);
  }
  EXPECT_EQ(tree.locations(), locations);
  for (size_t i = 0; i < kSyncStates; ++i) {
    const auto state = static_cast<SyncState>(i);
    EXPECT_EQ(tree.locations(state), bySync[state]) << syncStateName(state);
  }
  EXPECT_EQ(tree.memberships(), memberships);
  EXPECT_EQ(tree.pins(), pins);
}

}  // namespace holdfast::test
