// One operation at a time: what is refused, what is sent when, what the answers come to.
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

TEST_F(ExecutorTest, RefusesBeforeAnythingIsSent) {
  EXPECT_THAT(errorOf(request(OperationKind::kClear)), HasSubstr("there is no instance \"a\""));
  registerInstance("a", 2);
  registerInstance("b", 3);
  OperationRequest wrong = request(OperationKind::kClear);
  wrong.location = "disk";
  EXPECT_THAT(errorOf(wrong), HasSubstr("no location \"disk\"; it has \"gpu\", \"cpu\""));
  wrong = request(OperationKind::kCompress);
  EXPECT_THAT(errorOf(wrong), HasSubstr("method is empty"));
  wrong = request(OperationKind::kPin);
  EXPECT_THAT(errorOf(wrong), HasSubstr("give tokens or hashes"));
  wrong.allChunks = false;
  EXPECT_THAT(errorOf(wrong), HasSubstr("no chunks"));
  wrong.chunks.resize(65'537);
  EXPECT_THAT(errorOf(wrong), HasSubstr("65537 chunks, at most 65536"));
  wrong = request(OperationKind::kMove);
  wrong.toInstance = "a";
  wrong.toLocation = "gpu";
  EXPECT_THAT(errorOf(wrong), HasSubstr("are the same"));
  wrong.toInstance = "b";
  EXPECT_THAT(errorOf(wrong), HasSubstr("has 2 ranks and instance \"b\" has 3"));
  disconnect("a", 1);
  EXPECT_THAT(errorOf(request(OperationKind::kClear)), HasSubstr("instance 'a' worker 1 is LOST"));
  controller->store.setHealth({false, "the disk is full"});
  EXPECT_THAT(errorOf(request(OperationKind::kClear)), HasSubstr("the disk is full"));
  EXPECT_TRUE(controller->executor.log().bySerial().empty());
  controller->store.setHealth({});
  controller->commit();
  EXPECT_THAT(rank("a", 0).link.asked, IsEmpty());
}

TEST_F(ExecutorTest, NeedsEveryRankOfTheWorldSize) {
  registerRank("a", 0, 2);
  EXPECT_THAT(errorOf(request(OperationKind::kClear)), HasSubstr("has 1 of its 2 ranks"));
}

TEST_F(ExecutorTest, CountsRanksByName) {
  registerRank("a", 0, 12);
  for (const uint32_t i : {2u, 3u, 7u}) registerRank("a", i, 12);
  EXPECT_THAT(errorOf(request(OperationKind::kClear)),
              HasSubstr("has 4 of its 12 ranks (missing: 1, 4 to 6, 8 to 11)"));
  // As many as the world size, but others: this one does not say how many there are.
  for (const uint32_t i : {0u, 1u}) registerRank("b", i, 3);
  registerRank("b", 5, 0);
  OperationRequest clear = request(OperationKind::kClear);
  clear.instance = "b";
  EXPECT_THAT(errorOf(clear), HasSubstr("rank 5 states no world size; ranks 0, 1 state a world "
                                        "size of 3"));
}

TEST_F(ExecutorTest, RefusesRanksThatContradictEachOther) {
  registerRank("a", 0, 4);
  registerRank("a", 1, 2);
  EXPECT_THAT(errorOf(request(OperationKind::kClear)),
              HasSubstr("its ranks contradict each other: rank 1 states a world size of 2; rank 0 "
                        "states a world size of 4"));
  // A huge one costs nothing.
  registerRank("c", 0, 1u << 31);
  OperationRequest clear = request(OperationKind::kClear);
  clear.instance = "c";
  EXPECT_THAT(errorOf(clear), HasSubstr("(missing: 1 to 2147483647)"));
}

TEST_F(ExecutorTest, RanksMayGoToAnotherWorldSizeOneByOne) {
  registerInstance("a", 2);
  const auto again = [&](uint32_t i, uint32_t worldSize) {
    disconnect("a", i);
    ++rank("a", i).run;
    registerRank("a", i, worldSize);
    controller->commit();
  };
  EXPECT_EQ(start(request(OperationKind::kClear, "two")), "two");
  again(0, 4);
  EXPECT_THAT(errorOf(request(OperationKind::kClear)), HasSubstr("contradict"));
  again(1, 4);
  registerRank("a", 2, 4);
  EXPECT_THAT(errorOf(request(OperationKind::kClear)), HasSubstr("(missing: 3)"));
  registerRank("a", 3, 4);
  EXPECT_EQ(start(request(OperationKind::kClear, "four")), "four");
  EXPECT_EQ(event("four").ranks.size(), 4u);
  // And back: those that are gone are not waited for.
  disconnect("a", 3);
  disconnect("a", 2);
  EXPECT_THAT(errorOf(request(OperationKind::kClear)), HasSubstr("worker 2 is LOST"));
  again(0, 2);
  again(1, 2);
  EXPECT_EQ(start(request(OperationKind::kClear, "two again")), "two again");
  EXPECT_EQ(event("two again").ranks.size(), 2u);
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

TEST_F(ExecutorTest, TheSameIdIsTheSameEventAndWithOtherArgumentsAnError) {
  registerInstance("a", 1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(start(request(OperationKind::kClear)), "e1");
  controller->commit();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(start(request(OperationKind::kClear)), "e1");
  controller->commit();
  EXPECT_EQ(rank("a", 0).link.asked.size(), 1u);
  OperationRequest other = request(OperationKind::kClear);
  other.location = "cpu";
  EXPECT_THAT(errorOf(other), HasSubstr("\"e1\" names another operation"));
  answer(0, done(1));
  // Also when it has ended, when the rank is gone, and after a restart.
  disconnect("a", 0);
  controller->commit();
  EXPECT_EQ(start(request(OperationKind::kClear)), "e1");
  restart();
  EXPECT_EQ(start(request(OperationKind::kClear)), "e1");
  EXPECT_EQ(status(), EventStatus::kDone);
  EXPECT_THAT(errorOf(other), HasSubstr("names another operation"));
}

TEST_F(ExecutorTest, DrawsAnIdWhereNoneIsGiven) {
  registerInstance("a", 1);
  const std::string one = start(request(OperationKind::kClear, ""));
  const std::string two = start(request(OperationKind::kClear, ""));
  EXPECT_NE(one, two);
  EXPECT_THAT(one, HasSubstr("event-"));
}

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
  while (controller->executor.work()) {
  }
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
  ASSERT_TRUE(controller->registry.registration().deregister(rank("a", 0).session).ok());
  EXPECT_EQ(rankStatus(0), RankStatus::kLost);
  ASSERT_TRUE(controller->registry.registration().forget("a", 1).ok());
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
  while (controller->executor.work()) {
  }
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
  while (controller->executor.work()) {
  }
  ASSERT_EQ(rank("a", 0).link.asked.size(), 1u);
  EXPECT_EQ(rank("a", 0).link.asked[0].ask, WorkerOperation::Ask::kCheck);
  answer(0, {OperationOutcome::Status::kNeverRun, 0, 0, {}});
  EXPECT_EQ(rankStatus(0), RankStatus::kNeverRun);
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
  controller->executor.tick();
  EXPECT_THAT(controller->settled, ElementsAre("e1"));
  EXPECT_EQ(event().ranks[0].errorCode, 0);
  EXPECT_EQ(event().ranks[1].errorCode, kHealthError);
  EXPECT_EQ(event().ranks[2].errorCode, kHealthUnexpected);
  EXPECT_EQ(event().ranks[3].errorCode, kHealthNoAnswer);
  EXPECT_EQ(event().ranks[4].errorCode, kHealthLost);
  EXPECT_EQ(status(), EventStatus::kFailed);
  EXPECT_EQ(controller->store.queued(), writes);
  while (controller->executor.work()) {
  }
  EXPECT_EQ(controller->executor.find("e1"), nullptr);
}

TEST_F(ExecutorTest, HealthWorksWhileTheStoreCannotWrite) {
  registerInstance("a", 1);
  controller->store.setHealth({false, "the disk is full"});
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

TEST_F(ExecutorTest, AnswersFromElsewhereAreIgnored) {
  registerInstance("a", 2);
  registerInstance("b", 1);
  start(request(OperationKind::kClear));
  answer(0, done(1));  // not asked yet
  EXPECT_EQ(rankStatus(0), RankStatus::kPending);
  controller->commit();
  controller->executor.answered(rank("b", 0).session, event().number, done(1));
  controller->executor.answered(rank("a", 0).session, event().number + 1, done(1));
  controller->executor.answered(kNoSession, event().number, done(1));
  EXPECT_EQ(rankStatus(0), RankStatus::kRunning);
  answer(0, done(1));
  answer(0, done(2));
  EXPECT_EQ(event().ranks[0].numTokens, 1u);
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
  EXPECT_TRUE(controller->executor.work());
  while (controller->executor.work()) {
  }
  EXPECT_EQ(asked(), kMany);
}

TEST_F(ExecutorTest, ManyAnswersAreFewWrites) {
  registerInstance("a", 1'000);
  start(request(OperationKind::kClear));
  controller->commit();
  while (controller->executor.work()) {
  }
  for (uint32_t i = 0; i < 999; ++i) answer(i, done(1));
  EXPECT_EQ(controller->store.queued(), 1u);
  controller->commit();
  controller->commit();
  restart();
  EXPECT_EQ(rankStatus(998), RankStatus::kDone);
  EXPECT_EQ(rankStatus(999), RankStatus::kUnknown);
}

// --- The same hash names another chunk in another model ---

TEST_F(ExecutorTest, ChunksNeverCrossModels) {
  rank("a", 0).model = rank("a", 1).model = "qwen-7b";
  rank("b", 0).model = rank("b", 1).model = "qwen-72b";
  registerInstance("a", 2);
  registerInstance("b", 2);
  OperationRequest move = request(OperationKind::kMove, "");
  move.toInstance = "b";
  move.toLocation = "gpu";
  EXPECT_THAT(errorOf(move),
              HasSubstr("instance 'b' worker 0 has model \"qwen-72b\", the chunks are "
                        "of model \"qwen-7b\": chunks never cross models"));
  OperationRequest pin = request(OperationKind::kPin);
  pin.allChunks = false;
  pin.chunks = {1};
  pin.model = "qwen-72b";
  EXPECT_THAT(errorOf(pin),
              HasSubstr("instance 'a' worker 0 has model \"qwen-7b\", the chunks are"));
  pin.model = "qwen-7b";
  start(pin);
  // The model is an argument as any other.
  pin.model = "";
  EXPECT_THAT(errorOf(pin), HasSubstr("\"e1\" names another operation"));
  pin.eventId = "e2";
  start(pin);
}

TEST_F(ExecutorTest, RanksOfDifferentModelsHoldNoChunksTogether) {
  rank("a", 1).model = "base-lora";
  registerInstance("a", 2);
  OperationRequest compress = request(OperationKind::kCompress, "");
  compress.method = "zstd";
  compress.allChunks = false;
  compress.chunks = {1};
  EXPECT_THAT(errorOf(compress), HasSubstr("instance 'a' worker 1 has model \"base-lora\""));
  // Everything is everything.
  start(request(OperationKind::kClear));
}

TEST_F(ExecutorTest, IsNotSentToARankThatHasAnotherModelByThen) {
  registerInstance("a", 3);
  registerInstance("b", 3);
  OperationRequest move = request(OperationKind::kMove);
  move.toInstance = "b";
  move.toLocation = "gpu";
  start(move);
  OperationRequest pin = request(OperationKind::kPin, "e2");
  pin.allChunks = false;
  pin.chunks = {1};
  start(pin);
  // Before the events are on the disk, the same processes register with another model.
  rank("a", 0).model = rank("b", 1).model = "another";
  registerRank("a", 0, 3);
  registerRank("b", 1, 3);
  controller->commit();
  EXPECT_EQ(rankStatus(0), RankStatus::kNeverRun);
  EXPECT_EQ(event().ranks[0].error, "not sent: it has another model now");
  EXPECT_EQ(rankStatus(1), RankStatus::kNeverRun);
  EXPECT_EQ(event().ranks[1].error,
            "not sent: the rank that was to receive it has another model now");
  EXPECT_EQ(rankStatus(2), RankStatus::kRunning);
  EXPECT_EQ(rankStatus(0, "e2"), RankStatus::kNeverRun);
  EXPECT_EQ(rankStatus(1, "e2"), RankStatus::kRunning);
  EXPECT_THAT(rank("a", 0).link.asked, IsEmpty());
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
  controller->executor.work();
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
