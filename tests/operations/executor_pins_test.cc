// Pins: what is remembered when a rank has done one.
#include "executor_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ExecutorPins : public ExecutorTest {
 protected:
  void SetUp() override {
    registerInstance("a", 2);
    for (uint32_t i = 0; i < 2; ++i) admit(i, {1, 2, 3});
  }
  void admit(uint32_t id, const std::vector<ChunkHash>& keys) {
    Location& gpu = location(id);
    const Report report{"gpu", 7, gpu.lastSeq + 1, {keys, {}}};
    const auto outcome = controller->take(input::Report{rank("a", id).session, report});
    ASSERT_TRUE(outcome.ok() && outcome.value() == ReportOutcome::kApplied);
  }
  Location& location(uint32_t id) {
    return *controller->registry.tree().findWorker("a", id)->find("gpu");
  }
  static OperationRequest pinOf(std::vector<ChunkHash> chunks, uint64_t ttlSeconds = 0,
                                std::string id = "e1") {
    OperationRequest one = request(OperationKind::kPin, std::move(id));
    one.allChunks = false;
    one.chunks = std::move(chunks);
    one.ttlSeconds = ttlSeconds;
    return one;
  }
  size_t pinsOf(uint32_t id) { return location(id).pins ? location(id).pins->size() : 0; }
  void work() { controller->work(); }
};

TEST_F(ExecutorPins, AreRecordedWhenTheRankHasDoneIt) {
  start(pinOf({1, 2, 9}, 60));
  const uint64_t asked = clock.wallMs();
  controller->commit();
  ASSERT_EQ(rank("a", 0).link.asked.size(), 1u);
  EXPECT_EQ(rank("a", 0).link.asked[0].ttlSeconds, 60u);
  EXPECT_THAT(rank("a", 1).link.asked[0].chunks, ElementsAre(1, 2, 9));
  EXPECT_EQ(pinsOf(0), 0u);
  clock.nowMs += 500;
  answer(0, done(512));
  EXPECT_EQ(rankStatus(0), RankStatus::kDone);
  EXPECT_EQ(pinsOf(0), 2u) << "9 is not held";
  EXPECT_EQ(pinsOf(1), 0u);
  // Counted from the request, so that all ranks' pins end together.
  ASSERT_NE(location(0).pins->find(1), nullptr);
  EXPECT_EQ(*location(0).pins->find(1), (PinRecord{"e1", asked, asked + 60'000, asked + 60'000}));
  answer(1, failed("no room"));
  EXPECT_EQ(pinsOf(1), 0u);
  EXPECT_EQ(pinsOf(0), 2u) << "what one rank has pinned stays so";
  EXPECT_THAT(event().toPin, IsEmpty()) << "not wanted any more";
}

TEST_F(ExecutorPins, ARankThatPinnedNothingLeavesNoPin) {
  start(pinOf({1, 2}));
  controller->commit();
  answer(0, done(0));
  EXPECT_EQ(rankStatus(0), RankStatus::kDone);
  EXPECT_EQ(pinsOf(0), 0u);
}

TEST_F(ExecutorPins, ManyAreRecordedInPiecesBeforeTheRankCountsAsDone) {
  std::vector<ChunkHash> keys(5 * Pins::kChunksPerTurn / 2);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = 100 + i;
  for (uint32_t i = 0; i < 2; ++i) admit(i, keys);
  start(pinOf(keys));
  controller->commit();
  answer(0, done(1));
  answer(1, done(1));
  EXPECT_EQ(pinsOf(0), Pins::kChunksPerTurn);
  EXPECT_EQ(rankStatus(0), RankStatus::kRunning);
  work();
  EXPECT_EQ(rankStatus(0), RankStatus::kDone);
  EXPECT_EQ(status(), EventStatus::kDone);
  EXPECT_EQ(pinsOf(0), keys.size());
  EXPECT_EQ(pinsOf(1), keys.size());
}

TEST_F(ExecutorPins, AProcessThatIsReplacedMeanwhileHasPinnedNothing) {
  std::vector<ChunkHash> keys(2 * Pins::kChunksPerTurn);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = 100 + i;
  admit(0, keys);
  start(pinOf(keys));
  controller->commit();
  answer(0, done(1));
  rank("a", 0).run = 2;
  rank("a", 0).attempt = 0;
  registerRank("a", 0);
  EXPECT_EQ(rankStatus(0), RankStatus::kLost);
  work();
  EXPECT_EQ(pinsOf(0), 0u);
}

