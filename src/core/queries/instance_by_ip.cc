#include "core/queries/instance_by_ip.h"

namespace holdfast::queries {

bool InstanceByIp::next(size_t work) {
  for (size_t spent = 0; spent < work; ++spent) {
    const Worker* const worker = walk_.next();
    if (worker == nullptr) return false;
    if (worker->record.ip != ip_) continue;
    const WorkerState state = worker->record.state;
    // Sessions ascend; without one only the wall clock tells which registration is newer.
    const Rank rank(state == WorkerState::kActive, state == WorkerState::kRecovered,
                    worker->session, worker->record.registeredWallMs);
    if (best_ && rank <= *best_) continue;
    best_ = rank;
    instance_ = worker->record.instance;
  }
  return true;
}

}  // namespace holdfast::queries
