#include "core/queries/workers.h"

#include "core/registry/instance_ranks.h"

namespace holdfast::queries {

WorkerView WorkerCursor::viewOf(const Worker& worker) {
  const WorkerRecord& record = worker.record;
  if (contradicting_ != record.instance) {
    contradicting_ = record.instance;
    contradiction_ = contradictionOf(*worker.instance);
  }
  WorkerView view{.instance = record.instance,
                  .worker = record.worker,
                  .ip = record.ip,
                  .port = record.port,
                  .peerUrl = record.peerUrl,
                  .model = record.model.empty() ? registry_.tree().defaultModel() : record.model,
                  .state = record.state,
                  .registeredWallMs = record.registeredWallMs,
                  .lastSeenWallMs = worker.lastSeenWallMs,
                  .run = record.run,
                  .attempt = record.attempt,
                  .quarantined = worker.quarantined,
                  .drained = worker.instance->record.drained,
                  .labels = record.labels,
                  .load = worker.load,
                  .worldSize = record.worldSize,
                  .contradiction = contradiction_,
                  .locations = {}};
  view.locations.reserve(worker.locations.size());
  for (const auto& location : worker.locations) {
    view.locations.push_back(queries::viewOf(registry_, *location));
  }
  return view;
}

bool WorkerCursor::next(Found& found, size_t work) {
  for (size_t spent = 0; spent < work; ++spent) {
    const Worker* const worker = walk_.next();
    if (worker == nullptr) return false;
    if (!walk_.wants(*worker)) continue;
    found.push_back(viewOf(*worker));
    spent += worker->locations.size();
  }
  return true;
}

}  // namespace holdfast::queries
