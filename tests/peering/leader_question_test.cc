// The question whether the leader is well.
#include "peering/leader_question.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "fake_controller.h"
#include "tests/support/scratch.h"

namespace holdfast::peering {
namespace {

using testing::HasSubstr;

class LeaderQuestionTest : public testing::Test {
 protected:
  ~LeaderQuestionTest() noexcept override = default;

  // What it comes to.
  Result<ReplicaStatus> ask(const std::string& address, uint64_t timeMs = 60'000) {
    std::optional<Result<ReplicaStatus>> answered;
    LeaderQuestion question(io_.provider->getNetwork(), io_.lowLevelProvider->getTimer(),
                            {.token = "mine"}, timeMs,
                            [&](const Result<ReplicaStatus>& answer) { answered = answer; });
    question.ask(address);
    EXPECT_FALSE(answered) << "who asks is not called back at once";
    while (!answered)
      io_.lowLevelProvider->getTimer().afterDelay(1 * kj::MILLISECONDS).wait(io_.waitScope);
    return *answered;
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  test::Scratch scratch_;
  test::FakeController leader_{io_, (scratch_.path() / "leader").string()};
};

TEST_F(LeaderQuestionTest, IsAnsweredByWhatTheOtherOneSaysOfItself) {
  leader_.state.role = schema::ReplicaRole::LEADER;
  leader_.state.epoch = 7;
  leader_.state.ageMs = 250;
  const auto answer = ask(leader_.address());
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer.value().role, "leader");
  EXPECT_EQ(answer.value().epoch, 7u);
  EXPECT_EQ(answer.value().ageMs, 250u);
  EXPECT_EQ(leader_.state.token, "mine");
}

TEST_F(LeaderQuestionTest, WhoSaysNothingInTimeHasNotAnswered) {
  leader_.state.silent = true;
  const auto answer = ask(leader_.address(), 20);
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("does not answer"));
}

TEST_F(LeaderQuestionTest, WhoIsGoneIsKnownAtOnce) {
  const auto answer = ask("unix:" + (scratch_.path() / "nobody").string());
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("cannot reach the controller"));
}

// It stands in the log, where anything may be.
TEST_F(LeaderQuestionTest, AnAddressThatIsNoneIsNotAsked) {
  for (const std::string address : {"", "nowhere", "http://x:1/", "a b:1"}) {
    EXPECT_FALSE(ask(address).ok()) << address;
  }
}

}  // namespace
}  // namespace holdfast::peering
