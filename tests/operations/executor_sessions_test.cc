// Ranks that disconnect, stay away, come back or are forgotten while an operation is under way.
#include "executor_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(ExecutorTest, ARankThatDisconnectsIsUnknownUntilItSays) {
  registerInstance("a", 3);
  start(request(OperationKind::kClear));
  controller->commit();
  for (uint32_t i = 0; i < 3; ++i) disconnect("a", i);
  EXPECT_EQ(rankStatus(0), RankStatus::kUnknown);
  EXPECT_EQ(status(), EventStatus::kUnknown);
  // The same process: it is asked.
  registerRank("a", 0);
  registerRank("a", 1);
  // Another one knows nothing.
  rank("a", 2).run = 2;
  registerRank("a", 2);
  EXPECT_EQ(rankStatus(2), RankStatus::kLost);
  controller->work();
  ASSERT_EQ(rank("a", 0).link.asked.size(), 2u);
  EXPECT_EQ(rank("a", 0).link.asked[1].ask, WorkerOperation::Ask::kCheck);
  answer(0, {OperationOutcome::Status::kRunning, 0, 0, {}});
  EXPECT_EQ(rankStatus(0), RankStatus::kRunning);
  ASSERT_EQ(rank("a", 0).link.asked.size(), 3u);
  EXPECT_EQ(rank("a", 0).link.asked[2].ask, WorkerOperation::Ask::kAwait);
  answer(0, done(64));
  answer(1, {OperationOutcome::Status::kNeverRun, 0, 0, {}});
  EXPECT_EQ(rankStatus(0), RankStatus::kDone);
  EXPECT_EQ(rankStatus(1), RankStatus::kNeverRun);
  EXPECT_EQ(status(), EventStatus::kFailed);
}

TEST_F(ExecutorTest, ARankThatStaysAwayIsLostWhenTheTimeIsOver) {
  registerInstance("a", 1);
  start(request(OperationKind::kClear));
  controller->commit();
  disconnect("a", 0);
  pass(options.timeoutMs[0] - 1);
  EXPECT_EQ(rankStatus(0), RankStatus::kUnknown);
  pass(1);
  EXPECT_EQ(rankStatus(0), RankStatus::kLost);
}

TEST_F(ExecutorTest, AWorkerThatIsForgottenIsLost) {
  registerInstance("a", 2);
  start(request(OperationKind::kClear));
  controller->commit();
  ASSERT_TRUE(controller->take(input::Deregister{rank("a", 0).session}).ok());
  EXPECT_EQ(rankStatus(0), RankStatus::kLost);
  ASSERT_TRUE(controller->take(input::Forget{"a", 1}).ok());
  EXPECT_TRUE(rank("a", 1).link.isClosed);
  EXPECT_EQ(rankStatus(1), RankStatus::kLost);
  controller->commit();
  EXPECT_THAT(controller->settled, ElementsAre("e1"));
}

TEST_F(ExecutorTest, WhoGoesBeforeAnythingIsSentHasNeverRunIt) {
  registerInstance("a", 2);
  start(request(OperationKind::kClear));
  disconnect("a", 0);
  rank("a", 1).run = 2;
  registerRank("a", 1);
  EXPECT_EQ(rankStatus(1), RankStatus::kNeverRun);
  controller->commit();
  EXPECT_EQ(rankStatus(0), RankStatus::kNeverRun);
  EXPECT_THAT(rank("a", 1).link.asked, IsEmpty());
}

TEST_F(ExecutorTest, AfterARestartTheWorkersSay) {
  registerInstance("a", 4);
  start(request(OperationKind::kClear));
  controller->commit();
  answer(0, done(5));
  controller->commit();
  restart();
  EXPECT_EQ(rankStatus(0), RankStatus::kDone);
  EXPECT_EQ(rankStatus(1), RankStatus::kUnknown);
  EXPECT_EQ(event().number, rank("a", 0).link.asked[0].number);
  registerRank("a", 1);
  rank("a", 2).run = 2;
  registerRank("a", 2);
  EXPECT_EQ(rankStatus(2), RankStatus::kLost);
  controller->work();
  EXPECT_EQ(rank("a", 1).link.asked.back().ask, WorkerOperation::Ask::kCheck);
  answer(1, done(5));
  pass(options.timeoutMs[0]);
  EXPECT_EQ(rankStatus(1), RankStatus::kDone);
  EXPECT_EQ(rankStatus(3), RankStatus::kLost);
}

TEST_F(ExecutorTest, KilledBetweenRecordAndSendNothingWasRun) {
  registerInstance("a", 1);
  start(request(OperationKind::kClear));
  controller->store.complete();
  restart();
  EXPECT_EQ(status(), EventStatus::kUnknown);
  registerRank("a", 0);
  controller->work();
  ASSERT_EQ(rank("a", 0).link.asked.size(), 1u);
  EXPECT_EQ(rank("a", 0).link.asked[0].ask, WorkerOperation::Ask::kCheck);
  answer(0, {OperationOutcome::Status::kNeverRun, 0, 0, {}});
  EXPECT_EQ(rankStatus(0), RankStatus::kNeverRun);
}

TEST_F(ExecutorTest, AnswersFromElsewhereAreIgnored) {
  registerInstance("a", 2);
  registerInstance("b", 1);
  start(request(OperationKind::kClear));
  answer(0, done(1));  // not asked yet
  EXPECT_EQ(rankStatus(0), RankStatus::kPending);
  controller->commit();
  controller->take(input::Answered{rank("b", 0).session, event().number, done(1)});
  controller->take(input::Answered{rank("a", 0).session, event().number + 1, done(1)});
  controller->take(input::Answered{kNoSession, event().number, done(1)});
  EXPECT_EQ(rankStatus(0), RankStatus::kRunning);
  answer(0, done(1));
  answer(0, done(2));
  EXPECT_EQ(event().ranks[0].numTokens, 1u);
}

TEST_F(ExecutorTest, TheTimeOfAnOperationGoesOnOverARestart) {
  options.timeoutMs[static_cast<size_t>(OperationKind::kCompress)] = 600'000;
  open({});
  registerInstance("a", 1);
  OperationRequest compress = request(OperationKind::kCompress, "e");
  compress.method = "zstd";
  start(compress);
  controller->commit();
  pass(500'000);
  restart();
  pass(99'999);
  EXPECT_FALSE(controller->executor.find("e")->record.final());
  pass(1);
  EXPECT_TRUE(controller->executor.find("e")->record.final());
}

}  // namespace
}  // namespace holdfast::test
