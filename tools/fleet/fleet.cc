#include "fleet/fleet.h"

#include <algorithm>
#include <chrono>

#include "fleet/fleet_operations.h"
#include "fleet/oracle.h"

namespace holdfast::fleet {

namespace {

constexpr size_t kWorkersPerThread = 256;
constexpr size_t kThreadsMax = 4;
constexpr size_t kZones = 3;  // that the instances are labelled with

std::string instanceName(size_t index) {
  return "fleet-" + std::to_string(index);
}

// Milliseconds left of a common deadline.
class Deadline {
 public:
  explicit Deadline(uint32_t timeoutMs)
      : end_(std::chrono::steady_clock::now() + std::chrono::milliseconds(timeoutMs)) {}
  uint32_t leftMs() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end_ - std::chrono::steady_clock::now());
    return static_cast<uint32_t>(std::max<int64_t>(left.count(), 0));
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

}  // namespace

Fleet::Fleet(const Options& options)
    : controller_(options.controller),
      security_(options.security),
      ranksPerInstance_(options.ranks),
      work_(options.instances) {
  const size_t threads = std::clamp<size_t>(options.workers() / kWorkersPerThread, 1, kThreadsMax);
  for (size_t i = 0; i < threads; ++i) threads_.push_back(std::make_unique<ClientThread>());

  ranks_.reserve(options.workers());
  for (uint32_t i = 0; i < options.instances; ++i) {
    instances_.emplace(instanceName(i), i);
    for (uint32_t r = 0; r < options.ranks; ++r) {
      ranks_.emplace_back(instanceName(i), r, options.capacity, options.diskCapacity);
    }
  }
  workers_.resize(options.workers());
  for (size_t index = 0; index < workers_.size(); ++index) {
    if (options.faults.any()) {
      workers_[index].gate =
          std::make_shared<FaultGate>(ReportFates(options.faults, options.seed, index));
    }
    connect(index);
  }
}

Fleet::~Fleet() {
  // One that ends may be about to receive what another one moves.
  std::vector<std::unique_ptr<Client>> clients;
  {
    const MutexLock lock(caches_);
    for (Worker& worker : workers_) clients.push_back(std::move(worker.client));
  }
}

void Fleet::connect(size_t index) {
  Worker& worker = workers_[index];
  const SimulatedRank& rank = ranks_[index];
  ClientOptions options;
  options.controller = controller_;
  options.security = security_;
  options.instance = rank.instance();
  options.worker = rank.rank();
  options.ip = "127.0.0.1";
  options.peerUrl = "simulated:" + rank.instance() + "/" + std::to_string(rank.rank());
  options.worldSize = ranksPerInstance_;
  options.labels = {{"fleet", "simulated"},
                    {"zone", "zone-" + std::to_string(index / ranksPerInstance_ % kZones)}};
  const MutexLock lock(caches_);
  for (const SimulatedRank::Tier& tier : rank.tiers()) {
    options.locations.push_back({tier.location, tier.cache.contents()});
  }
  options.reportGate = worker.gate;
  options.operations = std::make_shared<Operations>(*this, index);
  auto client =
      std::make_unique<Client>(*threads_[index % threads_.size()], std::move(options),
                               [this, &worker](ClientState state, const std::string& reason) {
                                 onState(worker, state, reason);
                               });
  worker.client = std::move(client);
}

void Fleet::restart(size_t index, bool diskSurvives) {
  Worker& worker = workers_[index];
  worker.past.add(totalsOf(worker));
  std::unique_ptr<Client> ended;
  {
    const MutexLock lock(caches_);
    ended = std::move(worker.client);
  }
  // Waits for the client's thread, which may wait for the caches.
  ended = nullptr;
  if (worker.isRegistered) --registered_;
  worker.isRegistered = false;
  {
    const MutexLock lock(caches_);
    ranks_[index].restart(diskSurvives);
  }
  connect(index);
  ++restarts_;
}

void Fleet::onState(Worker& worker, ClientState state, const std::string& reason) {
  const bool now = state == ClientState::kRegistered || state == ClientState::kPaused;
  if (now != worker.isRegistered) {
    worker.isRegistered = now;
    // The loss first: who sees fewer registered must know why.
    if (!now && state != ClientState::kLeft) sessionsLost_ = true;
    registered_ += now ? size_t{1} : ~size_t{0};
  }
  if (state == ClientState::kSuperseded || state == ClientState::kRefused) {
    const MutexLock lock(mutex_);
    if (givenUp_.empty()) givenUp_ = std::string(clientStateName(state)) + ": " + reason;
  }
}

void Fleet::suffer(const FaultPlan::Event& event) {
  switch (event.kind) {
    case FaultPlan::Kind::kRestart:
      return restart(event.worker, event.diskSurvives);
    case FaultPlan::Kind::kCut:
      return workers_[event.worker].gate->cut();
    case FaultPlan::Kind::kCorrupt:
      return workers_[event.worker].gate->corrupt();
  }
}

void Fleet::stopFaults() {
  for (const Worker& worker : workers_) {
    if (worker.gate) worker.gate->stop();
  }
}

std::string Fleet::givenUp() const {
  const MutexLock lock(mutex_);
  return givenUp_;
}

std::optional<size_t> Fleet::instanceNamed(const std::string& name) const {
  const auto found = instances_.find(name);
  if (found == instances_.end()) return std::nullopt;
  return found->second;
}

bool Fleet::holds(ChunkHash chunk) const {
  const MutexLock lock(caches_);
  return std::any_of(ranks_.begin(), ranks_.end(), [&](const SimulatedRank& rank) {
    return rank.heldPrefix({&chunk, 1}) > 0;
  });
}

std::vector<PrefixHolder> Fleet::holders(std::span<const ChunkHash> prompt) const {
  const MutexLock lock(caches_);
  return heldPrefixes(ranks_, ranksPerInstance_, prompt);
}

size_t Fleet::serve(size_t instance, std::span<const ChunkHash> prompt) {
  const MutexLock lock(caches_);
  size_t hits = prompt.size();
  for (size_t r = 0; r < ranksPerInstance_; ++r) {
    const size_t index = instance * ranksPerInstance_ + r;
    ranks_[index].endPins(nowMs());
    hits = std::min(hits, ranks_[index].serve(prompt));
    const std::vector<SimulatedRank::Tier>& tiers = ranks_[index].tiers();
    Client& client = *workers_[index].client;
    for (uint32_t i = 0; i < tiers.size(); ++i) {
      const LocationHandle location{i};
      const CacheChanges& changes = tiers[i].changes;
      if (!changes.evicted.empty()) client.evict(location, changes.evicted);
      if (!changes.admitted.empty()) client.admit(location, changes.admitted);
    }
  }
  work_.add(instance, prompt.size() - hits);
  for (size_t i = 0; i < instances_.size(); ++i) {
    workers_[i * ranksPerInstance_].client->setLoad(work_.loadOf(i));
  }
  return hits;
}

bool Fleet::flush(uint32_t timeoutMs) {
  const Deadline deadline(timeoutMs);
  return std::all_of(workers_.begin(), workers_.end(),
                     [&](const Worker& worker) { return worker.client->flush(deadline.leftMs()); });
}

size_t Fleet::leave(uint32_t timeoutMs) {
  const Deadline deadline(timeoutMs);
  return static_cast<size_t>(std::count_if(
      workers_.begin(), workers_.end(),
      [&](const Worker& worker) { return !worker.client->leave(deadline.leftMs()); }));
}

void Fleet::Totals::add(const Totals& other) {
  operations += other.operations;
  reconnects += other.reconnects;
  keysResent += other.keysResent;
  decisionsDiverged += other.decisionsDiverged;
  replays += other.replays;
  replayedOperations += other.replayedOperations;
  fullSyncs += other.fullSyncs;
  fullSyncKeys += other.fullSyncKeys;
}

void Fleet::Totals::remove(const Totals& other) {
  operations -= other.operations;
  reconnects -= other.reconnects;
  keysResent -= other.keysResent;
  decisionsDiverged -= other.decisionsDiverged;
  replays -= other.replays;
  replayedOperations -= other.replayedOperations;
  fullSyncs -= other.fullSyncs;
  fullSyncKeys -= other.fullSyncKeys;
}

// Of its present client.
Fleet::Totals Fleet::totalsOf(const Worker& worker) {
  const ClientCounters now = worker.client->counters();
  return {.operations = now.operationsAccepted,
          .reconnects = now.reconnects,
          .keysResent = now.keysResent(),
          .decisionsDiverged = now.decisionsDiverged,
          .replays = now.replays,
          .replayedOperations = now.replayedOperations,
          .fullSyncs = now.fullSyncs,
          .fullSyncKeys = now.fullSyncKeys};
}

Fleet::Totals Fleet::sinceStart(const Worker& worker) {
  Totals totals = totalsOf(worker);
  totals.add(worker.past);
  totals.remove(worker.atStart);
  return totals;
}

void Fleet::markStart() {
  for (Worker& worker : workers_) worker.atStart = totalsOf(worker);
}

Fleet::Totals Fleet::sinceStart() const {
  Totals sum;
  for (const Worker& worker : workers_) sum.add(sinceStart(worker));
  return sum;
}

std::vector<Fleet::Resumption> Fleet::resumptions() const {
  std::vector<Resumption> result;
  for (size_t i = 0; i < workers_.size(); ++i) {
    const Totals totals = sinceStart(workers_[i]);
    result.push_back({.instance = ranks_[i].instance(),
                      .rank = ranks_[i].rank(),
                      .reconnected = totals.reconnects > 0,
                      .askedForAnything = totals.keysResent > 0 || totals.decisionsDiverged > 0,
                      .keysResent = totals.keysResent});
  }
  return result;
}

RegistryDigest Fleet::contentDigest() const {
  const MutexLock lock(caches_);
  RegistryDigest digest;
  for (const SimulatedRank& rank : ranks_) rank.addTo(digest);
  return digest;
}

uint64_t Fleet::cachedChunks() const {
  const MutexLock lock(caches_);
  uint64_t sum = 0;
  for (const SimulatedRank& rank : ranks_) sum += rank.chunks();
  return sum;
}

uint64_t Fleet::nowMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

uint64_t Fleet::pinnedChunks() {
  const MutexLock lock(caches_);
  uint64_t sum = 0;
  for (SimulatedRank& rank : ranks_) {
    rank.endPins(nowMs());
    for (const SimulatedRank::Tier& tier : rank.tiers()) sum += tier.cache.pinned();
  }
  return sum;
}

uint64_t Fleet::compressedChunks() const {
  const MutexLock lock(caches_);
  uint64_t sum = 0;
  for (const SimulatedRank& rank : ranks_) {
    for (const SimulatedRank::Tier& tier : rank.tiers()) sum += tier.cache.compressed();
  }
  return sum;
}

}  // namespace holdfast::fleet
