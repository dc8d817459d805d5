// A worker's state machine with one location, registered, and what a controller commands it to do.
#pragma once

#include <gtest/gtest.h>

#include <utility>
#include <variant>
#include <vector>

#include "client/worker_state.h"
#include "keys.h"

namespace holdfast {

inline WorkerStateMachine::Options repairOptions() {
  WorkerStateMachine::Options options;
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
  using Machine = WorkerStateMachine;

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

  Machine machine_{repairOptions(), [next = uint64_t{0}]() mutable { return ++next; }};
  Machine::OutgoingReport report_;
  LocationStatement statement_;
};

}  // namespace holdfast
