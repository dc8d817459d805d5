// The worker's state machine against a plain model controller over a network that keeps order and
// cuts connections.
#include "client/worker_state.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>
#include <tuple>
#include <variant>

#include "model_controller.h"
#include "seeds.h"

namespace holdfast {
namespace {

using Machine = WorkerStateMachine;

Machine::Random counting(uint64_t from = 1) {
  return [next = from]() mutable { return next++; };
}

Machine::Options oneLocation() {
  Machine::Options options;
  options.locations = {{"gpu", {}}};
  options.batchOperations = 4;
  options.batchDelayMs = 5;
  options.queueOperations = 20;
  options.ringOperations = 10;
  return options;
}

std::vector<ChunkHash> range(ChunkHash from, ChunkHash to) {
  std::vector<ChunkHash> keys;
  for (ChunkHash key = from; key < to; ++key) keys.push_back(key);
  return keys;
}

void registerAt(Machine& machine, uint64_t nextSeq, DecisionKind kind = DecisionKind::kInSync) {
  const auto request = machine.beginRegistration();
  std::vector<LocationDecision> decisions;
  for (const auto& statement : request.statements) {
    decisions.push_back({statement.location, kind, Reason::kEqual, nextSeq});
  }
  ASSERT_EQ(machine.registered(request.attempt, decisions), "");
}

// The controller confirms everything up to `seq`.
void confirm(Machine& machine, uint64_t seq) {
  const Machine::Location& location = machine.locations()[0];
  const CommittedSeq confirmed{location.name, location.incarnation, seq};
  machine.heartbeatAnswered({&confirmed, 1}, {});
}

TEST(WorkerState, NumbersAtSending) {
  Machine machine(oneLocation(), counting());
  machine.enqueue(0, range(0, 6), false, 0);
  const auto request = machine.beginRegistration();
  ASSERT_EQ(request.statements.size(), 1u);
  EXPECT_EQ(request.statements[0].lastSeq, 0u);
  EXPECT_EQ(request.statements[0].count, 0u);
  EXPECT_TRUE(request.statements[0].beganEmpty);
  EXPECT_EQ(request.statements[0].replayableFrom, 1u);
  Machine::OutgoingReport report;
  EXPECT_FALSE(machine.nextReport(0, true, report)) << "not registered yet";
  EXPECT_EQ(machine.registered(request.attempt,
                               std::vector<LocationDecision>{
                                   {"gpu", DecisionKind::kInSync, Reason::kUnknownEmpty, 1}}),
            "");
  ASSERT_TRUE(machine.nextReport(0, false, report));
  EXPECT_EQ(report.firstSeq, 1u);
  EXPECT_EQ(report.keys, range(0, 4));
  EXPECT_TRUE(report.evicts.empty());
  EXPECT_EQ(machine.heartbeat()[0].lastSeq, 4u);
  EXPECT_EQ(machine.heartbeat()[0].count, 4u);
}

TEST(WorkerState, AReportIsDueByNumberOrByTime) {
  Machine machine(oneLocation(), counting());
  registerAt(machine, 1);
  Machine::OutgoingReport report;
  EXPECT_EQ(machine.nextDueMs(), std::nullopt);
  machine.enqueue(0, range(0, 2), false, 100);
  machine.enqueue(0, range(2, 3), false, 103);
  EXPECT_FALSE(machine.nextReport(104, false, report));
  EXPECT_EQ(machine.nextDueMs(), 105u);
  EXPECT_TRUE(machine.nextReport(105, false, report));
  machine.enqueue(0, range(0, 3), true, 200);
  EXPECT_FALSE(machine.nextReport(200, false, report));
  machine.enqueue(0, range(3, 4), false, 201);
  ASSERT_TRUE(machine.nextReport(201, false, report));
  EXPECT_EQ(report.evicts, std::vector<uint8_t>{0b0111});
  machine.enqueue(0, range(9, 10), false, 300);
  EXPECT_TRUE(machine.nextReport(300, true, report)) << "a flush waits for nothing";
}

TEST(WorkerState, ContentsAtStartAreStated) {
  Machine::Options options = oneLocation();
  options.locations[0].contents = {7, 8, 7};
  Machine machine(options, counting());
  const auto statement = machine.beginRegistration().statements[0];
  KeyDigest digest;
  digest.add(7);
  digest.add(8);
  EXPECT_EQ(statement.count, 2u);
  EXPECT_EQ(statement.digest, digest);
  EXPECT_FALSE(statement.beganEmpty);
  EXPECT_EQ(statement.lastSeq, 0u);
}

TEST(WorkerState, SendsAgainFromWhereTheControllerIs) {
  Machine machine(oneLocation(), counting());
  registerAt(machine, 1);
  machine.enqueue(0, range(0, 8), false, 0);
  Machine::OutgoingReport report;
  while (machine.nextReport(0, true, report)) {
  }
  machine.disconnected();
  registerAt(machine, 6, DecisionKind::kReplay);
  EXPECT_EQ(machine.heartbeat()[0].lastSeq, 5u) << "what was sent on this session";
  EXPECT_EQ(machine.heartbeat()[0].count, 5u);
  ASSERT_TRUE(machine.nextReport(0, false, report));
  EXPECT_EQ(report.firstSeq, 6u);
  EXPECT_EQ(report.keys, range(5, 8));
  EXPECT_EQ(machine.counters().resent, 0u) << "the controller never had them";
  machine.disconnected();
  registerAt(machine, 9);
  EXPECT_FALSE(machine.nextReport(0, true, report));
  machine.disconnected();
  registerAt(machine, 8, DecisionKind::kReplay);
  ASSERT_TRUE(machine.nextReport(0, true, report));
  EXPECT_EQ(machine.counters().resent, 1u) << "it had named 8 before";
}

TEST(WorkerState, NoMoreIsSentAheadOfConfirmationsThanTheRingKeeps) {
  Machine machine(oneLocation(), counting());
  registerAt(machine, 1);
  machine.enqueue(0, range(0, 20), false, 0);
  Machine::OutgoingReport report;
  const auto sendAll = [&] {
    while (machine.nextReport(0, true, report)) {
    }
    return machine.locations()[0].lastSeq;
  };
  EXPECT_FALSE(machine.confirmationWanted());
  EXPECT_EQ(sendAll(), 10u);
  EXPECT_TRUE(machine.confirmationWanted());
  EXPECT_EQ(machine.nextDueMs(), std::nullopt) << "only a confirmation can make one due";
  confirm(machine, 3);
  EXPECT_EQ(sendAll(), 13u);
  machine.disconnected();
  EXPECT_EQ(machine.beginRegistration().statements[0].replayableFrom, 4u);
}

TEST(WorkerState, WhatTheRingLostIsNotSentInPart) {
  Machine machine(oneLocation(), counting());
  registerAt(machine, 1);
  machine.enqueue(0, range(0, 20), false, 0);
  Machine::OutgoingReport report;
  while (machine.nextReport(0, true, report)) {
  }
  confirm(machine, 10);
  while (machine.nextReport(0, true, report)) {
  }
  machine.disconnected();
  EXPECT_EQ(machine.beginRegistration().statements[0].replayableFrom, 11u);
  registerAt(machine, 5, DecisionKind::kDiverged);
  EXPECT_FALSE(machine.nextReport(0, true, report));
  machine.enqueue(0, range(30, 31), false, 0);
  ASSERT_TRUE(machine.nextReport(0, true, report));
  EXPECT_EQ(report.firstSeq, 21u);
}

TEST(WorkerState, AFullQueueStartsTheNumberingAnew) {
  Machine machine(oneLocation(), counting());
  registerAt(machine, 1);
  Machine::OutgoingReport report;
  machine.enqueue(0, range(0, 4), false, 0);
  ASSERT_TRUE(machine.nextReport(0, false, report));
  const uint64_t before = machine.locations()[0].incarnation;
  machine.enqueue(0, range(4, 20), false, 0);
  const auto position = machine.position();
  machine.enqueue(0, range(0, 5), true, 0);
  EXPECT_EQ(machine.counters().lost, 21u);
  EXPECT_EQ(machine.counters().losses, 1u);
  EXPECT_TRUE(machine.registrationWanted());
  EXPECT_FALSE(machine.nextReport(0, true, report));
  const auto statement = machine.beginRegistration().statements[0];
  EXPECT_NE(statement.incarnation, before);
  EXPECT_FALSE(statement.beganEmpty);
  EXPECT_EQ(statement.lastSeq, 0u);
  EXPECT_EQ(statement.count, 15u);
  EXPECT_EQ(statement.replayableFrom, 1u);
  KeyDigest digest;
  for (const ChunkHash key : range(5, 20)) digest.add(key);
  EXPECT_EQ(statement.digest, digest);
  registerAt(machine, 1, DecisionKind::kDiverged);
  EXPECT_FALSE(machine.committed(position)) << "the controller has not got the content";
}

TEST(WorkerState, AQueueThatFillsWhileRegisteringAsksForAnother) {
  Machine machine(oneLocation(), counting());
  const auto request = machine.beginRegistration();
  machine.enqueue(0, range(0, 21), false, 0);
  const std::vector<LocationDecision> decisions = {
      {"gpu", DecisionKind::kInSync, Reason::kUnknownEmpty, 1}};
  EXPECT_EQ(machine.registered(request.attempt, decisions), "");
  EXPECT_TRUE(machine.registrationWanted());
  Machine::OutgoingReport report;
  machine.enqueue(0, range(30, 31), false, 0);
  EXPECT_FALSE(machine.nextReport(0, true, report)) << "this incarnation was never stated";
  registerAt(machine, 1);
  EXPECT_TRUE(machine.nextReport(0, true, report));
}

TEST(WorkerState, PausesHoldUntilTheNextRegistration) {
  Machine::Options options = oneLocation();
  options.locations.push_back({"cpu", {}});
  Machine machine(options, counting());
  registerAt(machine, 1);
  machine.enqueue(0, range(0, 4), false, 0);
  machine.enqueue(1, range(0, 4), false, 0);
  machine.pause("gpu");
  EXPECT_TRUE(machine.paused());
  Machine::OutgoingReport report;
  ASSERT_TRUE(machine.nextReport(0, false, report));
  EXPECT_EQ(report.location, "cpu");
  EXPECT_FALSE(machine.nextReport(0, false, report));
  EXPECT_FALSE(machine.registrationWanted());
  machine.resume();
  EXPECT_TRUE(machine.registrationWanted());
  registerAt(machine, 1);
  EXPECT_FALSE(machine.paused());
  EXPECT_TRUE(machine.nextReport(0, false, report));
  machine.pause("");
  machine.enqueue(1, range(0, 4), false, 0);
  EXPECT_FALSE(machine.nextReport(9, true, report));
}

TEST(WorkerState, AnswersThatDoNotFitAreOfNoUse) {
  Machine machine(oneLocation(), counting());
  const auto first = machine.beginRegistration();
  const auto second = machine.beginRegistration();
  EXPECT_EQ(second.attempt, first.attempt + 1);
  EXPECT_EQ(second.run, first.run);
  const std::vector<LocationDecision> good = {{"gpu", DecisionKind::kInSync, Reason::kEqual, 1}};
  EXPECT_EQ(machine.registered(first.attempt, good), "");
  EXPECT_EQ(machine.phase(), Machine::Phase::kRegistering) << "an answer to an older attempt";
  EXPECT_NE(machine.registered(second.attempt, {}), "");
  const std::vector<LocationDecision> twice = {good[0], good[0]};
  EXPECT_NE(machine.registered(second.attempt, twice), "");
  EXPECT_EQ(machine.phase(), Machine::Phase::kRegistering);
  EXPECT_EQ(machine.registered(second.attempt, good), "");
  EXPECT_EQ(machine.phase(), Machine::Phase::kRegistered);
}

TEST(WorkerState, StoppedIsForGood) {
  Machine machine(oneLocation(), counting());
  registerAt(machine, 1);
  machine.enqueue(0, range(0, 4), false, 0);
  machine.stop();
  machine.enqueue(0, range(0, 4), false, 0);
  machine.disconnected();
  EXPECT_EQ(machine.phase(), Machine::Phase::kStopped);
  EXPECT_EQ(machine.locations()[0].queue.size(), 0u);
  Machine::OutgoingReport report;
  EXPECT_FALSE(machine.nextReport(100, true, report));
}

// --- the property test ---

class Simulation {
 public:
  explicit Simulation(uint64_t seed)
      : random_(seed), machine_(options(), [this] { return random_(); }) {
    powerLosses_ = chance(2);
    for (const auto& location : machine_.locations()) {
      const auto keys = location.keys.keys();
      truth_.emplace_back(keys.begin(), keys.end());
    }
  }

