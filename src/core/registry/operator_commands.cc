#include "core/registry/operator_commands.h"

#include <string>
#include <utility>

#include "core/ids.h"
#include "core/notice.h"
#include "core/registry/notice_names.h"

namespace holdfast {
namespace {

Error noSuchWorker(std::string_view instance, uint32_t worker) {
  return {ErrorCode::kNotFound, "there is no worker " + std::to_string(worker) + " of instance " +
                                    quotedForPeople(instance) +
                                    "; holdfast-ctl workers shows those that there are"};
}

}  // namespace

Result<uint32_t> OperatorCommands::forceSync(std::string_view instance, uint32_t workerId,
                                             std::string_view name) {
  Worker* worker = tree_.findWorker(instance, workerId);
  if (worker == nullptr) return noSuchWorker(instance, workerId);
  if (worker->session == kNoSession) {
    return Error{ErrorCode::kUnavailable, describe(*worker) + " is " +
                                              std::string(workerStateName(worker->record.state)) +
                                              ": it is compared when it registers again"};
  }
  if (!name.empty() && worker->find(name) == nullptr) {
    return Error{ErrorCode::kNotFound, describe(*worker) + " has no location " +
                                           quotedForPeople(name) + "; it has " +
                                           namesOfLocations(*worker)};
  }
  uint32_t queued = 0;
  for (const auto& location : worker->locations) {
    if (!name.empty() && location->record.name != name) continue;
    ++queued;
    if (repair_.wanted(*location)) continue;
    ++tree_.counters().decisions[static_cast<size_t>(Reason::kForced)];
    location->sync = SyncState::kDiverged;
    location->reason = Reason::kForced;
    location->gap.clear();
    repair_.want(*location, Reason::kForced);
  }
  repair_.askNext();
  return queued;
}

Result<Ticket> OperatorCommands::forget(std::string_view instance, uint32_t workerId) {
  Worker* worker = tree_.findWorker(instance, workerId);
  if (worker == nullptr) return noSuchWorker(instance, workerId);
  notices_.notice(notice::WorkerForgotten{nameOf(*worker)});
  WorkerLink* link = worker->link;
  const Ticket ticket = registration_.forget(*worker);
  if (link != nullptr) link->closed("an operator had the worker forgotten");
  return ticket;
}

Result<Ticket> OperatorCommands::drain(std::string_view name, bool drained) {
  Instance* instance = tree_.findInstance(name);
  if (instance == nullptr) {
    return Error{ErrorCode::kNotFound, "there is no instance " + quotedForPeople(name) +
                                           "; holdfast-ctl instances shows those that there are"};
  }
  if (instance->record.drained == drained) return tree_.ledger().queued();
  if (drained) {
    notices_.notice(notice::InstanceDrained{instance->record.instance});
  } else {
    notices_.notice(notice::InstanceUndrained{instance->record.instance});
  }
  tree_.setDrained(*instance, drained);
  for (const auto& [id, worker] : instance->workers) tree_.refreshVisibility(*worker);
  StoreBatch batch;
  batch.steps.emplace_back(PutInstance{instance->owner, instance->record});
  batch.synced = true;
  return store_.write(std::move(batch));
}

}  // namespace holdfast
