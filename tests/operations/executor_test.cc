// The fan-out, and the life of an event.
#include "executor_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(ExecutorTest, IsSentToEveryRankOnceTheEventIsOnTheDisk) {
  registerInstance("a", 3);
  start(request(OperationKind::kClear));
  EXPECT_THAT(rank("a", 0).link.asked, IsEmpty());
  EXPECT_EQ(rankStatus(0), RankStatus::kPending);
  controller->commit();
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_EQ(rank("a", i).link.asked.size(), 1u);
    EXPECT_EQ(rank("a", i).link.asked[0].kind, OperationKind::kClear);
    EXPECT_EQ(rank("a", i).link.asked[0].location, "gpu");
    EXPECT_EQ(rank("a", i).link.asked[0].number, event().number);
    EXPECT_EQ(rankStatus(i), RankStatus::kRunning);
  }
  for (const uint32_t i : {2u, 0u, 1u}) answer(i, done(512));
  EXPECT_EQ(status(), EventStatus::kDone);
  EXPECT_EQ(summarise(event()).numTokens, 512u);
  EXPECT_THAT(controller->settled, IsEmpty()) << "the end is not on the disk yet";
  controller->commit();
  EXPECT_THAT(controller->settled, ElementsAre("e1"));
  EXPECT_EQ(event().finishedWallMs, clock.wallMs());
}

TEST_F(ExecutorTest, ItsEndIsToldOnceItIsOnTheDisk) {
  registerInstance("a", 2);
  start(request(OperationKind::kClear));
  const RecordedNotices& notices = controller->notices;
  EXPECT_EQ(notices.last<notice::OperationBegun>().ranks, 2u);
  controller->commit();
  clock.nowMs += 40;
  answer(0, done(512));
  answer(1, done(512));
  EXPECT_EQ(notices.count<notice::OperationDone>(), 0u);
  controller->commit();
  const auto ended = notices.last<notice::OperationDone>();
  EXPECT_EQ(ended.event, "e1");
  EXPECT_EQ(ended.kind, OperationKind::kClear);
  EXPECT_EQ(ended.instance, "a");
  EXPECT_EQ(ended.tokens, 512u);
  EXPECT_EQ(ended.durationMs, 40u);
  start(request(OperationKind::kClear, "e2"));
  controller->commit();
  answer(0, done(512), "e2");
  answer(1, failed("no space"), "e2");
  controller->commit();
  EXPECT_THAT(notices.last<notice::OperationFailed>().error,
              HasSubstr("rank 1: failed (no space)"));
  EXPECT_EQ(notices.count<notice::OperationDone>(), 1u);
}

TEST_F(ExecutorTest, ListsWhatEachRankAnsweredWhereTheyDiffer) {
  registerInstance("a", 3);
  start(request(OperationKind::kClear));
  controller->commit();
  answer(0, done(512));
  answer(1, done(256));
  answer(2, done(512));
  EXPECT_EQ(status(), EventStatus::kFailed);
  EXPECT_EQ(summarise(event()).error,
            "the ranks answered different numbers: rank 0: 512 tokens; rank 1: 256 tokens; rank 2: "
            "512 tokens");
  start(request(OperationKind::kClear, "e2"));
  controller->commit();
  answer(0, done(512), "e2");
  answer(1, failed("the disk is full"), "e2");
  pass(options.timeoutMs[0]);
  EXPECT_EQ(status("e2"), EventStatus::kFailed);
  EXPECT_THAT(summarise(event("e2")).error,
              HasSubstr("rank 0: 512 tokens; rank 1: failed (the disk is full); rank 2: timed out "
                        "(no answer within 60000 ms)"));
}

