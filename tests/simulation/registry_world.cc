#include "tests/simulation/registry_world.h"

#include <algorithm>

#include "tests/support/recount.h"

namespace holdfast::test {
namespace {

constexpr uint64_t kKeys = 16;
constexpr uint64_t kTimeoutMs = 1000;
constexpr uint64_t kGraceMs = 5000;
const std::vector<std::string> kLocations = {"cpu", "disk", "a/b \"c\""};

// Plain keys from a small universe; the extremes are ordinary keys.
ChunkHash keyOf(uint64_t i) {
  if (i == 0) return 0;
  if (i == 1) return UINT64_MAX;
  return splitmix64Finalise(i);
}

}  // namespace

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

void RegistryWorld::registerProcess() {
  Process& process = anyProcess();
  Registration registration;
  registration.instance = process.id.first;
  registration.worker = process.id.second;
  registration.ip = "10.0.0." + std::to_string(process.id.second);
  registration.model = process.model;
  registration.worldSize = 2;
  registration.run = process.run;
  const bool stale = process.attempt > 0 && chance(random_, 10);
  registration.attempt = stale ? process.attempt : ++process.attempt;
  registration.onLaterConnection = process.onLaterConnection;
  std::vector<Keys> contents;
  for (auto& [name, cache] : process.caches) {
    if (chance(random_, 5)) continue;  // forgets to state one
    registration.locations.push_back(state(name, cache, cache.log.size()));
    contents.push_back(cache.at(cache.log.size()));
  }
  process.links.push_back(std::make_unique<Link>());
  const Model before = model_;
  const auto result = registry_->registration().registerWorker(registration, *process.links.back());
  if (!writable_) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
    return;
  }
  const auto known = model_.find(process.id);
  const bool lower = known != model_.end() && known->second.run == registration.run &&
                     registration.attempt <= known->second.attempt;
  if (lower && !registration.onLaterConnection) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kSuperseded);
    return;
  }
  ASSERT_TRUE(result.ok()) << result.error().message;
  if (process.session != kNoSession) deadSessions_.push_back(process.session);
  process.session = result.value().session;
  process.onLaterConnection = false;
  ModelWorker& worker = model_[process.id];
  if (lower) worker.locations.clear();
  if (worker.session != kNoSession) deadSessions_.push_back(worker.session);
  if (worker.model != process.model) worker.locations.clear();
  worker.model = process.model;
  const bool sameProcess = worker.run == registration.run && !lower;
  if (worker.run != registration.run) {
    for (auto& [name, location] : worker.locations) location.pins.clear();
  }
  worker.run = registration.run;
  worker.attempt = registration.attempt;
  worker.state = WorkerState::kActive;
  worker.session = process.session;
  worker.open = true;
  worker.heardMs = clock_.nowMs;
  for (auto& [name, location] : worker.locations) location.held.clear();
  std::erase_if(worker.locations, [&](const auto& entry) {
    return std::none_of(registration.locations.begin(), registration.locations.end(),
                        [&](const auto& one) { return one.location == entry.first; });
  });
  ASSERT_EQ(result.value().decisions.size(), contents.size());
  for (size_t i = 0; i < contents.size(); ++i) {
    const LocationStatement& statement = registration.locations[i];
    const LocationDecision& decision = result.value().decisions[i];
    const bool inSync = decide(worker, statement, contents[i], true, sameProcess);
    EXPECT_EQ(inSync, decision.kind == DecisionKind::kInSync) << reasonName(decision.reason);
    EXPECT_EQ(decision.location, statement.location);
    Cache& cache = process.caches[statement.location];
    cache.sent = std::min<uint64_t>(decision.nextSeq - 1, cache.log.size());
    if (decision.kind == DecisionKind::kReplay) {
      EXPECT_EQ(decision.nextSeq, worker.locations[statement.location].seq + 1);
    }
  }
  wrote(before);
}

