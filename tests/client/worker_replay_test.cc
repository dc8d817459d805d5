// Replays that the controller asks the state machine for.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>
#include <vector>

#include "seeds.h"
#include "worker_repair_fixture.h"

namespace holdfast {
namespace {

using Machine = WorkerStateMachine;

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
}

// The answer to a registration is late, and the controller asks for what it leads to meanwhile.
TEST_F(WorkerRepair, AReplayBeforeTheAnswerToARegistrationIsWhatTheAnswerLeadsTo) {
  admitAndSend(0, 10);
  machine_.disconnected();
  EXPECT_FALSE(replay(7, 10).accepted) << "there is no session";
  const uint64_t attempt = machine_.beginRegistration().attempt;
  EXPECT_TRUE(replay(7, 10).accepted);
  EXPECT_FALSE(replay(10, 11).accepted);
  EXPECT_TRUE(reports().empty());
  answer(attempt, 7, DecisionKind::kReplay);
  const std::vector<std::pair<uint64_t, std::vector<ChunkHash>>> expected = {{7, range(6, 10)}};
  EXPECT_EQ(reports(), expected) << "once";
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
    Machine::Options options = repairOptions();
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

}  // namespace
}  // namespace holdfast