TEST_F(ExecutorPins, AreRecordedAlsoWhereTheAnswerComesAfterARestart) {
  start(pinOf({1, 3}, 60));
  const uint64_t asked = clock.wallMs();
  controller->commit();
  answer(0, done(512));
  controller->commit();
  restart();
  EXPECT_EQ(pinsOf(0), 2u);
  EXPECT_EQ(rankStatus(1), RankStatus::kUnknown);
  // The same process comes back with what it holds, and is asked.
  for (uint32_t i = 0; i < 2; ++i) {
    Rank& one = rank("a", i);
    Registration registration;
    registration.instance = "a";
    registration.worker = i;
    registration.run = one.run;
    registration.attempt = ++one.attempt;
    registration.locations = {{"gpu", 7, true, 3, 3, {}, 1}, {"cpu", 7, true, 0, 0, {}, 1}};
    for (const ChunkHash key : {1, 2, 3}) registration.locations[0].digest.add(key);
    one.session = controller->take(input::Register{registration, one.link}).value().session;
  }
  work();
  ASSERT_EQ(rank("a", 1).link.asked.back().ask, WorkerOperation::Ask::kCheck);
  answer(1, done(512));
  EXPECT_EQ(status(), EventStatus::kDone);
  EXPECT_EQ(pinsOf(0), 2u);
  ASSERT_EQ(pinsOf(1), 2u);
  EXPECT_EQ(*location(1).pins->find(3), (PinRecord{"e1", asked, asked + 60'000, asked + 60'000}));
}

TEST_F(ExecutorPins, LiveAsLongAsTheyWereAskedForWhateverTheWallClockSays) {
  start(pinOf({1}, 60));
  controller->commit();
  clock.wallJumpMs = 3'600'000;
  answer(0, done(256));
  EXPECT_EQ(pinsOf(0), 1u) << "the wall clock went ahead by an hour";
  clock.wallJumpMs = -3'600'000;
  clock.nowMs += 60'000;
  controller->take(input::Tick{});
  controller->work();
  EXPECT_EQ(pinsOf(0), 0u) << "it went back by two";
}

TEST_F(ExecutorPins, OneThatIsOverBeforeTheAnswerIsNotRecorded) {
  start(pinOf({1}, 1));
  controller->commit();
  clock.nowMs += 1'000;
  answer(0, done(256));
  EXPECT_EQ(rankStatus(0), RankStatus::kDone);
  EXPECT_EQ(pinsOf(0), 0u);
}

TEST_F(ExecutorPins, TheTimeToLiveIsAnArgumentLikeTheOthers) {
  start(pinOf({1}, 60));
  EXPECT_EQ(start(pinOf({1}, 60)), "e1");
  EXPECT_THAT(errorOf(pinOf({1}, 61)), HasSubstr("names another operation"));
  EXPECT_THAT(errorOf(pinOf({1})), HasSubstr("names another operation"));
  EXPECT_THAT(errorOf(pinOf({1}, kPinTtlSecondsMax + 1, "e2")),
              HasSubstr("315360001 seconds, at most 315360000"));
}

TEST_F(ExecutorPins, MoreThanTheLimitIsRefusedBeforeAnythingIsSent) {
  // What is under way counts as if it were pinned.
  std::vector<ChunkHash> keys(kHashesPerLookupMax);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = i;
  const size_t fit = kPinsMax / (2 * keys.size());
  for (size_t i = 0; i < fit; ++i) start(pinOf(keys, 0, "e" + std::to_string(i)));
  EXPECT_THAT(errorOf(pinOf({1}, 0, "more")),
              HasSubstr("1 chunks on 2 ranks, where 1048576 are pinned or being pinned: at most "
                        "1048576 may be"));
  EXPECT_EQ(controller->executor.find("more"), nullptr);
  controller->commit();
  work();
  for (uint32_t i = 0; i < 2; ++i) answer(i, done(0), "e0");
  EXPECT_EQ(start(pinOf({1}, 0, "more")), "more") << "one of them has ended";
}

TEST_F(ExecutorPins, AreNotOfChunksOfAnotherModel) {
  start(pinOf({1}));
  controller->commit();
  ASSERT_EQ(rank("a", 0).link.asked.size(), 1u);
  // The process changes its model, and then says that it has done what it was asked before.
  rank("a", 0).model = "another";
  registerRank("a", 0);
  admit(0, {1});
  answer(0, done(256));
  answer(1, done(256));
  EXPECT_EQ(pinsOf(0), 0u);
  EXPECT_EQ(pinsOf(1), 1u);
}

}  // namespace
}  // namespace holdfast::test
