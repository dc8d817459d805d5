#include "core/queries/status.h"

namespace holdfast::queries {

Status statusOf(const Registry& registry, const Executor& executor) {
  const RegistryTree& tree = registry.tree();
  const RepairController& repair = registry.repair();
  Status status;
  status.instances = tree.instances().size();
  status.instancesContradicting = tree.instancesContradicting();
  status.instancesDrained = tree.instancesDrained();
  status.workersActive = tree.workers(WorkerState::kActive);
  status.workersLost = tree.workers(WorkerState::kLost);
  status.workersRecovered = tree.workers(WorkerState::kRecovered);
  status.workersQuarantined = tree.workersQuarantined();
  status.locations = tree.locations();
  for (size_t i = 0; i < kSyncStates; ++i) {
    status.locationsBySync[i] = tree.locations(static_cast<SyncState>(i));
  }
  status.locationsHidden = tree.locationsHidden();
  status.chunks = registry.index().chunks();
  status.memberships = tree.memberships();
  status.indexBytes = registry.index().memoryBytes();
  status.pins = tree.pins();
  status.fullSyncsRunning = repair.tracker().slotsUsed();
  status.fullSyncsQueued = repair.tracker().waiting();
  status.globalProgress = repair.globalProgress();
  status.eventsUnfinished = executor.log().unfinished().size();
  status.eventsFinished = executor.log().finished();
  status.committed = registry.ledger().allCommitted();
  status.contentDigest = registry.contentDigest();
  status.registryDigest = registry.registryDigest();
  status.counters = registry.counters();
  status.limits = registry.limits();
  return status;
}

}  // namespace holdfast::queries
