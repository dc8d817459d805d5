// What is refused before anything is sent, and what an event id stands for. The same hash names
// another chunk in another model.
#include "executor_fixture.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

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
  controller->setHealth({false, "the disk is full"});
  EXPECT_THAT(errorOf(request(OperationKind::kClear)), HasSubstr("the disk is full"));
  EXPECT_TRUE(controller->executor.log().bySerial().empty());
  controller->setHealth({});
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

}  // namespace
}  // namespace holdfast::test
