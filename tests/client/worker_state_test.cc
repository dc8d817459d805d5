// The worker's state machine call by call: numbering, sessions, flow. What the controller commands
// is in worker_repair_test.cc.
#include "client/worker_state.h"

#include <gtest/gtest.h>

#include "keys.h"

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

void registerAt(Machine& machine, uint64_t nextSeq, DecisionKind kind = DecisionKind::kInSync) {
  const auto request = machine.beginRegistration();
  std::vector<LocationDecision> decisions;
  for (const auto& statement : request.statements) {
    decisions.push_back({statement.location, kind, Reason::kEqual, nextSeq});
  }
  ASSERT_FALSE(machine.registered(request.attempt, decisions));
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
  EXPECT_FALSE(machine.registered(
      request.attempt,
      std::vector<LocationDecision>{{"gpu", DecisionKind::kInSync, Reason::kUnknownEmpty, 1}}));
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
  EXPECT_EQ(machine.counters().losses, 1u);
  EXPECT_TRUE(machine.registrationWanted());
  EXPECT_FALSE(machine.nextReport(0, true, report));
  EXPECT_TRUE(machine.absorb(1));
  EXPECT_FALSE(machine.absorb(20));
  EXPECT_EQ(machine.counters().lost, 21u);
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
  EXPECT_FALSE(machine.registered(request.attempt, decisions));
  EXPECT_TRUE(machine.registrationWanted());
  Machine::OutgoingReport report;
  machine.enqueue(0, range(30, 31), false, 0);
  EXPECT_FALSE(machine.nextReport(0, true, report)) << "this incarnation was never stated";
  registerAt(machine, 1);
  EXPECT_FALSE(machine.nextReport(0, true, report)) << "the registration stated it";
  EXPECT_EQ(machine.heartbeat()[0].count, 22u);
  machine.enqueue(0, range(31, 32), false, 0);
  EXPECT_TRUE(machine.nextReport(0, true, report));
}

// However full the queue is, no call applies much more than it brings; and however long the
// controller is away, the numbering starts anew once.
TEST(WorkerState, AFullQueueIsAbsorbedPieceByPiece) {
  Machine::Options options = oneLocation();
  options.queueOperations = 1'000;
  Machine machine(options, counting());
  registerAt(machine, 1);
  machine.disconnected();
  machine.enqueue(0, range(0, 1'000), false, 0);
  EXPECT_EQ(machine.locations()[0].keys.size(), 0u);
  const Machine::Location& location = machine.locations()[0];
  uint64_t incarnation = 0;
  for (ChunkHash key = 1'000; key < 5'000; key += 10) {
    const size_t before = location.keys.size();
    machine.enqueue(0, range(key, key + 10), false, 0);
    EXPECT_LE(location.keys.size(), before + 20);
    EXPECT_LE(location.queue.size(), 1'000u);
    EXPECT_TRUE(incarnation == 0 || incarnation == location.incarnation);
    incarnation = location.incarnation;
  }
  EXPECT_EQ(location.keys.size(), 5'000u);
  EXPECT_EQ(machine.counters().losses, 1u);
  EXPECT_EQ(machine.counters().lost, 5'000u);
  const auto position = machine.position();
  registerAt(machine, 1);
  EXPECT_TRUE(machine.committed(position)) << "the controller has the content";
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
  EXPECT_FALSE(machine.registered(first.attempt, good));
  EXPECT_EQ(machine.phase(), Machine::Phase::kRegistering) << "an answer to an older attempt";
  EXPECT_TRUE(machine.registered(second.attempt, {}));
  const std::vector<LocationDecision> twice = {good[0], good[0]};
  EXPECT_TRUE(machine.registered(second.attempt, twice));
  EXPECT_EQ(machine.phase(), Machine::Phase::kRegistering);
  EXPECT_FALSE(machine.registered(second.attempt, good));
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

}  // namespace
}  // namespace holdfast
