#include "metrics/snapshot.h"

namespace holdfast::metrics {

Snapshot collect(const Services& services, uint64_t openFiles) {
  const ProcessFacts& facts = services.facts;
  const RegistryTree& tree = services.registry.tree();
  Snapshot snapshot;
  snapshot.version = facts.version;
  snapshot.status = queries::statusOf(services.registry, services.executor);
  for (size_t i = 0; i < FullSyncTracker::kPhases; ++i) {
    snapshot.fullSyncs[i] =
        services.registry.repair().tracker().in(static_cast<FullSyncTracker::Phase>(i));
  }
  snapshot.heldOperations = tree.heldOperations();
  snapshot.heldBytes = tree.heldBytes();
  snapshot.lookups = services.lookups;
  snapshot.loopTurns = services.turns.durations();
  snapshot.measured = services.measured;
  if (facts.hashing != nullptr) snapshot.hashing = facts.hashing->counts();
  if (facts.engines != nullptr) snapshot.engines = facts.engines->totals();
  snapshot.replica = services.group.view();
  snapshot.storeWritable = services.store.health().writable;
  if (facts.store) snapshot.store = facts.store();
  if (facts.captureBytes) snapshot.captureBytes = facts.captureBytes();
  snapshot.recoverySeconds = static_cast<double>(facts.recoveryMs) / 1e3;
  if (facts.httpConnections) snapshot.httpConnections = facts.httpConnections();
  // Of both doors, less those.
  snapshot.rpcConnections = services.connections - snapshot.httpConnections;
  for (size_t i = 0; i < kConnectionEnds; ++i) {
    const auto end = static_cast<ConnectionEnd>(i);
    snapshot.connectionsClosed[nameOf(end)] = services.ends.of(end);
  }
  for (size_t i = 0; i < kAuthFailures; ++i) {
    const auto failure = static_cast<AuthFailure>(i);
    snapshot.authFailures[nameOf(failure)] = services.audit.failures(failure);
  }
  snapshot.connectionsMax = services.options.connectionsMax;
  snapshot.process = processUsage();
  snapshot.openFiles = openFiles;
  return snapshot;
}

}  // namespace holdfast::metrics
