// What the client remembers of the controller's operations, and in which order they begin.
#include "client/operation_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Status = OperationOutcome::Status;

class OperationLedgerTest : public testing::Test {
 protected:
  void ask(uint64_t number) {
    CacheOperation operation;
    operation.number = number;
    ledger.ask(operation, remember(number));
  }
  void check(uint64_t number, bool wait) { ledger.check(number, wait, remember(number)); }
  OperationLedger::Answer remember(uint64_t number) {
    return [this, number](const OperationOutcome& outcome) {
      answers.emplace_back(number, outcome.status);
    };
  }
  void ended(uint64_t number) {
    ledger.ended(number, {.status = Status::kDone, .numTokens = number, .error = {}});
  }

  std::vector<uint64_t> begun;
  std::vector<std::pair<uint64_t, Status>> answers;
  OperationLedger ledger{
      2, [this](const CacheOperation& operation) { begun.push_back(operation.number); }};
};

TEST_F(OperationLedgerTest, BeginsSoManyAtATimeInOrder) {
  for (const uint64_t number : {1, 2, 3, 4}) ask(number);
  EXPECT_THAT(begun, ElementsAre(1, 2));
  ended(2);
  EXPECT_THAT(begun, ElementsAre(1, 2, 3));
  EXPECT_THAT(answers, ElementsAre(std::pair(uint64_t{2}, Status::kDone)));
}

TEST_F(OperationLedgerTest, WhatHasNotBegunIsDiscardedWithItsSession) {
  for (const uint64_t number : {1, 2, 3}) ask(number);
  ledger.sessionOver();
  ended(1);
  EXPECT_THAT(begun, ElementsAre(1, 2)) << "3 began after its session";
  EXPECT_THAT(answers, IsEmpty()) << "nobody waits any more";
  check(1, false);
  check(2, false);
  check(3, false);
  EXPECT_THAT(answers, ElementsAre(std::pair(uint64_t{1}, Status::kDone),
                                   std::pair(uint64_t{2}, Status::kRunning),
                                   std::pair(uint64_t{3}, Status::kNeverRun)));
}

TEST_F(OperationLedgerTest, WhoWaitsIsAnsweredAtTheEnd) {
  ask(1);
  ledger.sessionOver();
  check(1, true);
  EXPECT_THAT(answers, IsEmpty());
  ended(1);
  EXPECT_THAT(answers, ElementsAre(std::pair(uint64_t{1}, Status::kDone)));
  check(1, true);
  EXPECT_EQ(answers.size(), 2u);
}

TEST_F(OperationLedgerTest, NothingBeginsTwice) {
  ask(1);
  ask(1);
  EXPECT_THAT(begun, ElementsAre(1));
  ended(1);
  ask(1);
  EXPECT_THAT(begun, ElementsAre(1));
  EXPECT_EQ(answers.size(), 3u);
}

TEST_F(OperationLedgerTest, IsBounded) {
  for (uint64_t number = 1; number <= 2 + OperationLedger::kWaitingMax; ++number) ask(number);
  EXPECT_THAT(answers, IsEmpty());
  ask(999'999);
  EXPECT_THAT(answers, ElementsAre(std::pair(uint64_t{999'999}, Status::kFailed)));
  answers.clear();
  // Of those that ended, the newest are remembered.
  for (uint64_t number = 1; number <= OperationLedger::kEndedKept + 1; ++number) ended(number);
  answers.clear();
  check(1, false);
  check(2, false);
  EXPECT_THAT(answers, ElementsAre(std::pair(uint64_t{1}, Status::kNeverRun),
                                   std::pair(uint64_t{2}, Status::kDone)));
}

TEST(CompletionTest, TheFirstCallCounts) {
  std::vector<OperationOutcome> outcomes;
  {
    const Completion completion([&](OperationOutcome o) { outcomes.push_back(std::move(o)); });
    std::vector<Completion> copies(2, completion);
    copies[0].done(3);
    copies[1].fail("late");
  }
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].numTokens, 3u);
}

TEST(CompletionTest, ADroppedOperationHasFailed) {
  std::vector<OperationOutcome> outcomes;
  {
    const Completion dropped([&](OperationOutcome o) { outcomes.push_back(std::move(o)); });
  }
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].status, Status::kFailed);
  EXPECT_THAT(outcomes[0].error, testing::HasSubstr("dropped"));
}

TEST(CompletionTest, ManyThreadsGiveOneAnswer) {
  std::atomic<int> given = 0;
  const Completion completion([&](const OperationOutcome&) { ++given; });
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { completion.done(1); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(given, 1);
}

TEST(OperationHandlerTest, AnswersUnsupportedByDefaultAndHealthyToHealth) {
  OperationHandler handler;
  for (size_t kind = 0; kind < kOperationKinds; ++kind) {
    CacheOperation operation;
    operation.kind = static_cast<OperationKind>(kind);
    OperationOutcome outcome;
    handle(handler, operation, Completion([&](OperationOutcome o) { outcome = std::move(o); }));
    if (operation.kind == OperationKind::kHealth) {
      EXPECT_EQ(outcome.status, Status::kDone);
    } else {
      EXPECT_EQ(outcome.error, "unsupported: this engine does not implement " +
                                   std::string(operationName(operation.kind)));
    }
  }
}

}  // namespace
}  // namespace holdfast::test
