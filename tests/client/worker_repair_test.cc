// What the controller commands the worker's state machine to do: replays and full syncs.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "client/worker_state.h"
#include "keys.h"
#include "seeds.h"

namespace holdfast {
namespace {

using Machine = WorkerStateMachine;

Machine::Options oneLocation() {
  Machine::Options options;
  options.locations = {{"gpu", {}}};
  options.batchOperations = 4;
  options.queueOperations = 40;
  options.ringOperations = 20;
  options.syncBatchKeys = 3;
  return options;
}

// A registered machine with one location.
class WorkerRepair : public testing::Test {
 protected:
  void SetUp() override { registerAt(1); }

  void registerAt(uint64_t nextSeq, DecisionKind kind = DecisionKind::kInSync) {
    const auto request = machine_.beginRegistration();
    statement_ = request.statements[0];
    answer(request.attempt, nextSeq, kind);
  }
  void answer(uint64_t attempt, uint64_t nextSeq, DecisionKind kind) {
    const LocationDecision decision{"gpu", kind, Reason::kEqual, nextSeq};
    ASSERT_FALSE(machine_.registered(attempt, {&decision, 1}));
  }
  const Machine::Location& gpu() const { return machine_.locations()[0]; }

  // (first seq, keys) of all reports that are due.
  std::vector<std::pair<uint64_t, std::vector<ChunkHash>>> reports() {
    std::vector<std::pair<uint64_t, std::vector<ChunkHash>>> all;
    while (machine_.nextReport(0, true, report_)) all.emplace_back(report_.firstSeq, report_.keys);
    return all;
  }
  void admitAndSend(ChunkHash from, ChunkHash to) {
    machine_.enqueue(0, range(from, to), false, 0);
    reports();
  }
  Machine::ReplayAnswer replay(uint64_t from, uint64_t to) {
    return machine_.replay("gpu", gpu().incarnation, from, to);
  }
  void heartbeatAnswer(uint64_t committed, std::vector<LocationDecision> decisions = {}) {
    const CommittedSeq confirmed{"gpu", gpu().incarnation, committed};
    machine_.heartbeatAnswered({&confirmed, 1}, decisions);
  }

  template <typename Message>
  Message next(uint64_t nowMs = 0) {
    const auto message = machine_.nextSync(nowMs);
    EXPECT_TRUE(message && std::holds_alternative<Message>(*message));
    return message && std::holds_alternative<Message>(*message) ? std::get<Message>(*message)
                                                                : Message{};
  }
  void startAccepted(const FullSyncStart& start, std::vector<uint32_t> missing) {
    machine_.fullSyncStarted("gpu", start.syncId,
                             {.accepted = true, .error = "", .missing = std::move(missing)});
  }
  // From the start to the end, nothing being lost.
  FullSyncStart sendAll() {
    const FullSyncStart start = next<FullSyncStart>();
    std::vector<uint32_t> all(start.batchCount);
    for (uint32_t i = 0; i < start.batchCount; ++i) all[i] = i;
    startAccepted(start, all);
    for (uint32_t i = 0; i < start.batchCount; ++i) next<FullSyncBatch>();
    next<FullSyncEnd>();
    return start;
  }
  bool statusAnswered(uint64_t syncId, const FullSyncStatus& status, uint64_t nowMs = 0) {
    return machine_.fullSyncAnswered("gpu", syncId, status, nowMs);
  }

