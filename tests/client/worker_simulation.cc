#include "worker_simulation.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast {

Simulation::Simulation(uint64_t seed)
    : random_(seed), machine_(options(), [this] { return random_(); }) {
  powerLosses_ = chance(2);
  for (const auto& location : machine_.locations()) {
    const auto keys = location.keys.keys();
    truth_.emplace_back(keys.begin(), keys.end());
  }
}

void Simulation::run() {
  const int steps = static_cast<int>(50 + random_() % 400);
  for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) step();
  settle();
}

WorkerStateMachine::Options Simulation::options() {
  Machine::Options options;
  const size_t locations = 1 + random_() % 3;
  for (size_t i = 0; i < locations; ++i) {
    options.locations.push_back({"location" + std::to_string(i), {}});
    for (uint64_t n = chance(3) ? random_() % 20 : 0; n > 0; --n) {
      options.locations.back().contents.push_back(randomKey());
    }
  }
  options.batchOperations = 1 + random_() % 12;
  options.batchDelayMs = static_cast<uint32_t>(random_() % 10);
  options.queueOperations = 10 + random_() % 200;
  options.ringOperations = 1 + random_() % 60;
  options.syncBatchKeys = 1 + random_() % 10;
  return options;
}

ChunkHash Simulation::randomKey() {
  const ChunkHash key = random_() % 50;
  return key == 49 ? ~ChunkHash{0} : key;
}

void Simulation::step() {
  nowMs_ += random_() % 3;
  switch (random_() % 18) {
    case 0:
    case 1:
    case 2:
    case 3:
      return engineChanges();
    case 4:
    case 5:
    case 6:
      sendReport(chance(4));
      return;
    case 7:
      return sendHeartbeat();
    case 8:
    case 9:
    case 10:
      return deliverToController();
    case 11:
      return deliverToWorker();
    case 12:
      return controllerActs();
    case 13:
    case 14:
      sendSync();
      return;
    case 15:
    case 16:
      return chance(2) ? deliverToController() : deliverToWorker();
    default:
      if (!connected_ || machine_.registrationWanted()) return startRegistration();
      if (chance(6)) cut();
  }
}

void Simulation::engineChanges() {
  const size_t location = random_() % truth_.size();
  if (chance(12)) {
    truth_[location].clear();
    return machine_.clear(location);
  }
  const bool evict = chance(3);
  std::vector<ChunkHash> keys(1 + random_() % 15);
  for (ChunkHash& key : keys) {
    key = randomKey();
    if (evict) {
      truth_[location].erase(key);
    } else {
      truth_[location].insert(key);
    }
  }
  machine_.enqueue(location, keys, evict, nowMs_);
  if (chance(4)) machine_.absorb(random_() % 30);
}

void Simulation::startRegistration() {
  connected_ = true;
  Register message{machine_.beginRegistration()};
  attempt_ = message.request.attempt;
  toController_.push_back(std::move(message));
}

bool Simulation::sendSync() {
  const auto message = machine_.nextSync(nowMs_);
  if (!message) return false;
  EXPECT_TRUE(connected_);
  if (const auto* start = std::get_if<FullSyncStart>(&*message)) {
    toController_.push_back(*start);
  } else if (const auto* batch = std::get_if<FullSyncBatch>(&*message)) {
    toController_.push_back(Batch{std::string(batch->location),
                                  batch->incarnation,
                                  batch->syncId,
                                  batch->number,
                                  {batch->keys.begin(), batch->keys.end()}});
  } else if (const auto* end = std::get_if<FullSyncEnd>(&*message)) {
    toController_.push_back(*end);
  } else {
    toController_.push_back(std::get<FullSyncPoll>(*message));
  }
  return true;
}

bool Simulation::sendReport(bool flush) {
  Machine::OutgoingReport report;
  if (!machine_.nextReport(nowMs_, flush, report)) return false;
  EXPECT_TRUE(connected_);
  uint64_t& named = named_[{std::string(report.location), report.incarnation}];
  for (size_t i = 0; i < report.keys.size(); ++i) {
    const uint64_t seq = report.firstSeq + i;
    const std::pair operation{report.keys[i], report.view().operations.evicts.test(i)};
    const auto numbered = numbered_.emplace(
        std::tuple{std::string(report.location), report.incarnation, seq}, operation);
    EXPECT_EQ(numbered.first->second, operation) << "seq " << seq << " was given twice";
    if (seq <= named) ++resent_;
  }
  EXPECT_EQ(machine_.counters().resent, resent_);
  toController_.push_back(std::move(report));
  return true;
}

