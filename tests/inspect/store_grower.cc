#include "tests/inspect/store_grower.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/notice.h"
#include "tests/support/ignored_link.h"
#include "tests/support/message_of.h"

namespace holdfast::test {
namespace {

constexpr uint64_t kKeySpace = 70;
constexpr size_t kReportMax = 4096;
constexpr uint64_t kFoldFloor = 60;

KeyDigest digestOf(const std::set<ChunkHash>& keys) {
  KeyDigest digest;
  for (const ChunkHash key : keys) digest.add(key);
  return digest;
}

}  // namespace

// What a registry needs beside its store.
struct StoreGrower::World : public Clock, public NoticeSink {
  uint64_t steadyMs() const override { return nowMs; }
  uint64_t wallMs() const override { return 1'700'000'000'000 + nowMs; }
  void notice(const Notice&) override {}
  uint64_t nowMs = 1'000'000;
};

// Keeps what the registry asks a worker for.
class StoreGrower::Link : public test::IgnoredLink {
 public:
  void resume() override { registerAgain = true; }
  void replay(const std::string& location, uint64_t, uint64_t, uint64_t) override {
    replays.push_back(location);
  }
  void startFullSync(const std::string& location, Reason, uint64_t) override {
    syncs.push_back(location);
  }

  bool registerAgain = false;
  std::vector<std::string> replays;
  std::vector<std::string> syncs;
};

struct StoreGrower::Process {
  WorkerId id;
  std::string model;
  uint64_t run = 1;
  uint64_t attempt = 0;
  SessionId session = kNoSession;
  Link link;
  std::map<std::string, Cache> caches;
};

StoreGrower::StoreGrower(const std::string& dataDir, uint64_t seed)
    : random_(seed), world_(std::make_unique<World>()) {
  StoreOptions options;
  options.dataDir = dataDir;
  options.create = true;
  options.familiesFree = 12;
  options.walBytesMax = size_t{1} << 20;  // RocksDB allocates as much ahead
  options.createdBy = "store grower \"1\"";
  auto opened = RocksStore::open(std::move(options));
  if (!opened.ok()) {
    ADD_FAILURE() << opened.error().message;
    std::abort();
  }
  store_ = std::move(opened.value());
  RegistryOptions registryOptions;
  registryOptions.foldFloorOperations = kFoldFloor;
  registry_ = std::make_unique<Registry>(registryOptions, *world_, *store_, *world_);
  registry_->recover();
}

StoreGrower::~StoreGrower() = default;

StoreGrower::Process& StoreGrower::process(const WorkerId& id) {
  auto& found = processes_[id];
  if (!found) {
    found = std::make_unique<Process>();
    found->id = id;
    found->model = id.second % 3 == 2 ? "another model" : "";
    found->run = random_() | 1;
  }
  return *found;
}

void StoreGrower::registerProcess(Process& process) {
  Registration message;
  message.instance = process.id.first;
  message.worker = process.id.second;
  message.ip = "10.0.0." + std::to_string(process.id.second);
  message.port = 7000 + process.id.second;
  message.peerUrl = "tcp://peer\\" + process.id.first;
  message.model = process.model;
  message.worldSize = 8;
  message.run = process.run;
  message.attempt = ++process.attempt;
  message.labels = {{"zone", "eu \"1a\""}, {"attempt", std::to_string(process.attempt)}};
  for (auto& [name, cache] : process.caches) {
    cache.sync.reset();
    cache.syncWanted = false;
    message.locations.push_back({name, cache.incarnation, cache.seq == 0, cache.seq,
                                 cache.keys.size(), digestOf(cache.keys), cache.seq + 1, 0});
  }
  process.link.registerAgain = false;
  const auto outcome = registry_->registration().registerWorker(message, process.link);
  if (outcome.ok()) process.session = outcome.value().session;
}

void StoreGrower::report(Process& process, const std::string& location,
                         const std::vector<ChunkHash>& keys, const std::vector<bool>& evicts) {
  Cache& cache = process.caches[location];
  std::vector<uint8_t> bits((keys.size() + 7) / 8);
  bool any = false;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (evicts[i]) {
      bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | (1u << (i % 8)));
      cache.keys.erase(keys[i]);
      any = true;
    } else {
      cache.keys.insert(keys[i]);
    }
  }
  Operations operations{keys, {}};
  if (any) operations.evicts.bits = bits.data();
  lastOutcome_ = registry_->kv()
                     .handleBatchedKvOperations(
                         process.session, {location, cache.incarnation, cache.seq + 1, operations})
                     .value();
  cache.seq += keys.size();
}

void StoreGrower::admit(const std::string& instance, uint32_t worker, const std::string& location,
                        const std::vector<ChunkHash>& keys) {
  Process& of = process({instance, worker});
  if (!of.caches.contains(location)) {
    of.caches[location].incarnation = random_() | 1;
    registerProcess(of);
  }
  for (size_t at = 0; at < keys.size(); at += kReportMax) {
    const size_t count = std::min(kReportMax, keys.size() - at);
    const auto from = keys.begin() + static_cast<ptrdiff_t>(at);
    report(of, location, {from, from + static_cast<ptrdiff_t>(count)},
           std::vector<bool>(count, false));
    ASSERT_EQ(lastOutcome_, ReportOutcome::kApplied);
  }
}

void StoreGrower::evict(const std::string& instance, uint32_t worker, const std::string& location,
                        const std::vector<ChunkHash>& keys) {
  report(process({instance, worker}), location, keys, std::vector<bool>(keys.size(), true));
}

void StoreGrower::putEvent(const EventRecord& event) {
  StoreBatch batch;
  batch.steps.emplace_back(PutEvent{event});
  store_->write(std::move(batch));
}

