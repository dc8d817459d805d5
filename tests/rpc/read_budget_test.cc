// Workers take turns reading; a poll of the sockets comes between their turns.
#include "net/read_budget.h"

#include <gtest/gtest.h>
#include <kj/async-io.h>

#include <list>
#include <string>

namespace holdfast::test {
namespace {

class TestTimer final : public kj::Timer {
 public:
  kj::TimePoint now() const override { return time_; }
  kj::Promise<void> atTime(kj::TimePoint) override { return kj::NEVER_DONE; }
  kj::Promise<void> afterDelay(kj::Duration) override {
    auto paf = kj::newPromiseAndFulfiller<void>();
    next_ = kj::mv(paf.fulfiller);
    return kj::mv(paf.promise);
  }
  // The loop polls its sockets.
  void poll() {
    time_ += 1 * kj::MILLISECONDS;
    kj::Own<kj::PromiseFulfiller<void>> next = kj::mv(next_);
    if (next.get() != nullptr) next->fulfill();
  }
  // Somebody wants the loop to poll at once rather than when something happens.
  bool asked() const { return next_.get() != nullptr; }

 private:
  kj::TimePoint time_ = kj::origin<kj::TimePoint>();
  kj::Own<kj::PromiseFulfiller<void>> next_;
};

class ReadBudgetTest : public testing::Test {
 protected:
  ~ReadBudgetTest() noexcept override = default;
  void run() { kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope); }
  void poll() {
    timer.poll();
    run();
  }
  // Reads so much when its turn comes, again and again.
  void reader(char name, size_t bytes, int times = 1) {
    if (times == 0) return;
    tasks.push_back(budget.ready()
                        .then([this, name, bytes, times]() {
                          order += name;
                          budget.spent(bytes);
                          reader(name, bytes, times - 1);
                        })
                        .eagerlyEvaluate(nullptr));
  }
  void known(char name, size_t bytes) {
    tasks.push_back(
        budget.ready(bytes).then([this, name]() { order += name; }).eagerlyEvaluate(nullptr));
  }
  void work(int times) {
    if (times == 0) return;
    tasks.push_back(budget.readyToWork()
                        .then([this, times]() {
                          order += 'W';
                          work(times - 1);
                        })
                        .eagerlyEvaluate(nullptr));
  }

  kj::AsyncIoContext io = kj::setupAsyncIo();
  TestTimer timer;
  LoopTurns turns{timer};
  ReadBudget budget{timer, turns};
  std::string order;
  std::list<kj::Promise<void>> tasks;
};

TEST_F(ReadBudgetTest, WhoeverComesAfterItWasSpentWaitsForTheNextPoll) {
  reader('a', 1 << 10);
  reader('b', 64 << 10);
  reader('c', 1);
  reader('d', 1);
  run();
  EXPECT_EQ(order, "ab") << "as long as there is room nobody waits";
  poll();
  EXPECT_EQ(order, "abcd");
}

TEST_F(ReadBudgetTest, NobodyOvertakesThoseWhoWait) {
  reader('a', 64 << 10, 3);
  run();
  reader('b', 64 << 10);
  for (int i = 0; i < 3; ++i) poll();
  EXPECT_EQ(order, "aaba");
}

TEST_F(ReadBudgetTest, WhoSaysWhatItSpendsHasSpentItAtOnce) {
  known('a', 4 << 10);
  known('b', 4 << 10);
  known('c', 4 << 10);
  known('d', 64 << 10);
  known('e', 1);
  run();
  EXPECT_EQ(order, "ab");
  poll();
  EXPECT_EQ(order, "abcd");
  poll();
  EXPECT_EQ(order, "abcde");
}

TEST_F(ReadBudgetTest, WorkHasATurnOfItsOwnBetweenThoseOfReaders) {
  reader('r', 64 << 10, 3);
  work(3);
  run();
  for (int i = 0; i < 5; ++i) poll();
  EXPECT_EQ(order, "WrWrWr");
}

TEST_F(ReadBudgetTest, WorkGoesOnWhereNobodyReads) {
  work(3);
  run();
  poll();
  EXPECT_EQ(order, "WW") << "a piece in each turn";
  poll();
  EXPECT_EQ(order, "WWW");
}

// One poll reports 16 sockets: who asks may be among those it had no room for.
TEST_F(ReadBudgetTest, NobodyReadsWhileThereMayBeMoreToReport) {
  const auto full = [this]() {
    timer.poll();
    for (int i = 0; i < 16; ++i) turns.observeReport();
    run();
  };
  timer.poll();
  for (int i = 0; i < 16; ++i) turns.observeReport();
  reader('a', 1);
  run();
  full();
  full();
  EXPECT_EQ(order, "");
  poll();
  EXPECT_EQ(order, "a");
  reader('b', 1);
  for (int i = 0; i < 100 && order.size() < 2; ++i) full();
  EXPECT_EQ(order, "ab") << "but not for ever";
}

// 4,096 workers send their heartbeats when it is asked for.
TEST_F(ReadBudgetTest, WhoAsksIsAnsweredEvenWhileThereMayBeMoreToReport) {
  timer.poll();
  for (int i = 0; i < 16; ++i) turns.observeReport();
  reader('r', 1);
  work(1);
  for (const char name : {'A', 'B'}) {
    tasks.push_back(
        budget.readyToAnswer().then([this, name]() { order += name; }).eagerlyEvaluate(nullptr));
  }
  run();
  EXPECT_EQ(order, "A") << "one of them a turn, and nobody else";
}

// A loop that nobody waits for sleeps until something happens.
TEST_F(ReadBudgetTest, AsksForNoFurtherTurnWhenNobodyWaits) {
  work(2);
  reader('r', 64 << 10, 2);
  run();
  EXPECT_TRUE(timer.asked());
  for (int i = 0; i < 5; ++i) poll();
  EXPECT_EQ(order, "WrWr");
  EXPECT_FALSE(timer.asked());
}

// A status beside 4,096 workers that report; nor do reports wait for everybody who asks.
TEST_F(ReadBudgetTest, WhoAsksAndWhoReportsHaveTheirTurnsAlternately) {
  constexpr size_t kTurn = ReadBudget::kBytesPerTurn;
  for (const char name : {'a', 'b', 'c', 'd'}) known(name, kTurn);
  for (const char name : {'A', 'B'}) {
    tasks.push_back(
        budget.readyToAnswer().then([this, name]() { order += name; }).eagerlyEvaluate(nullptr));
  }
  run();
  EXPECT_EQ(order, "A") << "one of them a turn";
  for (int i = 0; i < 5; ++i) poll();
  EXPECT_EQ(order, "AaBbcd");
}

TEST_F(ReadBudgetTest, OneThatIsGoneTakesNoTurn) {
  budget.spent(1 << 20);
  kj::Promise<void> gone = budget.ready();
  reader('a', 1);
  gone = kj::Promise<void>(kj::READY_NOW);
  poll();
  EXPECT_EQ(order, "a");
}

}  // namespace
}  // namespace holdfast::test