void Simulation::sendHeartbeat() {
  if (machine_.phase() != Machine::Phase::kRegistered || machine_.registrationWanted()) return;
  toController_.push_back(Beat{machine_.heartbeat()});
}

void Simulation::deliverToController() {
  if (toController_.empty()) return;
  const ToController message = std::move(toController_.front());
  toController_.pop_front();
  std::visit([&](const auto& each) { arrives(each); }, message);
}

void Simulation::arrives(const Machine::OutgoingReport& report) {
  const ModelLocation& location = controller_.locations.find(report.location)->second;
  const bool lacksAll = location.diverged && !location.sync;
  const ReportOutcome outcome = controller_.report(report.view());
  if (lacksAll) return;
  EXPECT_NE(outcome, ReportOutcome::kGap);
  EXPECT_NE(outcome, ReportOutcome::kDropped);
  EXPECT_NE(outcome, ReportOutcome::kRetransmission);
}

void Simulation::arrives(const Register& registration) {
  controllerAttempt_ = registration.request.attempt;
  Answer answer{controllerAttempt_, controller_.registerWorker(registration.request.statements)};
  const bool before = chance(2);
  if (!before) toWorker_.push_back(answer);
  for (const auto& [location, syncId] : controller_.syncsToAsk()) {
    if (settling_ || !chance(4)) ask(location, syncId);
  }
  if (before) toWorker_.push_back(answer);
}

void Simulation::ask(const std::string& location, uint64_t syncId) {
  toWorker_.push_back(AskSync{controllerAttempt_, location, syncId});
}

void Simulation::arrives(const FullSyncStart& start) {
  if (controller_.locations.at(start.location).paused) return;
  FullSyncStartOutcome outcome;
  if (settling_ || !chance(8)) {
    outcome = controller_.fullSyncStart(start);
  } else {
    controller_.locations.at(start.location).sync.reset();
  }
  toWorker_.push_back(Started{controllerAttempt_, start.location, start.syncId, outcome});
}

void Simulation::arrives(const Batch& batch) {
  if (!settling_ && chance(8)) return;
  controller_.fullSyncBatch(
      {batch.location, batch.incarnation, batch.syncId, batch.number, batch.keys});
}

void Simulation::arrives(const FullSyncPoll& poll) {
  tellStatus(poll.location, poll.incarnation, poll.syncId);
}

void Simulation::tellStatus(const std::string& location, uint64_t incarnation, uint64_t syncId) {
  toWorker_.push_back(SyncAnswer{
      controllerAttempt_, location, syncId,
      controller_.fullSyncStatus(location, incarnation, syncId, settling_ || chance(2))});
}

void Simulation::judge(const std::vector<LocationStatement>& statements) {
  ASSERT_EQ(statements.size(), truth_.size());
  controller_.takeClears(statements, settling_ || chance(2));
  bool paused = false;
  for (const LocationStatement& statement : statements) {
    const ModelLocation& location = controller_.locations.at(statement.location);
    paused = paused || location.paused;
    if (location.paused) continue;
    EXPECT_LE(statement.replayableFrom, statement.lastSeq + 1);
    // A clear that was not taken.
    if (location.diverged && statement.incarnation != location.incarnation &&
        statement.count == 0) {
      continue;
    }
    if (location.sync) {
      EXPECT_EQ(statement.incarnation, location.sync->start.incarnation);
      EXPECT_EQ(statement.syncId, location.sync->start.syncId);
      EXPECT_EQ(statement.lastSeq, location.sync->seq());
    }
    if (location.diverged) continue;
    EXPECT_EQ(statement.incarnation, location.incarnation);
    EXPECT_EQ(statement.lastSeq, location.seq());
    EXPECT_EQ(statement.count, location.keys.size());
    EXPECT_EQ(statement.digest, location.digest());
  }
  toWorker_.push_back(BeatAnswer{controller_.committed(), controller_.repairs()});
  for (const auto& [location, syncId] : controller_.syncsToAsk()) {
    if (!controller_.locations.at(location).sync) ask(location, 0);
  }
}