// What was written is committed first, so that what is grown does not depend on how busy the
// machine is.
void StoreGrower::poll() {
  while (store_->statistics().committed < registry_->ledger().queued()) {
    std::this_thread::yield();
  }
  store_->poll(*registry_);
  registry_->tick();
  registry_->work();
}

void StoreGrower::settle() {
  const auto folding = [&] {
    const Counters& counters = registry_->counters();
    return counters.foldsStarted != counters.foldsCommitted + counters.foldsAbandoned;
  };
  bool more = true;
  while (more || folding() || !registry_->ledger().allCommitted()) {
    store_->poll(*registry_);
    registry_->tick();
    more = registry_->work();
    std::this_thread::yield();
  }
}

void StoreGrower::close() {
  EXPECT_EQ(messageOf(store_->close()), "");
}

void StoreGrower::changeRandomly(Cache& cache) {
  switch (below(random_, 3)) {
    case 0:  // a tier that survived its process
      cache.incarnation = random_() | 1;
      break;
    case 1:  // begins empty
      cache = Cache();
      cache.incarnation = random_() | 1;
      break;
    default:  // something else
      cache.incarnation = random_() | 1;
      cache.seq = 1 + below(random_, 100);
      cache.keys.insert(below(random_, kKeySpace));
      cache.keys.insert(random_());
  }
}

void StoreGrower::randomReport(Process& process) {
  if (process.caches.empty()) return;
  const auto at = std::next(process.caches.begin(),
                            static_cast<ptrdiff_t>(below(random_, process.caches.size())));
  std::vector<ChunkHash> keys(1 + below(random_, chance(random_, 4) ? 2000 : 30));
  std::vector<bool> evicts(keys.size());
  const bool mixed = chance(random_, 70);
  for (size_t i = 0; i < keys.size(); ++i) {
    keys[i] = chance(random_, 5) ? random_() : below(random_, kKeySpace);
    evicts[i] = mixed && chance(random_, 40);
  }
  // Now and then one gets lost, which leaves a gap.
  if (chance(random_, 4)) ++at->second.seq;
  report(process, at->first, keys, evicts);
}

// The next message of a full sync that the registry asked for.
void StoreGrower::randomSync(Process& process) {
  for (auto& [name, cache] : process.caches) {
    if (!cache.syncWanted) continue;
    if (!cache.sync) {
      Sync sync;
      sync.id = random_() | 1;
      sync.batches.resize(1 + below(random_, 4));
      size_t next = 0;
      for (const ChunkHash key : cache.keys) {
        sync.batches[next++ % sync.batches.size()].push_back(key);
      }
      std::erase_if(sync.batches, [](const auto& batch) { return batch.empty(); });
      const auto started = registry_->kv().handleFullSyncStart(
          process.session,
          {name, cache.incarnation, sync.id, cache.keys.size(),
           static_cast<uint32_t>(sync.batches.size()), cache.seq, digestOf(cache.keys), cache.seq});
      if (started.ok() && started.value().accepted) cache.sync = std::move(sync);
    } else if (cache.sync->sent < cache.sync->batches.size()) {
      const size_t number = cache.sync->sent++;
      (void)registry_->kv().handleFullSyncBatch(
          process.session, {name, cache.incarnation, cache.sync->id, static_cast<uint32_t>(number),
                            cache.sync->batches[number]});
    } else {
      uint64_t total = 0;
      for (const auto& batch : cache.sync->batches) total += batch.size();
      (void)registry_->kv().handleFullSyncEnd(process.session,
                                              {name, cache.incarnation, cache.sync->id, total});
      cache.syncWanted = false;
    }
    return;
  }
}

void StoreGrower::randomPin(const Process& process) {
  const Worker* worker = registry_->tree().bySession(process.session);
  if (worker == nullptr) return;
  for (const auto& location : worker->locations) {
    std::vector<ChunkHash> chunks(1 + below(random_, 10));
    for (ChunkHash& chunk : chunks) chunk = below(random_, kKeySpace);
    const uint64_t now = world_->wallMs();
    registry_->pins().record(
        *location,
        {"pin " + std::to_string(below(random_, 5)), now, chance(random_, 50) ? 0 : now + 60'000},
        chunks);
  }
}

void StoreGrower::step() {
  const WorkerId id("instance/" + std::to_string(below(random_, 2)),
                    static_cast<uint32_t>(below(random_, 3)));
  Process& one = process(id);
  for (const std::string& location : std::exchange(one.link.syncs, {})) {
    one.caches[location].syncWanted = true;
  }
  for (const std::string& location : std::exchange(one.link.replays, {})) {
    registry_->kv().replayRefused(one.session, location, one.caches[location].incarnation);
  }
  const uint64_t choice = below(random_, 100);
  if (one.caches.empty() || choice < 4) {
    const std::string name = "tier " + std::to_string(below(random_, 3));
    one.caches.try_emplace(name).first->second.incarnation |= random_() | 1;
    registerProcess(one);
  } else if (choice < 10 || one.link.registerAgain) {
    for (auto& [name, cache] : one.caches) {
      if (chance(random_, 40)) changeRandomly(cache);
    }
    if (chance(random_, 30)) one.run = random_() | 1;
    if (chance(random_, 15)) one.caches.erase(one.caches.begin());
    registerProcess(one);
  } else if (choice < 65) {
    randomReport(one);
  } else if (choice < 90) {
    for (uint64_t n = 1 + below(random_, 5); n > 0; --n) randomSync(one);
  } else if (choice < 91) {
    randomPin(one);
  } else if (choice < 93) {
    (void)registry_->registration().deregister(one.session);
  } else if (choice < 96) {
    registry_->registration().connectionClosed(one.session);
  } else {
    world_->nowMs += below(random_, 20'000);
  }
  poll();
}

}  // namespace holdfast::test
