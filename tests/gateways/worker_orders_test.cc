#include "gateways/lmcache/worker_orders.h"

#include <gmock/gmock.h>
#include <kj/async-io.h>

#include <future>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateways/lmcache/encoder.h"
#include "scripted_worker.h"

namespace holdfast::lmcache {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ask = WorkerOperation::Ask;
using Status = OperationOutcome::Status;

std::string tokensDone(const std::string& kind, uint64_t tokens) {
  return R"({"type": ")" + kind + R"(WorkerRetMsg", "num_tokens": )" + std::to_string(tokens) + "}";
}

class WorkerOrdersTest : public testing::Test {
 protected:
  ~WorkerOrdersTest() noexcept override = default;
  void answerWith(ScriptedWorker::Answer answer) {
    worker_.emplace(std::move(answer));
    WorkerOrders::Worker worker{.endpoint = worker_->endpoint(), .timeoutMs = {}};
    worker.timeoutMs.fill(60'000);
    made_.emplace(orders_, std::move(worker), [this](uint64_t number, const auto& outcome) {
      EXPECT_FALSE(operating_) << "answered within the question";
      outcomes_[number].push_back(outcome);
    });
  }
  void operate(const WorkerOperation& operation) {
    operating_ = true;
    made_->operate(operation);
    operating_ = false;
  }
  // The next outcome of it.
  OperationOutcome outcomeOf(uint64_t number) {
    while (outcomes_[number].empty())
      io_.provider->getTimer().afterDelay(1 * kj::MILLISECONDS).wait(io_.waitScope);
    const OperationOutcome next = outcomes_[number].front();
    outcomes_[number].erase(outcomes_[number].begin());
    return next;
  }
  OperationOutcome outcomeOf(const WorkerOperation& operation) {
    operate(operation);
    return outcomeOf(operation.number);
  }
  static WorkerOperation operation(OperationKind kind, uint64_t number = 7) {
    WorkerOperation one;
    one.number = number;
    one.kind = kind;
    one.location = "LocalCPUBackend";
    one.method = "cachegen";
    return one;
  }
  static WorkerOperation onTokens(OperationKind kind) {
    WorkerOperation one = operation(kind);
    one.allChunks = false;
    one.tokens = std::make_shared<const std::vector<uint32_t>>(kTokens);
    return one;
  }
  WorkerOperation question(Ask ask, uint64_t number) {
    WorkerOperation one;
    one.ask = ask;
    one.number = number;
    return one;
  }

  static inline const std::vector<uint32_t> kTokens = {1, 2, 70'000};
  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  gateways::SocketThread thread_;
  Orders orders_{thread_};
  std::optional<ScriptedWorker> worker_;
  std::optional<WorkerOrders> made_;
  std::map<uint64_t, std::vector<OperationOutcome>> outcomes_;
  bool operating_ = false;
};

TEST_F(WorkerOrdersTest, EachKindIsItsOrderAndItsAnswerTheOutcome) {
  answerWith([](const std::string& order) {
    if (order == clear("7", "LocalCPUBackend")) return tokensDone("Clear", 1);
    if (order == pin("7", "LocalCPUBackend", kTokens)) return tokensDone("Pin", 2);
    if (order == compress("7", "cachegen", "LocalCPUBackend", kTokens)) {
      return tokensDone("Compress", 3);
    }
    if (order == decompress("7", "cachegen", "LocalCPUBackend", std::nullopt)) {
      return tokensDone("Decompress", 4);
    }
    if (order == move("7", "LocalCPUBackend", {"10.0.0.8:7000", "there"}, kTokens, true)) {
      return tokensDone("Move", 5);
    }
    return error("another order");
  });
  const auto done = [](uint64_t tokens) { return OperationOutcome{Status::kDone, tokens, 0, {}}; };
  EXPECT_EQ(outcomeOf(operation(OperationKind::kClear)), done(1));
  EXPECT_EQ(outcomeOf(onTokens(OperationKind::kPin)), done(2));
  EXPECT_EQ(outcomeOf(onTokens(OperationKind::kCompress)), done(3));
  EXPECT_EQ(outcomeOf(operation(OperationKind::kDecompress)), done(4)) << "of all chunks";
  WorkerOperation move = onTokens(OperationKind::kMove);
  move.destination = {"b", 0, "there", "10.0.0.8:7000"};
  move.copy = true;
  EXPECT_EQ(outcomeOf(move), done(5));
}

TEST_F(WorkerOrdersTest, HealthIsTheWorkersCodeOrSaysWhatIsWrongWithItsAnswer) {
  std::string next;
  answerWith([&](const std::string& order) { return order == health("7") ? next : error("?"); });
  const auto codeOf = [&](std::string answer, Status status) {
    next = std::move(answer);
    const OperationOutcome outcome = outcomeOf(operation(OperationKind::kHealth));
    EXPECT_EQ(outcome.status, status) << outcome.error;
    return outcome.errorCode;
  };
  EXPECT_EQ(codeOf(R"({"type": "HealthWorkerRetMsg", "error_code": 0})", Status::kDone), 0);
  EXPECT_EQ(codeOf(R"({"type": "HealthWorkerRetMsg", "error_code": -7})", Status::kDone), -7);
  EXPECT_EQ(codeOf(R"({"type": "HealthWorkerRetMsg", "error_code": 9999999999})", Status::kDone),
            kHealthUnexpected);
  EXPECT_EQ(codeOf(error("ill"), Status::kFailed), kHealthError);
  EXPECT_EQ(codeOf("garbage", Status::kFailed), kHealthUnreadable);
  EXPECT_EQ(codeOf(tokensDone("Pin", 1), Status::kFailed), kHealthUnexpected);
}

TEST_F(WorkerOrdersTest, WhatTheWorkerSaysOfAFailureIsTheReason) {
  answerWith([](const std::string&) { return error("Worker error: no room"); });
  EXPECT_EQ(outcomeOf(operation(OperationKind::kClear)),
            (OperationOutcome{Status::kFailed, 0, 0, "Worker error: no room"}));
}

TEST_F(WorkerOrdersTest, WhatTheWireCannotSayIsNotSent) {
  answerWith([](const std::string&) { return tokensDone("Move", 1); });
  WorkerOperation hashes = operation(OperationKind::kPin);
  const std::vector<ChunkHash> chunks = {1};
  hashes.allChunks = false;
  hashes.chunks = chunks;
  const OperationOutcome pinned = outcomeOf(hashes);
  EXPECT_EQ(pinned.status, Status::kNeverRun);
  EXPECT_THAT(pinned.error, HasSubstr("told tokens, not hashes"));
  WorkerOperation within = operation(OperationKind::kMove);
  within.destination = {"a", 0, "LocalDiskBackend", ""};
  const OperationOutcome moved = outcomeOf(within);
  EXPECT_EQ(moved.status, Status::kNeverRun);
  EXPECT_THAT(moved.error, HasSubstr("not between their own locations"));
  EXPECT_THAT(worker_->orders(), testing::IsEmpty());
}

TEST_F(WorkerOrdersTest, OneThatIsUnderWaySaysSoAndIsAnsweredWhenItEnds) {
  std::promise<void> ready;
  answerWith([&](const std::string&) {
    ready.get_future().wait();
    return tokensDone("Clear", 3);
  });
  operate(operation(OperationKind::kClear));
  EXPECT_EQ(outcomeOf(question(Ask::kCheck, 7)).status, Status::kRunning);
  operate(question(Ask::kAwait, 7));
  ready.set_value();
  EXPECT_EQ(outcomeOf(7).numTokens, 3u);
  // Asked again in a later session.
  EXPECT_EQ(outcomeOf(question(Ask::kCheck, 7)), (OperationOutcome{Status::kDone, 3, 0, {}}));
}

TEST_F(WorkerOrdersTest, OneThatNobodyRemembersIsForgotten) {
  answerWith([](const std::string&) { return tokensDone("Clear", 3); });
  EXPECT_EQ(outcomeOf(question(Ask::kCheck, 8)).status, Status::kForgotten);
  for (uint64_t number = 100; number < 165; ++number) {
    EXPECT_EQ(outcomeOf(operation(OperationKind::kClear, number)).status, Status::kDone);
  }
  EXPECT_EQ(outcomeOf(question(Ask::kCheck, 100)).status, Status::kForgotten);
  EXPECT_EQ(outcomeOf(question(Ask::kCheck, 164)).status, Status::kDone);
}

TEST_F(WorkerOrdersTest, AWorkerThatDiedWithAnOrderMayHaveDoneIt) {
  answerWith([](const std::string&) { return std::nullopt; });
  EXPECT_EQ(outcomeOf(operation(OperationKind::kClear)).status, Status::kForgotten);
  const OperationOutcome next = [&]() {
    made_.reset();
    WorkerOrders::Worker nobody{.endpoint = worker_->endpoint(), .timeoutMs = {}};
    made_.emplace(orders_, std::move(nobody), [this](uint64_t number, const auto& outcome) {
      outcomes_[number].push_back(outcome);
    });
    return outcomeOf(operation(OperationKind::kClear));
  }();
  EXPECT_EQ(next.status, Status::kNeverRun) << "nobody was there to take it";
}

TEST_F(WorkerOrdersTest, AProbeTellsWhetherTheWorkerAnswers) {
  bool healthy = true;
  answerWith([&](const std::string&) -> std::optional<std::string> {
    if (!healthy) return std::nullopt;
    return error("even so");
  });
  EXPECT_TRUE(made_->answers(60 * kj::SECONDS).wait(io_.waitScope));
  healthy = false;
  EXPECT_FALSE(made_->answers(60 * kj::SECONDS).wait(io_.waitScope));
  EXPECT_FALSE(made_->answers(100 * kj::MILLISECONDS).wait(io_.waitScope));
}

TEST_F(WorkerOrdersTest, AProbeDoesNotWaitBehindAnOrder) {
  std::promise<void> ready;
  answerWith([&](const std::string&) {
    ready.get_future().wait();
    return tokensDone("Clear", 3);
  });
  operate(operation(OperationKind::kClear));
  EXPECT_TRUE(made_->answers(1 * kj::MILLISECONDS).wait(io_.waitScope));
  ready.set_value();
  outcomeOf(7);
}

}  // namespace
}  // namespace holdfast::lmcache