void Simulation::deliverToWorker() {
  if (toWorker_.empty()) return;
  const ToWorker message = std::move(toWorker_.front());
  toWorker_.pop_front();
  if (const auto* answer = std::get_if<Answer>(&message)) {
    for (const auto& location : machine_.locations()) {
      if (!location.stated) continue;
      for (const LocationDecision& decision : answer->decisions) {
        if (decision.location == location.name && decision.kind != DecisionKind::kSyncing) {
          name(location.name, location.incarnation, decision.nextSeq - 1);
        }
      }
    }
    EXPECT_FALSE(machine_.registered(answer->attempt, answer->decisions));
  } else if (const auto* beat = std::get_if<BeatAnswer>(&message)) {
    for (const CommittedSeq& committed : beat->committed) {
      name(committed.location, committed.incarnation, committed.seq);
    }
    machine_.heartbeatAnswered(beat->committed, beat->decisions);
  } else if (const auto* asked = std::get_if<AskSync>(&message)) {
    if (asked->attempt == attempt_) machine_.startFullSync(asked->location, asked->continueSyncId);
  } else if (const auto* started = std::get_if<Started>(&message)) {
    if (started->attempt == attempt_) {
      machine_.fullSyncStarted(started->location, started->syncId, started->outcome);
    }
  } else if (const auto* answered = std::get_if<SyncAnswer>(&message)) {
    if (answered->attempt != attempt_) return;
    uint64_t baseSeq = 0;
    uint64_t incarnation = 0;
    for (const auto& location : machine_.locations()) {
      if (location.name != answered->location || !location.sync) continue;
      baseSeq = location.sync->start().baseSeq;
      incarnation = location.incarnation;
    }
    if (machine_.fullSyncAnswered(answered->location, answered->syncId, answered->status, nowMs_)) {
      name(answered->location, incarnation, baseSeq);
    }
  } else if (const auto* pause = std::get_if<Pause>(&message)) {
    machine_.pause(pause->location);
  } else {
    machine_.resume();
  }
}

void Simulation::name(const std::string& location, uint64_t incarnation, uint64_t seq) {
  uint64_t& named = named_[{location, incarnation}];
  named = std::max(named, seq);
}

void Simulation::controllerActs() {
  if (!connected_ || controller_.locations.empty()) return;
  if (chance(4)) {
    // An operator, or a digest that differs.
    auto at = controller_.locations.begin();
    std::advance(at, random_() % controller_.locations.size());
    if (at->second.diverged) return;
    at->second.diverged = true;
    ask(at->first, 0);
  } else if (chance(3)) {
    toWorker_.push_back(Resume{});
  } else if (chance(3)) {
    auto at = controller_.locations.begin();
    std::advance(at, random_() % controller_.locations.size());
    const bool all = chance(4);
    for (auto& [name, location] : controller_.locations) {
      if (all || name == at->first) location.paused = true;
    }
    toWorker_.push_back(Pause{all ? "" : at->first});
  }
}

void Simulation::cut() {
  toController_.clear();
  toWorker_.clear();
  connected_ = false;
  machine_.disconnected();
  if (!powerLosses_ || !chance(2)) return;
  for (auto& [name, location] : controller_.locations) {
    if (location.sync) {
      auto& log = location.sync->log;
      log.resize(log.size() - std::min<size_t>(log.size(), random_() % 30));
      std::erase_if(location.sync->batches, [&](const auto&) { return chance(4); });
    }
    if (chance(10)) {
      location.log.clear();
      location.keys = location.baseKeys;
    }
    location.loseTail(random_() % 30);
  }
}

void Simulation::settle() {
  if (testing::Test::HasFailure()) return;
  cut();
  settling_ = true;
  std::vector<uint64_t> position = machine_.position();
  // Every turn's heartbeat confirms, and so makes room for at least one operation more.
  for (int turn = 0; turn < 10'000 && !testing::Test::HasFailure(); ++turn) {
    if (turn > 4 && machine_.committed(position)) break;
    if (!connected_ || machine_.registrationWanted()) startRegistration();
    while (!toController_.empty() || !toWorker_.empty()) {
      deliverToController();
      deliverToWorker();
    }
    nowMs_ += 20;
    while (sendReport(true) || sendSync()) deliverToController();
    sendHeartbeat();
  }
  EXPECT_TRUE(machine_.sent(position));
  EXPECT_TRUE(machine_.committed(position));
  for (size_t i = 0; i < truth_.size(); ++i) {
    const Machine::Location& location = machine_.locations()[i];
    const auto keys = location.keys.keys();
    EXPECT_EQ(std::set<ChunkHash>(keys.begin(), keys.end()), truth_[i]);
    EXPECT_EQ(controller_.locations.at(location.name).keys, truth_[i]);
  }
  EXPECT_EQ(controller_.batchesChanged, 0u);
  EXPECT_EQ(controller_.batchesAgain, 0u) << "stored batches were sent again";
  if (!powerLosses_) {
    EXPECT_EQ(machine_.counters().resent, 0u);
  }
}

}  // namespace holdfast