  Machine machine_{oneLocation(), [next = uint64_t{0}]() mutable { return ++next; }};
  Machine::OutgoingReport report_;
  LocationStatement statement_;
};

// --- replay ---

TEST_F(WorkerRepair, AReplayIsSentBeforeAnythingNew) {
  admitAndSend(0, 12);
  machine_.enqueue(0, range(2, 4), true, 0);
  EXPECT_EQ(replay(3, 8).accepted, true);
  EXPECT_EQ(machine_.heartbeat()[0].lastSeq, 12u);
  const std::vector<std::pair<uint64_t, std::vector<ChunkHash>>> expected = {
      {3, range(2, 6)}, {7, range(6, 8)}, {13, range(2, 4)}};
  EXPECT_EQ(reports(), expected);
  EXPECT_EQ(machine_.heartbeat()[0].lastSeq, 14u);
  EXPECT_EQ(machine_.counters().replays, 1u);
  EXPECT_EQ(machine_.counters().replayedOperations, 6u);
  EXPECT_EQ(machine_.counters().resent, 0u) << "it never said that it had them";
  EXPECT_EQ(replay(13, 14).accepted, true);
  ASSERT_TRUE(machine_.nextReport(0, false, report_)) << "without waiting for more";
  EXPECT_EQ(report_.evicts, std::vector<uint8_t>{0b11});
}

TEST_F(WorkerRepair, WhatCannotBeReplayedIsRefused) {
  admitAndSend(0, 20);
  heartbeatAnswer(20);
  admitAndSend(20, 30);
  const auto refused = [&](Machine::ReplayAnswer answer) { return !answer.accepted; };
  EXPECT_TRUE(refused(replay(10, 12)));
  EXPECT_EQ(replay(10, 12).replayableFrom, 11u);
  EXPECT_TRUE(refused(replay(30, 31)));
  EXPECT_TRUE(refused(replay(0, 12)));
  EXPECT_TRUE(refused(replay(13, 12)));
  EXPECT_TRUE(refused(machine_.replay("gpu", gpu().incarnation + 1, 12, 13)));
  EXPECT_TRUE(refused(machine_.replay("disk", gpu().incarnation, 12, 13)));
  EXPECT_EQ(machine_.counters().replaysRefused, 7u);
  EXPECT_TRUE(reports().empty());
  EXPECT_FALSE(refused(replay(11, 30)));
  machine_.beginRegistration();
  EXPECT_TRUE(refused(replay(12, 13))) << "the answer says where to go on";
}

TEST_F(WorkerRepair, WhatThisSessionHasNotSentComesInItsTurn) {
  admitAndSend(0, 10);
  machine_.disconnected();
  registerAt(6);
  EXPECT_TRUE(replay(4, 8).accepted);
  EXPECT_TRUE(replay(9, 9).accepted);
  const std::vector<std::pair<uint64_t, std::vector<ChunkHash>>> expected = {
      {4, range(3, 5)}, {6, range(5, 9)}, {10, range(9, 10)}};
  EXPECT_EQ(reports(), expected);
}

TEST_F(WorkerRepair, ARegistrationDropsReplays) {
  admitAndSend(0, 10);
  EXPECT_TRUE(replay(1, 5).accepted);
  registerAt(11);
  EXPECT_TRUE(reports().empty());
  EXPECT_TRUE(replay(1, 5).accepted);
  machine_.disconnected();
  registerAt(11);
  EXPECT_TRUE(reports().empty());
  EXPECT_TRUE(replay(1, 5).accepted);
  machine_.enqueue(0, range(0, 41), false, 0);
  registerAt(1);
  EXPECT_TRUE(reports().empty()) << "another incarnation";
}

TEST(WorkerReplay, ExactlyWhatIsAskedForIsSentAgain) {
  forEachSeed(500, [](uint64_t seed) {
    std::mt19937_64 random(seed);
    Machine::Options options = oneLocation();
    options.batchOperations = 1 + random() % 8;
    options.ringOperations = 1 + random() % 40;
    options.queueOperations = 1'000'000;
    Machine machine(options, [&] { return random(); });
    const auto request = machine.beginRegistration();
    const LocationDecision decision{"gpu", DecisionKind::kInSync, Reason::kEqual, 1};
    ASSERT_FALSE(machine.registered(request.attempt, {&decision, 1}));
    const Machine::Location& gpu = machine.locations()[0];
    std::vector<std::pair<ChunkHash, bool>> log;  // seq i + 1 at i
    std::set<uint64_t> asked;
    for (int i = 0; i < 300; ++i) {
      switch (random() % 4) {
        case 0: {
          const std::vector<ChunkHash> keys(1 + random() % 10, random());
          machine.enqueue(0, keys, random() % 2 == 0, 0);
          break;
        }
        case 1: {
          const uint64_t from = random() % (gpu.lastSeq + 3);
          const uint64_t to = from + random() % 12;
          const bool possible = from > 0 && to <= log.size() && log.size() - from < gpu.ring.size();
          ASSERT_EQ(machine.replay("gpu", gpu.incarnation, from, to).accepted, possible);
          for (uint64_t seq = from; possible && seq <= to; ++seq) asked.insert(seq);
          break;
        }
        case 2: {
          const CommittedSeq confirmed{"gpu", gpu.incarnation, gpu.lastSeq};
          machine.heartbeatAnswered({&confirmed, 1}, {});
          break;
        }
        default:
          Machine::OutgoingReport report;
          if (!machine.nextReport(0, true, report)) break;
          const bool again = report.firstSeq <= log.size();
          ASSERT_EQ(again, !asked.empty()) << "replays go first";
          for (size_t k = 0; k < report.keys.size(); ++k) {
            const std::pair operation{report.keys[k], report.view().operations.evicts.test(k)};
            const uint64_t seq = report.firstSeq + k;
            if (!again) {
              log.push_back(operation);
              ASSERT_EQ(seq, log.size());
              continue;
            }
            ASSERT_EQ(asked.erase(seq), 1u) << "seq " << seq << " was not asked for";
            ASSERT_EQ(operation, log[seq - 1]);
          }
      }
    }
    Machine::OutgoingReport report;
    while (!asked.empty()) {
      ASSERT_TRUE(machine.nextReport(0, true, report));
      for (size_t k = 0; k < report.keys.size(); ++k) asked.erase(report.firstSeq + k);
    }
  });
}

// --- full sync ---

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
  Machine::Options options = oneLocation();
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
