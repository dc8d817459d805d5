// Who is still there. Core has one rule, silence, so signs of life that the wire lacks are given to
// it as heartbeats: answered probes, and the benefit of the doubt for workers that send none and
// that no probe has ever reached, which may be behind address translation.
#include <algorithm>

#include "gateways/lmcache/fleet.h"

namespace holdfast::lmcache {
namespace {

// Ticks in which all workers are looked after once.
constexpr size_t kTicksPerRound = 10;

}  // namespace

void Fleet::adoptRecovered() {
  for (const auto& [name, instance] : tree().instances()) {
    for (const auto& [id, worker] : instance->workers) {
      if (!isOurs(worker->record.run) || worker->session != kNoSession) continue;
      peerOf({name, id}, worker->record).recovered = true;
    }
  }
}

void Fleet::tick(const std::function<void(const Key&, WorkerOrders&)>& probe) {
  const size_t round = std::min(peers_.size(), peers_.size() / kTicksPerRound + 1);
  for (size_t i = 0; i < round && !peers_.empty(); ++i) {
    auto next = peers_.upper_bound(looked_);
    if (next == peers_.end()) next = peers_.begin();
    looked_ = next->first;
    const Worker* worker = tree().findWorker(looked_.first, looked_.second);
    if (worker == nullptr || worker->record.run != next->second.run) {
      peers_.erase(next);  // forgotten, or another wire's
      reset_(looked_);
      continue;
    }
    look(looked_, next->second, probe);
  }
}

void Fleet::look(const Key& key, Peer& peer,
                 const std::function<void(const Key&, WorkerOrders&)>& probe) {
  const RegistrationController::Options& times = controller_.options().registry.lifeCycle;
  const uint64_t now = controller_.registry().nowMs();
  const Worker* worker = tree().findWorker(key.first, key.second);
  const bool attached = inForce(peer) != nullptr;
  if (attached && peer.link->takeRegisterAgain()) registerAgain(peer, worker->record);
  const uint64_t silentMs = now - std::min(now, worker->lastHeardMs);
  if (attached && silentMs < times.heartbeatTimeoutMs / 3) return;
  if (attached && !peer.heartbeats && !peer.reached && !peer.recovered) {
    (void)controller_.take(input::Heartbeat{peer.session, {}});
  }
  if (peer.probing || peer.link->orders() == nullptr) return;
  if (peer.probedMs != 0 && now - peer.probedMs < times.heartbeatTimeoutMs / 6) return;
  peer.probing = true;
  peer.probedMs = std::max<uint64_t>(now, 1);
  probe(key, *peer.link->orders());
}

void Fleet::probed(const Key& key, bool answered) {
  const auto found = peers_.find(key);
  if (found == peers_.end()) return;
  found->second.probing = false;
  if (!answered) return;
  found->second.reached = true;
  // A worker answers when it has registered, so it is the process that is known.
  const Peer* peer = this->attached(key);
  if (peer != nullptr) (void)controller_.take(input::Heartbeat{peer->session, {}});
}

}  // namespace holdfast::lmcache
