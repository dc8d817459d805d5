// Workers that come, state what they have, and go; and time, which ends them.
#include <algorithm>

#include "tests/simulation/registry_world.h"

namespace holdfast::test {

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

}  // namespace holdfast::test