void RegistryWorld::restartProcess() {
  Process& process = anyProcess();
  if (chance(random_, 10)) process.model = process.model.empty() ? "other" : "";
  if (process.session != kNoSession) deadSessions_.push_back(process.session);
  process.session = kNoSession;
  // Its random generator may be seeded, so that it draws the same numbers again.
  const bool seeded = chance(random_, 20);
  if (!seeded) process.run = drawId();
  process.attempt = 0;
  process.onLaterConnection = true;
  for (auto& [name, cache] : process.caches) {
    const Keys survived = chance(random_, 50) ? cache.at(cache.log.size()) : Keys{};
    const uint64_t incarnation = seeded ? cache.incarnation : drawId();
    cache = {};
    cache.incarnation = incarnation;
    cache.atStart = survived;
    cache.beganEmpty = survived.empty();
  }
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

void RegistryWorld::heartbeat() {
  Process& process = anyProcess();
  const auto known = model_.find(process.id);
  const bool inForce = process.session != kNoSession && known != model_.end() &&
                       known->second.session == process.session;
  std::vector<LocationStatement> statements;
  std::vector<Keys> contents;
  for (auto& [name, cache] : process.caches) {
    if (inForce && !known->second.locations.contains(name)) continue;
    statements.push_back(state(name, cache, cache.sent));
    contents.push_back(cache.at(cache.sent));
  }
  const Model before = model_;
  std::vector<bool> replaying;
  if (inForce) {
    for (const LocationStatement& one : statements) {
      const Location& real =
          *registry_->tree().findWorker(process.id.first, process.id.second)->find(one.location);
      replaying.push_back(registry_->repair().wanted(real) || real.gap.replay.to != 0 ||
                          !real.gap.held.empty());
    }
  }
  const auto result = registry_->registration().heartbeat(process.session, statements);
  if (!inForce) {
    ASSERT_FALSE(result.ok());
    return;
  }
  ASSERT_TRUE(result.ok()) << result.error().message;
  ModelWorker& worker = known->second;
  worker.heardMs = clock_.nowMs;
  if (worker.open && writable_) {
    for (size_t i = 0; i < statements.size(); ++i) {
      const auto held = worker.locations.find(statements[i].location);
      if (contents[i].empty() && held->second.incarnation != statements[i].incarnation) {
        held->second.held.clear();  // cleared, whatever was being repaired
      } else if (replaying[i]) {
        continue;
      }
      decide(worker, statements[i], contents[i], false, true);
      const Location& real = *registry_->tree()
                                  .findWorker(process.id.first, process.id.second)
                                  ->find(statements[i].location);
      if (real.sync == SyncState::kInSync && real.lastSeq == statements[i].lastSeq) {
        EXPECT_EQ(worker.locations[statements[i].location].keys, contents[i]);
      }
    }
  }
  // Confirmed means in the store's log, whatever comes.
  const auto survivor = std::prev(history_.upper_bound(registry_->ledger().committed()));
  const auto stored = survivor->second.find(process.id);
  for (const CommittedSeq& one : result.value().committed) {
    if (one.seq == 0) continue;
    ASSERT_NE(stored, survivor->second.end());
    const auto location = stored->second.locations.find(one.location);
    ASSERT_NE(location, stored->second.locations.end());
    if (location->second.incarnation == one.incarnation) {
      EXPECT_LE(one.seq, location->second.seq);
    }
  }
  wrote(before);
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

void RegistryWorld::deregister() {
  Process& process = anyProcess();
  SessionId session = process.session;
  if (!deadSessions_.empty() && chance(random_, 30)) {
    session = deadSessions_[below(random_, deadSessions_.size())];
  }
  const Model before = model_;
  std::erase_if(model_, [&](const auto& entry) {
    return session != kNoSession && entry.second.session == session;
  });
  ASSERT_TRUE(registry_->registration().deregister(session).ok());
  wrote(before);
}

void RegistryWorld::closeConnection() {
  Process& process = anyProcess();
  const Model before = model_;
  for (auto& [id, worker] : model_) {
    if (process.session == kNoSession || worker.session != process.session) continue;
    worker.state = WorkerState::kLost;
    worker.session = kNoSession;
    worker.heardMs = worker.lostMs = clock_.nowMs;
    for (auto& [name, location] : worker.locations) location.held.clear();
  }
  registry_->registration().connectionClosed(process.session);
  if (process.session != kNoSession) deadSessions_.push_back(process.session);
  process.session = kNoSession;
  wrote(before);
}

void RegistryWorld::passTime() {
  if (chance(random_, 50)) clock_.nowMs += below(random_, kTimeoutMs);
  if (chance(random_, 5)) clock_.nowMs += kGraceMs;
  // Nothing follows the wall clock.
  if (chance(random_, 10)) clock_.wallJumpMs = below(random_, 8 * kGraceMs) - 4 * kGraceMs;
  const Model before = model_;
  registry_->tick();
  while (registry_->pins().work()) {
  }
  modelTick();
  forgetHeld();
  // The order in which one tick writes of several workers is its own: no crash in between.
  const bool several = registry_->ledger().queued() > lastTicket_ + 1;
  wrote(before);
  if (!several) return;
  tickUnwritten_ = true;
  if (!writable_) return;
  store_.releaseAll(lastTicket_);
  poll();
  tickUnwritten_ = false;
}

void RegistryWorld::modelTick() {
  for (auto at = model_.begin(); at != model_.end();) {
    ModelWorker& worker = at->second;
    const uint64_t silent = clock_.nowMs - worker.heardMs;
    const bool lost = worker.state == WorkerState::kLost;
    if (lost && clock_.nowMs - worker.lostMs >= kGraceMs && silent >= kTimeoutMs) {
      at = model_.erase(at);
      continue;
    }
    if (worker.state != WorkerState::kLost && silent >= kTimeoutMs) {
      worker.state = WorkerState::kLost;
      worker.session = kNoSession;
      worker.heardMs = worker.lostMs = clock_.nowMs;
    }
    if (writable_) {
      for (auto& [name, location] : worker.locations) {
        std::erase_if(location.pins,
                      [&](const auto& pin) { return pin.second.expired(clock_.storeMs()); });
      }
    }
    // Whoever was told to stop is told to register again, and is not listened to until it has.
    ++at;
  }
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

void RegistryWorld::check() {
  size_t workers = 0;
  for (const auto& [name, instance] : registry_->tree().instances()) {
    workers += instance->workers.size();
  }
  ASSERT_EQ(workers, model_.size());
  RegistryDigest content;
  uint64_t pins = 0;
  for (const auto& [id, expected] : model_) {
    const Worker* worker = registry_->tree().findWorker(id.first, id.second);
    ASSERT_NE(worker, nullptr);
    EXPECT_EQ(worker->record.state, expected.state);
    EXPECT_EQ(worker->record.run, expected.run);
    EXPECT_EQ(worker->record.attempt, expected.attempt);
    EXPECT_EQ(worker->session, expected.session);
    EXPECT_EQ(worker->flow == Flow::kOpen, expected.open || expected.session == kNoSession);
    EXPECT_EQ(worker->quarantined, "");
    ASSERT_EQ(worker->locations.size(), expected.locations.size());
    for (const auto& [name, ours] : expected.locations) {
      const Location* location = worker->find(name);
      ASSERT_NE(location, nullptr);
      EXPECT_EQ(location->record.live.incarnation, ours.incarnation);
      EXPECT_EQ(location->lastSeq, ours.seq);
      EXPECT_EQ(location->count, ours.keys.size());
      EXPECT_EQ(location->digest, digestOf(ours.keys));
      EXPECT_EQ(location->record.live.hidden, ours.hidden);
      checkPins(*location, ours);
      pins += ours.pins.size();
      if (!ours.keys.empty() && !ours.hidden) {
        content.addContent(id.first, id.second, name, ours.keys.size(), digestOf(ours.keys));
      }
    }
  }
  EXPECT_EQ(registry_->contentDigest().hex(), content.hex());
  EXPECT_EQ(registry_->tree().pins(), pins);
  expectKeptAsCounted(*registry_);
  checkIndex();
  checkLookups();
}

void RegistryWorld::checkPins(const Location& location, const ModelLocation& ours) {
  ASSERT_EQ(location.pins != nullptr, !ours.pins.empty());
  if (ours.pins.empty()) return;
  EXPECT_EQ(location.pins->size(), ours.pins.size());
  for (const auto& [chunk, record] : ours.pins) {
    EXPECT_TRUE(ours.keys.contains(chunk)) << "pinned and not held";
    const PinRecord* const found = location.pins->find(chunk);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(*found, record);
  }
}

void RegistryWorld::checkIndex() {
  for (const std::string model : {"", "other"}) {
    for (uint64_t i = 0; i < kKeys; ++i) {
      const ChunkHash key = keyOf(i);
      std::set<HolderId> expected;
      for (const auto& [id, worker] : model_) {
        if (worker.model != model) continue;
        for (const auto& [name, location] : worker.locations) {
          if (!location.keys.contains(key)) continue;
          expected.insert(registry_->tree().findWorker(id.first, id.second)->find(name)->holder);
        }
      }
      SetId set = kEmptySet;
      registry_->index().find(registry_->tree().salt(model), {&key, 1}, {&set, 1});
      HolderId single = kNoHolder;
      std::set<HolderId> found;
      for (const HolderId holder : registry_->index().sets().members(set, single)) {
        if (!registry_->index().sets().isRetired(holder)) found.insert(holder);
      }
      ASSERT_EQ(found, expected) << "key " << i;
    }
  }
}

size_t RegistryWorld::prefixOf(const ModelWorker& worker,
                               const std::vector<ChunkHash>& prompt) const {
  if (worker.state == WorkerState::kLost) return 0;
  for (size_t n = 0; n < prompt.size(); ++n) {
    const bool held =
        std::any_of(worker.locations.begin(), worker.locations.end(), [&](const auto& entry) {
          return !entry.second.hidden && entry.second.keys.contains(prompt[n]);
        });
    if (!held) return n;
  }
  return prompt.size();
}

void RegistryWorld::checkLookups() {
  const std::string model = chance(random_, 30) ? "other" : "";
  std::vector<ChunkHash> prompt;
  for (uint64_t n = 1 + below(random_, 4); n > 0; --n) {
    prompt.push_back(keyOf(below(random_, kKeys)));
  }
  std::map<std::string, std::pair<uint32_t, uint32_t>> expected;  // instance -> any rank, all ranks
  std::map<std::string, uint32_t> ranks;
  for (const auto& [id, worker] : model_) {
    if (worker.model != model) continue;
    const auto length = static_cast<uint32_t>(prefixOf(worker, prompt));
    if (length == 0) continue;
    auto& [any, all] = expected.try_emplace(id.first, 0, UINT32_MAX).first->second;
    any = std::max(any, length);
    all = std::min(all, length);
    ++ranks[id.first];
  }
  const auto result = registry_->kv().lookup(model, prompt);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result.value().size(), expected.size());
  uint32_t previous = UINT32_MAX;
  for (const LookupMatch& match : result.value()) {
    const std::string instance(match.instance);
    ASSERT_TRUE(expected.contains(instance));
    EXPECT_EQ(match.chunks, expected[instance].first);
    EXPECT_EQ(match.allRanksChunks, ranks[instance] == 2 ? expected[instance].second : 0);
    EXPECT_LE(match.chunks, previous);
    previous = match.chunks;
  }
}

}  // namespace holdfast::test
