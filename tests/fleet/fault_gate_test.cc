#include "fleet/fault_gate.h"

#include <gtest/gtest.h>

#include <map>

namespace holdfast::fleet {
namespace {

ReportGate::Report reportOf(uint64_t firstSeq) {
  return {.location = "gpu",
          .incarnation = 1,
          .firstSeq = firstSeq,
          .keys = {firstSeq, firstSeq + 1},
          .evicts = {}};
}

FaultGate gateWith(void (*choose)(FaultOptions&)) {
  FaultOptions options;
  choose(options);
  return FaultGate(ReportFates(options, 1, 0));
}

// The first seqs of what is sent in place of reports 1, 2, ...
std::vector<std::vector<uint64_t>> sentBy(FaultGate& gate, uint64_t reports) {
  std::vector<std::vector<uint64_t>> all;
  for (uint64_t i = 1; i <= reports; ++i) {
    std::vector<uint64_t>& seqs = all.emplace_back();
    for (const auto& report : gate.pass(reportOf(i)).reports) seqs.push_back(report.firstSeq);
  }
  return all;
}

using Sent = std::vector<std::vector<uint64_t>>;

TEST(FaultGate, LosesRepeatsAndSwaps) {
  FaultGate losing = gateWith([](FaultOptions& options) { options.drop = 1; });
  EXPECT_EQ(sentBy(losing, 2), (Sent{{}, {}}));
  FaultGate repeating = gateWith([](FaultOptions& options) { options.duplicate = 1; });
  EXPECT_EQ(sentBy(repeating, 2), (Sent{{1, 1}, {2, 2}}));
  FaultGate swapping = gateWith([](FaultOptions& options) { options.reorder = 1; });
  EXPECT_EQ(sentBy(swapping, 3), (Sent{{}, {1}, {2}}));
}

TEST(FaultGate, WhatIsDelayedComesOnceAndNotTooLate) {
  FaultGate gate = gateWith([](FaultOptions& options) { options.delay = 0.5; });
  std::map<uint64_t, uint64_t> sentAt;
  const Sent sent = sentBy(gate, 1'000);
  uint64_t late = 0;
  for (uint64_t at = 1; at <= sent.size(); ++at) {
    for (const uint64_t report : sent[at - 1]) {
      EXPECT_TRUE(sentAt.emplace(report, at).second);
      EXPECT_LE(at - report, FaultOptions::kDelayReportsMax);
      late += at > report;
    }
  }
  EXPECT_GT(late, 400u);
  EXPECT_GE(sentAt.size(), 1'000 - FaultOptions::kDelayReportsMax);
}

TEST(FaultGate, ANewSessionForgetsWhatIsHeldBack) {
  FaultGate gate = gateWith([](FaultOptions& options) { options.reorder = 1; });
  EXPECT_EQ(sentBy(gate, 1), (Sent{{}}));
  gate.sessionBegan();
  EXPECT_EQ(sentBy(gate, 2), (Sent{{}, {1}}));
}

TEST(FaultGate, CutsAndCorruptsOnce) {
  FaultGate gate = gateWith([](FaultOptions& options) { options.drop = 1; });
  gate.cut();
  gate.corrupt();
  const auto cut = gate.pass(reportOf(1));
  EXPECT_TRUE(cut.cut);
  EXPECT_TRUE(cut.reports.empty());
  const auto corrupt = gate.pass(reportOf(2));
  EXPECT_FALSE(corrupt.cut);
  ASSERT_EQ(corrupt.reports.size(), 1u) << "it must arrive to do harm";
  EXPECT_EQ(corrupt.reports[0].keys.size(), 2u);
  EXPECT_NE(corrupt.reports[0].keys, reportOf(2).keys);
  EXPECT_EQ(sentBy(gate, 1), (Sent{{}}));
}

TEST(FaultGate, NothingIsHarmedOnceItIsStopped) {
  FaultGate gate = gateWith([](FaultOptions& options) { options.reorder = 1; });
  EXPECT_EQ(sentBy(gate, 1), (Sent{{}}));
  gate.cut();
  gate.corrupt();
  gate.stop();
  const auto passage = gate.pass(reportOf(7));
  EXPECT_FALSE(passage.cut);
  ASSERT_EQ(passage.reports.size(), 2u);
  EXPECT_EQ(passage.reports[0].firstSeq, 1u);
  EXPECT_EQ(passage.reports[1].keys, reportOf(7).keys);
}

}  // namespace
}  // namespace holdfast::fleet
