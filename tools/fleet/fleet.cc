#include "fleet/fleet.h"

#include <algorithm>
#include <chrono>

namespace holdfast::fleet {

namespace {

constexpr const char* kLocation = "LocalCPUBackend";
constexpr size_t kWorkersPerThread = 256;
constexpr size_t kThreadsMax = 4;

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

Fleet::Fleet(const Options& options) : ranks_(options.ranks) {
  const size_t threads = std::clamp<size_t>(options.workers() / kWorkersPerThread, 1, kThreadsMax);
  for (size_t i = 0; i < threads; ++i) threads_.push_back(std::make_unique<ClientThread>());

  workers_.reserve(options.workers());
  for (uint32_t i = 0; i < options.instances; ++i) {
    instances_.emplace(instanceName(i), i);
    for (uint32_t r = 0; r < options.ranks; ++r) {
      workers_.push_back({.rank = SimulatedRank(instanceName(i), r, kLocation, options.capacity),
                          .client = {},
                          .atStart = {}});
      ClientOptions client;
      client.controller = options.controller;
      client.instance = instanceName(i);
      client.worker = r;
      client.ip = "127.0.0.1";
      client.worldSize = options.ranks;
      client.locations = {{.name = kLocation, .contents = {}}};
      workers_.back().client = std::make_unique<Client>(
          *threads_[workers_.size() % threads], std::move(client),
          [this, isRegistered = false](ClientState state, const std::string& reason) mutable {
            onState(isRegistered, state, reason);
          });
    }
  }
}

Fleet::~Fleet() = default;

void Fleet::onState(bool& isRegistered, ClientState state, const std::string& reason) {
  const bool now = state == ClientState::kRegistered || state == ClientState::kPaused;
  if (now != isRegistered) {
    isRegistered = now;
    // The loss first: who sees fewer registered must know why.
    if (!now && state != ClientState::kLeft) sessionsLost_ = true;
    registered_ += now ? size_t{1} : ~size_t{0};
  }
  if (state == ClientState::kSuperseded || state == ClientState::kRefused) {
    const std::lock_guard lock(mutex_);
    if (givenUp_.empty()) givenUp_ = std::string(clientStateName(state)) + ": " + reason;
  }
}

std::string Fleet::givenUp() const {
  const std::lock_guard lock(mutex_);
  return givenUp_;
}

std::optional<size_t> Fleet::instanceNamed(const std::string& name) const {
  const auto found = instances_.find(name);
  if (found == instances_.end()) return std::nullopt;
  return found->second;
}

size_t Fleet::serve(size_t instance, std::span<const ChunkHash> prompt) {
  size_t hits = 0;
  for (size_t r = 0; r < ranks_; ++r) {
    Worker& worker = workers_[instance * ranks_ + r];
    const CacheChanges& changes = worker.rank.serve(prompt);
    const LocationHandle location{0};
    if (!changes.evicted.empty()) worker.client->evict(location, changes.evicted);
    if (!changes.admitted.empty()) worker.client->admit(location, changes.admitted);
    hits = changes.hits;  // the same on all ranks: they served the same prompts
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

void Fleet::markStart() {
  for (Worker& worker : workers_) worker.atStart = worker.client->counters();
}

uint64_t Fleet::operations() const {
  uint64_t sum = 0;
  for (const Worker& worker : workers_) {
    sum += worker.client->counters().operationsAccepted - worker.atStart.operationsAccepted;
  }
  return sum;
}

std::vector<Fleet::Resumption> Fleet::resumptions() const {
  std::vector<Resumption> result;
  for (const Worker& worker : workers_) {
    const ClientCounters now = worker.client->counters();
    const ClientCounters& then = worker.atStart;
    const uint64_t keysResent = now.keysResent() - then.keysResent();
    result.push_back(
        {.instance = worker.rank.instance(),
         .rank = worker.rank.rank(),
         .reconnected = now.reconnects > then.reconnects,
         .askedForAnything = keysResent > 0 || now.decisionsDiverged > then.decisionsDiverged,
         .keysResent = keysResent});
  }
  return result;
}

RegistryDigest Fleet::contentDigest() const {
  RegistryDigest digest;
  for (const Worker& worker : workers_) worker.rank.addTo(digest);
  return digest;
}

uint64_t Fleet::cachedChunks() const {
  uint64_t sum = 0;
  for (const Worker& worker : workers_) sum += worker.rank.cache().size();
  return sum;
}

}  // namespace holdfast::fleet