  void run() {
    const int steps = static_cast<int>(50 + random_() % 400);
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) step();
    settle();
  }

 private:
  struct Register {
    Machine::RegistrationRequest request;
    std::vector<std::vector<ChunkHash>> keys;  // of each location, for a full sync made at once
  };
  struct Answer {
    uint64_t attempt;
    std::vector<LocationDecision> decisions;
  };
  struct Beat {
    std::vector<LocationStatement> statements;
  };
  struct BeatAnswer {
    std::vector<CommittedSeq> committed;
    std::vector<LocationDecision> decisions;
  };
  struct Pause {
    std::string location;
  };
  struct Resume {};
  using ToController = std::variant<Register, Machine::OutgoingReport, Beat>;
  using ToWorker = std::variant<Answer, BeatAnswer, Pause, Resume>;

  bool chance(uint64_t oneIn) { return random_() % oneIn == 0; }

  Machine::Options options() {
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
    return options;
  }

  ChunkHash randomKey() {
    const ChunkHash key = random_() % 50;
    return key == 49 ? ~ChunkHash{0} : key;
  }

  void step() {
    nowMs_ += random_() % 3;
    switch (random_() % 14) {
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
      default:
        if (!connected_ || machine_.registrationWanted()) return startRegistration();
        if (chance(6)) cut();
    }
  }

