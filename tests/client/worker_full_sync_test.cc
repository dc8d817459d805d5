// Full syncs that the controller asks the state machine for.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "worker_repair_fixture.h"

namespace holdfast {
namespace {

using Machine = WorkerStateMachine;

TEST_F(WorkerRepair, TheCutIsWhatIsNumberedAndBatchesNeverChange) {
  admitAndSend(0, 8);
  machine_.enqueue(0, range(0, 2), true, 0);  // queued: not part of it
  ASSERT_TRUE(machine_.startFullSync("gpu", 0));
  const FullSyncStart start = next<FullSyncStart>();
  EXPECT_NE(start.syncId, 0u);
  EXPECT_EQ(start.incarnation, gpu().incarnation);
  EXPECT_EQ(start.baseSeq, 8u);
  EXPECT_EQ(start.lastSeq, 8u);
  EXPECT_EQ(start.totalKeys, 8u);
  EXPECT_EQ(start.batchCount, 3u);
  KeyDigest digest;
  for (const ChunkHash key : range(0, 8)) digest.add(key);
  EXPECT_EQ(start.digest, digest);
  EXPECT_EQ(machine_.heartbeat()[0].syncId, start.syncId);
  // The engine goes on.
  machine_.enqueue(0, range(20, 30), false, 0);
  const auto sent = reports();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent[0].first, 9u);
  startAccepted(start, {0, 1, 2});
  std::map<uint32_t, std::vector<ChunkHash>> batches;
  std::vector<ChunkHash> keys;
  for (uint32_t i = 0; i < 3; ++i) {
    const auto batch = next<FullSyncBatch>();
    batches[batch.number].assign(batch.keys.begin(), batch.keys.end());
    keys.insert(keys.end(), batch.keys.begin(), batch.keys.end());
    admitAndSend(100 + i, 101 + i);
  }
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(keys, range(0, 8));
  EXPECT_EQ(next<FullSyncEnd>().actualTotalKeys, 8u);
  EXPECT_FALSE(
      statusAnswered(start.syncId, {.known = true, .complete = false, .missing = {2, 0}}, 50));
  EXPECT_EQ(machine_.nextDueMs(), 51u);
  for (const uint32_t number : {2u, 0u}) {
    const auto batch = next<FullSyncBatch>(51);
    EXPECT_EQ(batch.number, number);
    EXPECT_TRUE(std::equal(batch.keys.begin(), batch.keys.end(), batches[number].begin(),
                           batches[number].end()));
  }
  next<FullSyncEnd>(51);
  EXPECT_EQ(machine_.counters().fullSyncs, 1u);
  EXPECT_EQ(machine_.counters().fullSyncBatches, 5u);
  EXPECT_EQ(machine_.counters().fullSyncKeys, 8u + batches[2].size() + batches[0].size());
}

TEST_F(WorkerRepair, ACutCoversWhatWasNotSent) {
  admitAndSend(0, 10);
  machine_.disconnected();
  registerAt(3, DecisionKind::kDiverged);
  EXPECT_TRUE(replay(1, 2).accepted);
  machine_.startFullSync("gpu", 0);
  EXPECT_EQ(next<FullSyncStart>().baseSeq, 10u);
  EXPECT_TRUE(reports().empty());
  EXPECT_EQ(machine_.heartbeat()[0].lastSeq, 10u);
  EXPECT_EQ(machine_.heartbeat()[0].count, 10u);
}

TEST_F(WorkerRepair, ASyncOfNothingHasNoBatches) {
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = sendAll();
  EXPECT_EQ(start.batchCount, 0u);
  EXPECT_TRUE(statusAnswered(start.syncId, {.known = true, .complete = true, .missing = {}}));
}

TEST_F(WorkerRepair, ReportsAreNotHeldBackUntilItIsComplete) {
  admitAndSend(0, 4);
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = sendAll();
  for (ChunkHash key = 100; key < 160; key += 4) admitAndSend(key, key + 4);
  EXPECT_EQ(gpu().lastSeq, 64u) << "no confirmation can come";
  const auto position = machine_.position();
  heartbeatAnswer(64, {{"gpu", DecisionKind::kSyncing, Reason::kNone, 1}});
  EXPECT_FALSE(machine_.committed(position)) << "not before it is complete";
  EXPECT_TRUE(statusAnswered(start.syncId, {.known = true, .complete = true, .missing = {}}));
  EXPECT_FALSE(machine_.committed(position)) << "not before they are compared";
  heartbeatAnswer(64);
  EXPECT_TRUE(machine_.committed(position));
  EXPECT_EQ(machine_.counters().fullSyncsCompleted, 1u);
  // And now they are held back again.
  machine_.enqueue(0, range(200, 230), false, 0);
  reports();
  EXPECT_EQ(gpu().lastSeq, 84u);
  EXPECT_TRUE(machine_.confirmationWanted());
}

TEST_F(WorkerRepair, ACompleteSyncConfirmsItsCut) {
  admitAndSend(0, 20);
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = sendAll();
  EXPECT_EQ(gpu().committed, 0u);
  EXPECT_TRUE(statusAnswered(start.syncId, {.known = true, .complete = true, .missing = {}}));
  EXPECT_EQ(gpu().committed, 20u);
  admitAndSend(20, 40);
  EXPECT_EQ(gpu().lastSeq, 40u);
}

TEST_F(WorkerRepair, AsksForTheStatusUntilItIsComplete) {
  admitAndSend(0, 4);
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = sendAll();
  const FullSyncStatus busy{.known = true, .complete = false, .missing = {}};
  EXPECT_FALSE(statusAnswered(start.syncId, busy, 10));
  EXPECT_FALSE(machine_.nextSync(10));
  EXPECT_EQ(next<FullSyncPoll>(11).syncId, start.syncId);
  EXPECT_FALSE(statusAnswered(start.syncId + 1, {.known = true, .complete = true, .missing = {}}))
      << "of another one";
  EXPECT_TRUE(statusAnswered(start.syncId, {.known = true, .complete = true, .missing = {}}));
  EXPECT_FALSE(machine_.syncing("gpu"));
}

TEST_F(WorkerRepair, ARefusedStartEndsIt) {
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = next<FullSyncStart>();
  machine_.fullSyncStarted("gpu", start.syncId,
                           {.accepted = false, .error = "8 are running", .missing = {}});
  EXPECT_FALSE(machine_.syncing("gpu"));
  EXPECT_EQ(gpu().syncRefusal, "8 are running");
  EXPECT_EQ(machine_.heartbeat()[0].syncId, 0u);
  machine_.startFullSync("gpu", 0);
  const FullSyncStart second = next<FullSyncStart>();
  EXPECT_NE(second.syncId, start.syncId);
  startAccepted(start, {});
  EXPECT_FALSE(machine_.nextSync(0)) << "an answer to the first";
  startAccepted(second, {});
  EXPECT_EQ(gpu().syncRefusal, "");
  next<FullSyncEnd>();
}

TEST_F(WorkerRepair, AnUnknownSyncIsGivenUp) {
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = sendAll();
  EXPECT_FALSE(statusAnswered(start.syncId, {.known = false, .complete = false, .missing = {}}));
  EXPECT_FALSE(machine_.syncing("gpu"));
  EXPECT_EQ(machine_.counters().fullSyncsCompleted, 0u);
  EXPECT_FALSE(machine_.nextSync(1'000));
}

TEST_F(WorkerRepair, ALostConnectionDoesNotEndIt) {
  admitAndSend(0, 9);
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = next<FullSyncStart>();
  startAccepted(start, {0, 1, 2});
  next<FullSyncBatch>();
  machine_.disconnected();
  registerAt(10, DecisionKind::kSyncing);
  EXPECT_EQ(statement_.syncId, start.syncId);
  EXPECT_EQ(machine_.counters().decisionsSyncing, 1u);
  EXPECT_FALSE(machine_.nextSync(1'000)) << "not before it is asked for";
  EXPECT_FALSE(machine_.committed(machine_.position()));
  admitAndSend(9, 11);
  EXPECT_FALSE(machine_.startFullSync("gpu", start.syncId)) << "no new cut";
  const FullSyncStart again = next<FullSyncStart>();
  EXPECT_EQ(again.syncId, start.syncId);
  EXPECT_EQ(again.baseSeq, 9u);
  EXPECT_EQ(again.totalKeys, 9u);
  EXPECT_EQ(again.digest, start.digest);
  startAccepted(again, {2});
  EXPECT_EQ(next<FullSyncBatch>().number, 2u);
  next<FullSyncEnd>();
  EXPECT_TRUE(statusAnswered(start.syncId, {.known = true, .complete = true, .missing = {}}));
  EXPECT_EQ(machine_.counters().fullSyncs, 1u);
}

TEST_F(WorkerRepair, AnyOtherDecisionEndsIt) {
  for (const DecisionKind kind :
       {DecisionKind::kInSync, DecisionKind::kReplay, DecisionKind::kDiverged}) {
    machine_.startFullSync("gpu", 0);
    sendAll();
    registerAt(1, kind);
    EXPECT_NE(statement_.syncId, 0u);
    EXPECT_FALSE(machine_.syncing("gpu"));
  }
}

TEST_F(WorkerRepair, AnswersOfAnOlderSessionAreIgnored) {
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = next<FullSyncStart>();
  registerAt(1, DecisionKind::kSyncing);
  startAccepted(start, {});
  EXPECT_FALSE(machine_.nextSync(0));
  EXPECT_FALSE(statusAnswered(start.syncId, {.known = false, .complete = false, .missing = {}}));
  EXPECT_TRUE(machine_.syncing("gpu"));
}

TEST_F(WorkerRepair, InSyncByOtherMeansEndsAParkedOne) {
  machine_.startFullSync("gpu", 0);
  sendAll();
  registerAt(1, DecisionKind::kSyncing);
  heartbeatAnswer(0, {{"gpu", DecisionKind::kDiverged, Reason::kNone, 1}});
  EXPECT_TRUE(machine_.syncing("gpu"));
  heartbeatAnswer(0);
  EXPECT_FALSE(machine_.syncing("gpu"));
}

TEST_F(WorkerRepair, AnotherIncarnationEndsIt) {
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = sendAll();
  machine_.enqueue(0, range(0, 41), false, 0);
  EXPECT_FALSE(machine_.syncing("gpu"));
  EXPECT_FALSE(statusAnswered(start.syncId, {.known = true, .complete = true, .missing = {}}));
  EXPECT_FALSE(machine_.startFullSync("gpu", 0)) << "it is to register first";
  EXPECT_FALSE(machine_.nextSync(1'000));
  registerAt(1, DecisionKind::kDiverged);
  EXPECT_EQ(statement_.syncId, 0u);
  EXPECT_TRUE(machine_.startFullSync("gpu", 0));
  EXPECT_EQ(next<FullSyncStart>().totalKeys, 41u);
}

TEST_F(WorkerRepair, ACommandWithoutAnIdBeginsAnew) {
  admitAndSend(0, 9);
  machine_.startFullSync("gpu", 0);
  const FullSyncStart first = next<FullSyncStart>();
  startAccepted(first, {0, 1, 2});
  next<FullSyncBatch>();
  admitAndSend(9, 10);
  EXPECT_TRUE(machine_.startFullSync("gpu", 0));
  const FullSyncStart second = next<FullSyncStart>();
  EXPECT_NE(second.syncId, first.syncId);
  EXPECT_EQ(second.baseSeq, 10u);
  EXPECT_EQ(machine_.counters().fullSyncs, 2u);
  // One that is not known here cannot go on.
  EXPECT_TRUE(machine_.startFullSync("gpu", first.syncId));
  EXPECT_NE(next<FullSyncStart>().syncId, first.syncId);
  EXPECT_FALSE(machine_.startFullSync("disk", 0));
}

TEST_F(WorkerRepair, ACommandWaitsForTheRegistrationsAnswer) {
  const auto request = machine_.beginRegistration();
  EXPECT_TRUE(machine_.startFullSync("gpu", 0));
  EXPECT_FALSE(machine_.nextSync(0));
  answer(request.attempt, 1, DecisionKind::kDiverged);
  next<FullSyncStart>();
  // One of an older session does not come back.
  machine_.startFullSync("gpu", 0);
  machine_.disconnected();
  EXPECT_FALSE(machine_.startFullSync("gpu", 0));
  registerAt(1);
  EXPECT_FALSE(machine_.nextSync(0));
}

TEST_F(WorkerRepair, APauseHoldsItBack) {
  machine_.startFullSync("gpu", 0);
  const FullSyncStart start = next<FullSyncStart>();
  machine_.pause("gpu");
  startAccepted(start, {});
  EXPECT_FALSE(machine_.nextSync(0));
  registerAt(1, DecisionKind::kSyncing);
  machine_.startFullSync("gpu", start.syncId);
  next<FullSyncStart>();
}

TEST_F(WorkerRepair, AStoppedMachineHasNone) {
  machine_.startFullSync("gpu", 0);
  sendAll();
  machine_.stop();
  EXPECT_FALSE(machine_.syncing("gpu"));
  EXPECT_FALSE(machine_.startFullSync("gpu", 0));
}

TEST(WorkerSync, LocationsTakeTurns) {
  Machine::Options options = repairOptions();
  options.locations = {{"gpu", range(0, 9)}, {"cpu", range(0, 9)}};
  Machine machine(options, [next = uint64_t{0}]() mutable { return ++next; });
  const auto request = machine.beginRegistration();
  const std::vector<LocationDecision> decisions = {
      {"gpu", DecisionKind::kDiverged, Reason::kUnknown, 1},
      {"cpu", DecisionKind::kDiverged, Reason::kUnknown, 1}};
  ASSERT_FALSE(machine.registered(request.attempt, decisions));
  machine.startFullSync("gpu", 0);
  machine.startFullSync("cpu", 0);
  for (const char* location : {"gpu", "cpu"}) {
    const auto start = machine.nextSync(0);
    ASSERT_TRUE(start && std::holds_alternative<FullSyncStart>(*start));
    EXPECT_EQ(std::get<FullSyncStart>(*start).location, location);
    machine.fullSyncStarted(location, std::get<FullSyncStart>(*start).syncId,
                            {.accepted = true, .error = "", .missing = {0, 1, 2}});
  }
  std::string order;
  for (int i = 0; i < 6; ++i) {
    const auto batch = machine.nextSync(0);
    ASSERT_TRUE(batch && std::holds_alternative<FullSyncBatch>(*batch));
    order += std::get<FullSyncBatch>(*batch).location[0];
  }
  EXPECT_EQ(order, "gcgcgc");
}

}  // namespace
}  // namespace holdfast
