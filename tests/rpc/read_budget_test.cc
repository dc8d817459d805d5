// Workers take turns reading; a poll of the sockets comes between their turns.
#include "rpc/read_budget.h"

#include <gtest/gtest.h>
#include <kj/async-io.h>

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
    if (next_) kj::mv(next_)->fulfill();
  }

 private:
  kj::TimePoint time_ = kj::origin<kj::TimePoint>();
  kj::Own<kj::PromiseFulfiller<void>> next_;
};

TEST(ReadBudgetTest, WhoeverSpentItWaitsForTheNextPollAndThenOneAtATime) {
  auto io = kj::setupAsyncIo();
  TestTimer timer;
  ReadBudget budget(timer);
  std::string order;
  const auto reader = [&](char name, size_t bytes) {
    return budget.ready()
        .then([&order, &budget, name, bytes]() {
          order += name;
          budget.spent(bytes);
        })
        .eagerlyEvaluate(nullptr);
  };
  const auto run = [&]() { kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope); };
  const auto a = reader('a', 4 << 10);
  run();
  const auto b = reader('b', 64 << 10);
  run();
  EXPECT_EQ(order, "ab") << "as long as there is room nobody waits";
  const auto c = reader('c', 1);
  const auto d = reader('d', 1);
  run();
  EXPECT_EQ(order, "ab");
  timer.poll();
  run();
  EXPECT_EQ(order, "abc");
  const auto e = reader('e', 1);
  run();
  EXPECT_EQ(order, "abc") << "nobody overtakes those who wait";
  timer.poll();
  run();
  timer.poll();
  run();
  EXPECT_EQ(order, "abcde");
}

TEST(ReadBudgetTest, WhoSaysWhatItSpendsWaitsForNoTurnOfItsOwn) {
  auto io = kj::setupAsyncIo();
  TestTimer timer;
  ReadBudget budget(timer);
  std::string order;
  const auto known = [&](char name, size_t bytes) {
    return budget.ready(bytes).then([&order, name]() { order += name; }).eagerlyEvaluate(nullptr);
  };
  const auto run = [&]() { kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope); };
  const auto a = known('a', 16 << 10);
  const auto b = known('b', 16 << 10);
  const auto c = known('c', 16 << 10);
  const auto d = known('d', 64 << 10);
  const auto e = known('e', 1);
  run();
  EXPECT_EQ(order, "ab");
  timer.poll();
  run();
  EXPECT_EQ(order, "abcd");
  timer.poll();
  run();
  EXPECT_EQ(order, "abcde");
}

TEST(ReadBudgetTest, OneThatIsGoneTakesNoTurn) {
  auto io = kj::setupAsyncIo();
  TestTimer timer;
  ReadBudget budget(timer);
  budget.spent(1 << 20);
  kj::Promise<void> gone = budget.ready();
  bool mine = false;
  const auto waits = budget.ready().then([&mine]() { mine = true; }).eagerlyEvaluate(nullptr);
  gone = kj::Promise<void>(kj::READY_NOW);
  timer.poll();
  kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope);
  EXPECT_TRUE(mine);
}

}  // namespace
}  // namespace holdfast::test