TEST_F(ExecutorTest, MovePairsTheRanksAndHandsOverWhereToConnect) {
  registerInstance("a", 2);
  registerInstance("b", 2);
  OperationRequest move = request(OperationKind::kMove);
  move.toInstance = "b";
  move.toLocation = "cpu";
  move.allChunks = false;
  move.chunks = {5, 6};
  move.copy = true;
  start(move);
  controller->commit();
  for (uint32_t i = 0; i < 2; ++i) {
    ASSERT_EQ(rank("a", i).link.asked.size(), 1u);
    const Asked& asked = rank("a", i).link.asked[0];
    EXPECT_EQ(asked.destination.instance, "b");
    EXPECT_EQ(asked.destination.worker, i);
    EXPECT_EQ(asked.destination.location, "cpu");
    EXPECT_EQ(asked.destination.peerUrl, "peer://b/" + std::to_string(i));
    EXPECT_THAT(asked.chunks, ElementsAre(5, 6));
    EXPECT_TRUE(asked.copy);
    EXPECT_THAT(rank("b", i).link.asked, IsEmpty());
  }
}

TEST_F(ExecutorTest, HealthTellsEachRankAndLeavesNoEvent) {
  registerInstance("a", 5);
  disconnect("a", 4);
  const size_t writes = controller->store.queued();
  start(request(OperationKind::kHealth));
  answer(0, done(0));
  answer(1, {OperationOutcome::Status::kFailed, 0, 0, "CUDA error"});
  answer(2, {OperationOutcome::Status::kFailed, 0, kHealthUnexpected, "unknown call"});
  EXPECT_EQ(status(), EventStatus::kRunning);
  clock.nowMs += options.timeoutMs[static_cast<size_t>(OperationKind::kHealth)];
  controller->take(input::Tick{});
  EXPECT_THAT(controller->settled, ElementsAre("e1"));
  EXPECT_EQ(event().ranks[0].errorCode, 0);
  EXPECT_EQ(event().ranks[1].errorCode, kHealthError);
  EXPECT_EQ(event().ranks[2].errorCode, kHealthUnexpected);
  EXPECT_EQ(event().ranks[3].errorCode, kHealthNoAnswer);
  EXPECT_EQ(event().ranks[4].errorCode, kHealthLost);
  EXPECT_EQ(status(), EventStatus::kFailed);
  EXPECT_EQ(controller->store.queued(), writes);
  controller->work();
  EXPECT_EQ(controller->executor.find("e1"), nullptr);
}

TEST_F(ExecutorTest, HealthWorksWhileTheStoreCannotWrite) {
  registerInstance("a", 1);
  controller->setHealth({false, "the disk is full"});
  start(request(OperationKind::kHealth));
  answer(0, done(0));
  EXPECT_EQ(status(), EventStatus::kDone);
}

TEST_F(ExecutorTest, AnEventThatTheStoreDoesNotTakeIsNotSentLater) {
  registerInstance("a", 1);
  start(request(OperationKind::kClear));
  pass(options.timeoutMs[0]);
  EXPECT_EQ(rankStatus(0), RankStatus::kNeverRun);
  controller->commit();
  EXPECT_THAT(rank("a", 0).link.asked, IsEmpty());
  EXPECT_THAT(controller->settled, ElementsAre("e1"));
}

