#include "tests/simulation/registry_world.h"

#include <algorithm>

namespace holdfast::test {
namespace {

const std::vector<std::string> kLocations = {"cpu", "disk", "a/b \"c\""};

}  // namespace

ChunkHash RegistryWorld::keyOf(uint64_t i) {
  if (i == 0) return 0;
  if (i == 1) return UINT64_MAX;
  return splitmix64Finalise(i);
}

Keys RegistryWorld::Cache::at(uint64_t seq) const {
  Keys keys = atStart;
  for (uint64_t i = 0; i < seq; ++i) {
    if (log[i].evict) {
      keys.erase(log[i].key);
    } else {
      keys.insert(log[i].key);
    }
  }
  return keys;
}

RegistryWorld::RegistryWorld(Random& random, StoreUnderTest& store)
    : random_(random), store_(store) {
  for (const char* instance : {"alpha", "beta/1"}) {
    for (uint32_t rank = 0; rank < 2; ++rank) {
      Process process;
      process.id = {instance, rank};
      process.run = drawId();
      process.model = chance(random_, 30) ? "other" : "";
      processes_.push_back(std::move(process));
    }
  }
  history_[0] = {};
  start();
}

void RegistryWorld::start() {
  RegistryOptions options;
  options.lifeCycle.heartbeatTimeoutMs = kTimeoutMs;
  options.lifeCycle.lostGraceMs = kGraceMs;
  options.foldFloorOperations = 3;
  options.index.tableBits = 2;
  registry_ = std::make_unique<Registry>(options, clock_, store_.store(), notices_);
  registry_->recover();
  lastTicket_ = registry_->ledger().queued();
  check();
}

RegistryWorld::Process& RegistryWorld::anyProcess() {
  return processes_[below(random_, processes_.size())];
}

void RegistryWorld::step() {
  switch (below(random_, 28)) {
    case 0:
    case 1:
    case 2:
    case 3:
      operate();
      break;
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
      report();
      break;
    case 10:
    case 11:
      registerProcess();
      break;
    case 12:
      restartProcess();
      break;
    case 13:
    case 14:
    case 15:
      heartbeat();
      break;
    case 16:
      closeConnection();
      break;
    case 17:
    case 24:
    case 25:
      passTime();
      break;
    case 18:
    case 19:
      store_.release(random_);
      poll();
      break;
    case 20:
      registry_->work();
      break;
    case 21:
      if (chance(random_, 30)) deregister();
      break;
    case 22:
      if (chance(random_, 30)) crash();
      break;
    case 23:
      if (chance(random_, 30)) toggleHealth();
      break;
    case 26:
    case 27:
      pin();
      break;
  }
  check();
}

// Remembers what a crash after the newest write leads back to.
void RegistryWorld::wrote(const Model& before) {
  const Ticket now = registry_->ledger().queued();
  // Folds write too, without changing what is held.
  const Model between = withoutPins(before, model_);
  for (Ticket t = lastTicket_ + 1; t < now; ++t) history_[t] = between;
  if (now != lastTicket_) history_[now] = model_;
  lastTicket_ = now;
}

RegistryWorld::Model RegistryWorld::withoutPins(Model before, const Model& after) {
  for (auto& [id, worker] : before) {
    const auto now = after.find(id);
    if (now == after.end()) continue;
    for (auto& [name, location] : worker.locations) {
      const auto there = now->second.locations.find(name);
      if (there == now->second.locations.end()) continue;
      std::erase_if(location.pins,
                    [&](const auto& pin) { return !there->second.pins.contains(pin.first); });
    }
  }
  return before;
}

void RegistryWorld::poll() {
  store_.store().poll(*registry_);
  wrote(model_);
}

void RegistryWorld::operate() {
  Process& process = anyProcess();
  if (process.caches.empty() || chance(random_, 5)) {
    Cache& cache = process.caches[kLocations[below(random_, kLocations.size())]];
    if (cache.incarnation == 0) cache.incarnation = drawId();
  }
  for (auto& [name, cache] : process.caches) {
    for (uint64_t n = below(random_, 8); n > 0; --n) {
      cache.log.push_back({keyOf(below(random_, kKeys)), chance(random_, 35)});
    }
    if (chance(random_, 10)) cache.forgotten = below(random_, cache.log.size() + 1);
    if (!chance(random_, 3)) continue;
    // Its queue has overflowed: it numbers what it holds anew. Or it was cleared.
    const Keys keys = chance(random_, 50) ? cache.at(cache.log.size()) : Keys{};
    cache = {};
    cache.incarnation = drawId();
    cache.atStart = keys;
    cache.beganEmpty = keys.empty();
  }
}

LocationStatement RegistryWorld::state(const std::string& name, const Cache& cache,
                                       uint64_t seq) const {
  const Keys keys = cache.at(seq);
  LocationStatement statement;
  statement.location = name;
  statement.incarnation = cache.incarnation;
  statement.beganEmpty = cache.beganEmpty;
  statement.lastSeq = seq;
  statement.count = keys.size();
  statement.digest = digestOf(keys);
  statement.replayableFrom = std::min(cache.forgotten, seq) + 1;
  return statement;
}

bool RegistryWorld::decide(ModelWorker& worker, const LocationStatement& statement,
                           const Keys& content, bool atRegistration, bool sameProcess) {
  const auto found = worker.locations.find(statement.location);
  if (found == worker.locations.end()) {
    ModelLocation& added = worker.locations[statement.location];
    added.incarnation = statement.incarnation;
    const bool replay = !content.empty() && statement.beganEmpty && statement.replayableFrom == 1;
    added.seq = replay ? 0 : statement.lastSeq;
    return content.empty();
  }
  ModelLocation& ours = found->second;
  const bool sameContent = ours.keys == content;
  if (ours.incarnation != statement.incarnation) {
    if (sameContent) {
      ours.incarnation = statement.incarnation;
      ours.seq = statement.lastSeq;
      ours.hidden = false;
      return true;
    }
    if (content.empty()) {
      ours = {statement.incarnation, statement.lastSeq, {}, false, {}, {}};
      return true;
    }
    if (sameProcess && !ours.hidden) return false;  // what it held before stays
    ours.hidden = true;
    ours.pins.clear();
    return false;
  }
  if (ours.seq == statement.lastSeq && sameContent) {
    ours.hidden = false;
    return true;
  }
  if (ours.seq < statement.lastSeq && statement.replayableFrom <= ours.seq + 1) {
    ours.hidden = false;  // its content is of this incarnation, only behind
  }
  return ours.seq > statement.lastSeq && !atRegistration && sameContent && !ours.hidden;
}

void RegistryWorld::report() {
  Process& process = anyProcess();
  if (process.caches.empty()) return;
  auto at = process.caches.begin();
  std::advance(at, below(random_, process.caches.size()));
  auto& [name, cache] = *at;
  if (cache.log.empty()) return;
  uint64_t first = cache.sent + 1;
  if (chance(random_, 15)) first = 1 + below(random_, cache.log.size());
  if (first > cache.log.size()) return;
  const uint64_t last =
      chance(random_, 80) ? cache.log.size() : first + below(random_, cache.log.size() - first + 1);
  std::vector<ChunkHash> keys;
  std::vector<uint8_t> bits(1 + cache.log.size() / 8);
  for (uint64_t seq = first; seq <= last; ++seq) {
    const Operation& operation = cache.log[seq - 1];
    const size_t i = keys.size();
    if (operation.evict) bits[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
    keys.push_back(operation.key);
  }
  SessionId session = process.session;
  const bool zombie = !deadSessions_.empty() && chance(random_, 10);
  if (zombie) session = deadSessions_[below(random_, deadSessions_.size())];

  ReportOutcome expected = ReportOutcome::kDropped;
  ModelLocation* applied = nullptr;
  const Model before = model_;
  // A zombie's session may be another worker's, and still in force.
  const auto known = std::find_if(model_.begin(), model_.end(), [&](const auto& entry) {
    return session != kNoSession && entry.second.session == session;
  });
  ModelWorker* const worker = known == model_.end() ? nullptr : &known->second;
  if (worker != nullptr) {
    worker->heardMs = clock_.nowMs;
    const auto location = worker->locations.find(name);
    if (location != worker->locations.end() && location->second.incarnation == cache.incarnation) {
      ModelLocation& ours = location->second;
      const Location& real =
          *registry_->tree().findWorker(known->first.first, known->first.second)->find(name);
      if (!worker->open || !writable_) {
        expected = ReportOutcome::kRefused;
        worker->open = false;
      } else if (first > ours.seq + 1) {
        expected = ReportOutcome::kGap;
        if (!registry_->repair().wanted(real)) {
          expected = ReportOutcome::kHeld;
          std::vector<Operation>& held = ours.held[first];
          if (held.size() < last - first + 1) {
            held.assign(cache.log.begin() + static_cast<ptrdiff_t>(first) - 1,
                        cache.log.begin() + static_cast<ptrdiff_t>(last));
          }
        }
      } else if (last <= ours.seq) {
        expected = ReportOutcome::kRetransmission;
      } else {
        expected = ReportOutcome::kApplied;
        applied = &ours;
        apply(ours, first,
              {cache.log.begin() + static_cast<ptrdiff_t>(first) - 1,
               cache.log.begin() + static_cast<ptrdiff_t>(last)});
      }
    }
  }
  const auto result = registry_->kv().handleBatchedKvOperations(
      session, {name, cache.incarnation, first, {keys, {bits.data(), 0}}});
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(static_cast<int>(result.value()), static_cast<int>(expected));
  if (!zombie && last > cache.sent) cache.sent = last;
  wrote(before);
  if (applied != nullptr) drainHeld(*applied);
}

bool RegistryWorld::apply(ModelLocation& ours, uint64_t firstSeq,
                          const std::vector<Operation>& operations) {
  const size_t pins = ours.pins.size();
  for (uint64_t i = ours.seq + 1 - firstSeq; i < operations.size(); ++i) {
    if (operations[i].evict) {
      ours.keys.erase(operations[i].key);
      ours.pins.erase(operations[i].key);
    } else {
      ours.keys.insert(operations[i].key);
    }
    ++ours.seq;
  }
  return ours.pins.size() != pins;
}

void RegistryWorld::drainHeld(ModelLocation& ours) {
  while (registry_->kv().work()) {
  }
  while (!ours.held.empty() && ours.held.begin()->first <= ours.seq + 1) {
    const auto held = ours.held.extract(ours.held.begin());
    if (held.key() + held.mapped().size() <= ours.seq + 1) continue;
    const Model before = model_;
    if (apply(ours, held.key(), held.mapped())) {
      history_[++lastTicket_] = withoutPins(before, model_);
    }
    history_[++lastTicket_] = model_;
  }
  ASSERT_EQ(lastTicket_, registry_->ledger().queued());
}

// Time-outs drop what is held; which ones is the registry's business.
void RegistryWorld::forgetHeld() {
  for (auto& [id, worker] : model_) {
    const Worker* real = registry_->tree().findWorker(id.first, id.second);
    for (auto& [name, location] : worker.locations) {
      if (real->find(name)->gap.held.empty()) location.held.clear();
    }
  }
}

void RegistryWorld::pin() {
  if (model_.empty()) return;
  auto worker = model_.begin();
  std::advance(worker, below(random_, model_.size()));
  if (worker->second.locations.empty()) return;
  auto at = worker->second.locations.begin();
  std::advance(at, below(random_, worker->second.locations.size()));
  auto& [name, ours] = *at;
  PinRecord record{"event/" + std::to_string(below(random_, 5)), clock_.wallMs(), 0, 0};
  if (chance(random_, 50)) {
    const uint64_t ttlMs = below(random_, kGraceMs);
    record.expiresWallMs = clock_.wallMs() + ttlMs;
    record.expiresStoreMs = clock_.storeMs() + ttlMs;
  }
  std::vector<ChunkHash> chunks;
  for (uint64_t n = 1 + below(random_, 6); n > 0; --n) {
    chunks.push_back(keyOf(below(random_, kKeys)));
  }
  const Model before = model_;
  if (!ours.hidden && !record.expired(clock_.storeMs())) {
    for (const ChunkHash chunk : chunks) {
      if (ours.keys.contains(chunk)) ours.pins[chunk] = record;
    }
  }
  registry_->pins().record(
      *registry_->tree().findWorker(worker->first.first, worker->first.second)->find(name), record,
      chunks);
  wrote(before);
}

void RegistryWorld::toggleHealth() {
  if (!store_.setWritable(!writable_)) return;
  writable_ = !writable_;
  poll();
  if (!writable_) {
    for (auto& [id, worker] : model_) {
      if (worker.session != kNoSession) worker.open = false;
    }
  }
}

void RegistryWorld::crash() {
  if (tickUnwritten_) {
    store_.setWritable(true);
    store_.releaseAll(lastTicket_);
  }
  tickUnwritten_ = false;
  registry_.reset();
  const Ticket survived = store_.crash(random_, lastTicket_);
  model_ = std::prev(history_.upper_bound(survived))->second;
  writable_ = true;
  for (auto& [id, worker] : model_) {
    worker.session = kNoSession;
    worker.open = true;
    worker.heardMs = clock_.nowMs;
    for (auto& [name, location] : worker.locations) location.held.clear();
    if (worker.state == WorkerState::kActive) worker.state = WorkerState::kRecovered;
  }
  for (Process& process : processes_) process.session = kNoSession;
  deadSessions_.clear();
  history_.clear();
  history_[0] = model_;
  start();
}

}  // namespace holdfast::test
