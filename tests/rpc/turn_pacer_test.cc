#include "net/turn_pacer.h"

#include <gtest/gtest.h>
#include <kj/timer.h>

#include <vector>

namespace holdfast {
namespace {

// A timer that a test moves.
class TurnPacerTest : public testing::Test {
 protected:
  TurnPacerTest()
      : timer(kj::origin<kj::TimePoint>()), wait(loop), pacer(timer, 1 * kj::MILLISECONDS) {
    advance(10);
  }
  ~TurnPacerTest() noexcept override = default;
  void advance(int64_t ms) {
    timer.advanceTo(timer.now() + ms * kj::MILLISECONDS);
    kj::Promise<void>(kj::NEVER_DONE).poll(wait);
  }
  void ask(int number) {
    tasks.push_back(pacer.myTurn()
                        .then([this, number]() { served.push_back(number); })
                        .eagerlyEvaluate(nullptr));
    kj::Promise<void>(kj::NEVER_DONE).poll(wait);
  }

  kj::EventLoop loop;
  kj::TimerImpl timer;
  kj::WaitScope wait;
  std::vector<int> served;
  TurnPacer pacer;
  std::vector<kj::Promise<void>> tasks;
};

TEST_F(TurnPacerTest, ServesTheFirstAtOnceAndTheOthersOneAnInterval) {
  for (int i = 0; i < 3; ++i) ask(i);
  EXPECT_EQ(served, (std::vector<int>{0}));
  advance(1);
  EXPECT_EQ(served, (std::vector<int>{0, 1}));
  advance(1);
  EXPECT_EQ(served, (std::vector<int>{0, 1, 2}));
  advance(1);
  ask(3);
  EXPECT_EQ(served.size(), 4u);
}

TEST_F(TurnPacerTest, CatchesUpAfterALongTurn) {
  for (int i = 0; i < 40; ++i) ask(i);
  advance(5);
  EXPECT_EQ(served.size(), 6u);
  advance(1'000);
  EXPECT_EQ(served.size(), 22u);
}

TEST_F(TurnPacerTest, SkipsThoseWhoWentAway) {
  for (int i = 0; i < 4; ++i) ask(i);
  tasks[1] = nullptr;
  tasks[2] = nullptr;
  advance(1);
  EXPECT_EQ(served, (std::vector<int>{0, 3}));
}

}  // namespace
}  // namespace holdfast