TEST_F(ExecutorTest, WhatAWorkerSaysIsMadeReadable) {
  registerInstance("a", 4);
  start(request(OperationKind::kClear));
  controller->commit();
  answer(0, failed("\x1b[31mred\n"));
  answer(1, failed(std::string(5'000, 'x')));
  // What an exception of Python looks like: all of it is kept, over several lines or not.
  const std::string frame = "  File \"/opt/engine/cache.py\", line 311, in clear";
  answer(2, failed("Traceback (most recent call last):\n" + frame + "\nRuntimeError: CUDA error"));
  // The limit falls into a character, which is not torn.
  answer(3, failed(std::string(kOutcomeErrorBytesMax - 1, 'x') + "\u00fc\xff"));
  EXPECT_EQ(event().ranks[0].error, R"(\x1b[31mred\n)");
  EXPECT_EQ(event().ranks[1].error, std::string(kOutcomeErrorBytesMax - 3, 'x') + "...");
  EXPECT_EQ(event().ranks[2].error,
            R"(Traceback (most recent call last):\n)" + frame + R"(\nRuntimeError: CUDA error)");
  EXPECT_EQ(event().ranks[3].error, event().ranks[1].error);
}

TEST_F(ExecutorTest, FinishedEventsAreForgottenByAgeAndNumber) {
  options.eventsKeptMax = 3;
  options.retentionMs = 1'000'000;
  open({});
  registerInstance("a", 1);
  for (int i = 0; i < 6; ++i) {
    const std::string id = "e" + std::to_string(i);
    start(request(OperationKind::kClear, id));
    controller->commit();
    if (i != 1) answer(0, done(1), id);  // e1 goes on
    controller->commit();
    pass(1);
  }
  EXPECT_EQ(controller->executor.find("e0"), nullptr);
  for (const char* id : {"e1", "e3", "e4", "e5"}) {
    EXPECT_NE(controller->executor.find(id), nullptr) << id;
  }
  controller->commit();
  EXPECT_EQ(controller->store.disk().events.size(), 4u);
  pass(1'000'000);
  controller->commit();
  pass(0);
  controller->commit();
  EXPECT_EQ(controller->store.disk().events.size(), 1u) << "e1 ended just now";
}

TEST_F(ExecutorTest, WhatIsRememberedOfEventsDoesNotFollowTheWallClock) {
  options.retentionMs = 1'000'000;
  open({});
  registerInstance("a", 1);
  start(request(OperationKind::kClear, "e"));
  controller->commit();
  answer(0, done(1), "e");
  controller->commit();
  clock.wallJumpMs = 2'000'000;
  pass(1);
  EXPECT_NE(controller->executor.find("e"), nullptr);
  clock.wallJumpMs = -2'000'000;
  pass(1'000'000);
  EXPECT_EQ(controller->executor.find("e"), nullptr);
}

TEST_F(ExecutorTest, ManyRanksAreSentToInPieces) {
  constexpr uint32_t kMany = 2 * Executor::kMessagesPerTurn + 1;
  registerInstance("a", kMany);
  start(request(OperationKind::kClear));
  controller->commit();
  const auto asked = [&] {
    size_t n = 0;
    for (uint32_t i = 0; i < kMany; ++i) n += rank("a", i).link.asked.size();
    return n;
  };
  EXPECT_EQ(asked(), Executor::kMessagesPerTurn);
  EXPECT_TRUE(controller->take(input::Work{}));
  controller->work();
  EXPECT_EQ(asked(), kMany);
}

TEST_F(ExecutorTest, ManyAnswersAreFewWrites) {
  registerInstance("a", 1'000);
  start(request(OperationKind::kClear));
  controller->commit();
  controller->work();
  for (uint32_t i = 0; i < 999; ++i) answer(i, done(1));
  EXPECT_EQ(controller->store.queued(), 1u);
  controller->commit();
  controller->commit();
  restart();
  EXPECT_EQ(rankStatus(998), RankStatus::kDone);
  EXPECT_EQ(rankStatus(999), RankStatus::kUnknown);
}

// What waits for the store asks one ledger, whoever wrote: forgotten events, too.
TEST_F(ExecutorTest, NothingIsCommittedWhileEventsThatAreForgottenAreNot) {
  options.eventsKeptMax = 1;
  open({});
  registerInstance("a", 1);
  for (const char* id : {"e1", "e2"}) {
    start(request(OperationKind::kClear, id));
    controller->commit();
    answer(0, done(1), id);
    controller->commit();
  }
  EXPECT_TRUE(controller->registry.ledger().allCommitted());
  controller->take(input::Work{});
  EXPECT_EQ(controller->executor.find("e1"), nullptr);
  EXPECT_TRUE(controller->executor.quiet());
  EXPECT_FALSE(controller->registry.ledger().allCommitted());
  controller->commit();
  EXPECT_TRUE(controller->registry.ledger().allCommitted());
  // The same of what starts an event and what ends it.
  start(request(OperationKind::kClear, "e3"));
  EXPECT_FALSE(controller->registry.ledger().allCommitted());
}

}  // namespace
}  // namespace holdfast::test
