#include "capture/controller_options.h"

#include <algorithm>

#include "capture/values.h"

namespace holdfast {

void write(const ControllerOptions& options, schema::CaptureStart::Builder to) {
  const RegistryOptions& registry = options.registry;
  to.setDefaultModel(textOf(registry.defaultModel));
  to.setWorkersMax(registry.lifeCycle.workersMax);
  to.setHeartbeatTimeoutMs(registry.lifeCycle.heartbeatTimeoutMs);
  to.setLostGraceMs(registry.lifeCycle.lostGraceMs);
  to.setFoldFloorOperations(registry.foldFloorOperations);
  to.setReplayAgainMs(registry.repair.replayAgainMs);
  to.setReplayTimeoutMs(registry.repair.replayTimeoutMs);
  to.setCompletionThreshold(registry.repair.completionThreshold);
  const FullSyncTracker::Options& syncs = registry.repair.fullSync;
  to.setFullSyncs(syncs.slots);
  to.setFullSyncStartTimeoutMs(syncs.startTimeoutMs);
  to.setFullSyncInactivityMs(syncs.inactivityMs);
  to.setFullSyncFailuresBeforeBackoff(syncs.failuresBeforeBackoff);
  to.setFullSyncBackoffMs(syncs.backoffMs);
  to.setFullSyncBackoffMaxMs(syncs.backoffMaxMs);
  to.setOperationTimeoutsMs(
      kj::arrayPtr(options.executor.timeoutMs.data(), options.executor.timeoutMs.size()));
  to.setEventRetentionMs(options.executor.retentionMs);
  to.setEventsKeptMax(options.executor.eventsKeptMax);
}

ControllerOptions read(schema::CaptureStart::Reader from) {
  ControllerOptions options;
  RegistryOptions& registry = options.registry;
  registry.defaultModel = std::string(viewOf(from.getDefaultModel()));
  registry.lifeCycle.workersMax = from.getWorkersMax();
  registry.lifeCycle.heartbeatTimeoutMs = from.getHeartbeatTimeoutMs();
  registry.lifeCycle.lostGraceMs = from.getLostGraceMs();
  registry.foldFloorOperations = from.getFoldFloorOperations();
  registry.repair.replayAgainMs = from.getReplayAgainMs();
  registry.repair.replayTimeoutMs = from.getReplayTimeoutMs();
  registry.repair.completionThreshold = from.getCompletionThreshold();
  FullSyncTracker::Options& syncs = registry.repair.fullSync;
  syncs.slots = from.getFullSyncs();
  syncs.startTimeoutMs = from.getFullSyncStartTimeoutMs();
  syncs.inactivityMs = from.getFullSyncInactivityMs();
  syncs.failuresBeforeBackoff = from.getFullSyncFailuresBeforeBackoff();
  syncs.backoffMs = from.getFullSyncBackoffMs();
  syncs.backoffMaxMs = from.getFullSyncBackoffMaxMs();
  const auto timeouts = from.getOperationTimeoutsMs();
  const size_t known = std::min<size_t>(timeouts.size(), options.executor.timeoutMs.size());
  for (size_t i = 0; i < known; ++i) {
    options.executor.timeoutMs[i] = timeouts[static_cast<kj::uint>(i)];
  }
  options.executor.retentionMs = from.getEventRetentionMs();
  options.executor.eventsKeptMax = from.getEventsKeptMax();
  return options;
}

}  // namespace holdfast