  void engineChanges() {
    const size_t location = random_() % truth_.size();
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
  }

  void startRegistration() {
    connected_ = true;
    Register message{machine_.beginRegistration(), {}};
    for (const auto& location : machine_.locations()) message.keys.push_back(location.keys.keys());
    toController_.push_back(std::move(message));
  }

  bool sendReport(bool flush) {
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

  void sendHeartbeat() {
    if (machine_.phase() != Machine::Phase::kRegistered || machine_.registrationWanted()) return;
    toController_.push_back(Beat{machine_.heartbeat()});
  }

  void deliverToController() {
    if (toController_.empty()) return;
    const ToController message = std::move(toController_.front());
    toController_.pop_front();
    if (const auto* report = std::get_if<Machine::OutgoingReport>(&message)) {
      const ReportOutcome outcome = controller_.report(report->view());
      EXPECT_NE(outcome, ReportOutcome::kGap);
      EXPECT_NE(outcome, ReportOutcome::kDropped);
      EXPECT_NE(outcome, ReportOutcome::kRetransmission);
    } else if (const auto* registration = std::get_if<Register>(&message)) {
      const auto& statements = registration->request.statements;
      toWorker_.push_back(
          Answer{registration->request.attempt,
                 controller_.registerWorker(statements, [&](const std::string& location) {
                   size_t i = 0;
                   while (statements[i].location != location) ++i;
                   return registration->keys[i];
                 })});
    } else {
      judge(std::get<Beat>(message).statements);
    }
  }

  // Everything sent before it on the session has arrived, so they must agree.
  void judge(const std::vector<LocationStatement>& statements) {
    ASSERT_EQ(statements.size(), truth_.size());
    bool paused = false;
    for (const LocationStatement& statement : statements) {
      const ModelLocation& location = controller_.locations.at(statement.location);
      paused = paused || location.paused;
      if (location.paused) continue;
      EXPECT_EQ(statement.incarnation, location.incarnation);
      EXPECT_EQ(statement.lastSeq, location.seq());
      EXPECT_EQ(statement.count, location.keys.size());
      EXPECT_EQ(statement.digest, location.digest());
      EXPECT_LE(statement.replayableFrom, statement.lastSeq + 1);
    }
    toWorker_.push_back(BeatAnswer{controller_.committed(), {}});
  }

  void deliverToWorker() {
    if (toWorker_.empty()) return;
    const ToWorker message = std::move(toWorker_.front());
    toWorker_.pop_front();
    if (const auto* answer = std::get_if<Answer>(&message)) {
      for (const auto& location : machine_.locations()) {
        if (!location.stated) continue;
        for (const LocationDecision& decision : answer->decisions) {
          if (decision.location == location.name) {
            name(location.name, location.incarnation, decision.nextSeq - 1);
          }
        }
      }
      EXPECT_EQ(machine_.registered(answer->attempt, answer->decisions), "");
    } else if (const auto* beat = std::get_if<BeatAnswer>(&message)) {
      for (const CommittedSeq& committed : beat->committed) {
        name(committed.location, committed.incarnation, committed.seq);
      }
      machine_.heartbeatAnswered(beat->committed, beat->decisions);
    } else if (const auto* pause = std::get_if<Pause>(&message)) {
      machine_.pause(pause->location);
    } else {
      machine_.resume();
    }
  }

  void name(const std::string& location, uint64_t incarnation, uint64_t seq) {
    uint64_t& named = named_[{location, incarnation}];
    named = std::max(named, seq);
  }

  void controllerActs() {
    if (!connected_ || controller_.locations.empty()) return;
    if (chance(3)) {
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

  // The connection breaks; now and then because the controller's machine lost power.
  void cut() {
    toController_.clear();
    toWorker_.clear();
    connected_ = false;
    machine_.disconnected();
    if (!powerLosses_ || !chance(2)) return;
    for (auto& [name, location] : controller_.locations) {
      if (chance(10)) {
        location.log.clear();
        location.keys = location.baseKeys;
      }
      location.loseTail(random_() % 30);
    }
  }

  void settle() {
    if (testing::Test::HasFailure()) return;
    cut();
    std::vector<uint64_t> position = machine_.position();
    // Every turn's heartbeat confirms, and so makes room for at least one operation more.
    for (int turn = 0; turn < 10'000 && !testing::Test::HasFailure(); ++turn) {
      if (turn > 4 && machine_.committed(position)) break;
      if (!connected_ || machine_.registrationWanted()) startRegistration();
      while (!toController_.empty() || !toWorker_.empty()) {
        deliverToController();
        deliverToWorker();
      }
      while (sendReport(true)) deliverToController();
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
    if (!powerLosses_) {
      EXPECT_EQ(machine_.counters().resent, 0u);
    }
  }

  std::mt19937_64 random_;
  Machine machine_;
  ModelController controller_;
  std::vector<std::set<ChunkHash>> truth_;
  std::deque<ToController> toController_;
  std::deque<ToWorker> toWorker_;
  bool connected_ = false;
  bool powerLosses_ = false;
  uint64_t nowMs_ = 0;
  std::map<std::tuple<std::string, uint64_t, uint64_t>, std::pair<ChunkHash, bool>> numbered_;
  std::map<std::pair<std::string, uint64_t>, uint64_t> named_;
  uint64_t resent_ = 0;
};

TEST(WorkerState, AModelControllerEndsWithTheTruth) {
  forEachSeed(3'000, [](uint64_t seed) {
    Simulation simulation(seed);
    simulation.run();
  });
}

}  // namespace
}  // namespace holdfast
