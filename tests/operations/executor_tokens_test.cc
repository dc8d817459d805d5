// Workers that are told tokens: those behind gateways of other wires.
#include <memory>

#include "core/limits.h"
#include "executor_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ExecutorTokens : public ExecutorTest {
 protected:
  void registerTakers(uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) rank("a", i).takesTokens = true;
    registerInstance("a", n);
  }
  static PromptTokens prompt(size_t tokens) {
    return std::make_shared<const std::vector<uint32_t>>(tokens, 5);
  }
  static OperationRequest compressOf(PromptTokens tokens, std::string id = "e1") {
    OperationRequest one = request(OperationKind::kCompress, std::move(id));
    one.allChunks = false;
    one.chunks = {1, 2};
    one.method = "zstd";
    one.tokens = std::move(tokens);
    return one;
  }
  std::vector<Asked>& asked(uint32_t id) { return rank("a", id).link.asked; }
};

TEST_F(ExecutorTokens, AreSentToEachRankAndThenForgotten) {
  registerTakers(2);
  PromptTokens tokens = prompt(512);
  const std::weak_ptr<const std::vector<uint32_t>> kept = tokens;
  start(compressOf(std::move(tokens)));
  ASSERT_FALSE(kept.expired());
  controller->commit();
  for (uint32_t i = 0; i < 2; ++i) {
    ASSERT_EQ(asked(i).size(), 1u);
    EXPECT_THAT(*asked(i)[0].tokens, testing::SizeIs(512));
    EXPECT_THAT(asked(i)[0].chunks, ElementsAre(1, 2));
    asked(i).clear();
  }
  controller->work();
  EXPECT_TRUE(kept.expired()) << "though the operation is under way";
}

TEST_F(ExecutorTokens, OfAPinAreForgottenThoughItsChunksAreNot) {
  registerTakers(1);
  PromptTokens tokens = prompt(512);
  const std::weak_ptr<const std::vector<uint32_t>> kept = tokens;
  OperationRequest pin = compressOf(std::move(tokens));
  pin.kind = OperationKind::kPin;
  pin.method.clear();
  start(std::move(pin));
  controller->commit();
  asked(0).clear();
  controller->work();
  EXPECT_TRUE(kept.expired());
  EXPECT_THAT(event().toPin, ElementsAre(1, 2));
}

TEST_F(ExecutorTokens, AreNotKeptForWorkersThatAreToldHashes) {
  registerInstance("a", 1);
  EXPECT_FALSE(controller->executor.takesTokens("a"));
  EXPECT_FALSE(controller->executor.takesTokens("nobody"));
  PromptTokens tokens = prompt(512);
  const std::weak_ptr<const std::vector<uint32_t>> kept = tokens;
  start(compressOf(std::move(tokens)));
  EXPECT_TRUE(kept.expired());
  controller->commit();
  EXPECT_EQ(asked(0).at(0).tokens, nullptr);
}

TEST_F(ExecutorTokens, HashesAloneAreRefusedWhereSomeRankNeedsTokens) {
  rank("a", 1).takesTokens = true;
  registerInstance("a", 2);
  EXPECT_TRUE(controller->executor.takesTokens("a"));
  EXPECT_THAT(errorOf(compressOf(nullptr)), HasSubstr("are told tokens, not hashes"));
  EXPECT_EQ(controller->executor.find("e1"), nullptr);
  // All chunks of a location are named by no hash either.
  OperationRequest all = compressOf(nullptr);
  all.allChunks = true;
  all.chunks.clear();
  start(std::move(all));
  start(request(OperationKind::kClear, "e2"));
}

TEST_F(ExecutorTokens, AreBoundedInAll) {
  registerTakers(1);
  const PromptTokens tokens = prompt(kTokensPerLookupMax);
  constexpr size_t kFit = kOperationTokensWaitingMax / kTokensPerLookupMax;
  for (size_t i = 0; i < kFit; ++i) start(compressOf(tokens, "e" + std::to_string(i)));
  EXPECT_THAT(errorOf(compressOf(tokens, "one more")), HasSubstr("at most 67108864 may"));
  controller->commit();
  controller->work();
  start(compressOf(tokens, "one more"));
}

TEST_F(ExecutorTokens, ARestartForgetsThemAndAWorkerThatForgotSaysSo) {
  registerTakers(1);
  start(compressOf(prompt(512)));
  controller->commit();
  restart();
  rank("a", 0).link.asked.clear();
  registerRank("a", 0);
  controller->commit();
  ASSERT_EQ(asked(0).size(), 1u);
  EXPECT_EQ(asked(0)[0].ask, WorkerOperation::Ask::kCheck);
  EXPECT_EQ(asked(0)[0].tokens, nullptr);
  answer(0, {OperationOutcome::Status::kForgotten, 0, 0, "no idea"});
  EXPECT_EQ(rankStatus(0), RankStatus::kLost);
  EXPECT_THAT(summarise(event()).error, HasSubstr("lost (no idea)"));
}

TEST_F(ExecutorTokens, PinsCountForAsLongAsTheWorkerKeepsThem) {
  rank("a", 0).pinSecondsMax = 300;
  registerTakers(1);
  const Location& gpu = *controller->registry.tree().findWorker("a", 0)->find("gpu");
  const std::vector<ChunkHash> keys = {1, 2};
  (void)controller->take(input::Report{rank("a", 0).session, Report{"gpu", 7, 1, {keys, {}}}});
  const auto endOf = [&](uint64_t ttlSeconds, const std::string& id) {
    OperationRequest pin = compressOf(prompt(512), id);
    pin.kind = OperationKind::kPin;
    pin.method.clear();
    pin.ttlSeconds = ttlSeconds;
    start(std::move(pin));
    controller->commit();
    answer(0, done(512), id);
    return (gpu.pins->find(1)->endMs() - clock.storeMs()) / 1000;
  };
  EXPECT_EQ(endOf(0, "for ever"), 300u);
  EXPECT_EQ(endOf(3600, "longer"), 300u);
  EXPECT_EQ(endOf(60, "shorter"), 60u);
}

}  // namespace
}  // namespace holdfast::test
