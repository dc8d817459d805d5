#include "gateways/lmcache/order_turns.h"

#include <gtest/gtest.h>
#include <kj/async.h>

#include <memory>
#include <string>
#include <vector>

namespace holdfast::lmcache {
namespace {

class OrderTurnsTest : public testing::Test {
 protected:
  ~OrderTurnsTest() noexcept override = default;
  struct Order {
    Order(OrderTurns& turns, const std::string& worker) : place(turns, worker) {}
    OrderTurns::Place place;
    kj::Promise<void> turn = nullptr;
    bool begun = false;
  };
  // Waits for its turn, and weighs nothing.
  std::unique_ptr<Order> order(const std::string& worker, size_t bytes = 0) {
    auto one = std::make_unique<Order>(turns_, worker);
    one->turn = one->place.turn()
                    .then([it = one.get(), bytes]() {
                      it->begun = true;
                      it->place.weighs(bytes);
                    })
                    .eagerlyEvaluate(nullptr);
    return one;
  }
  // Whether it has begun when nothing is left to do.
  bool begins(const std::unique_ptr<Order>& one) {
    kj::evalLast([]() {}).wait(scope_);
    return one->begun;
  }

  kj::EventLoop loop_;
  kj::WaitScope scope_{loop_};
  OrderTurns turns_{{.perWorker = 3, .underWay = 2, .bytesUnderWay = 100}};
};

TEST_F(OrderTurnsTest, AWorkerHasOneAtATimeInTheOrderTheyCame) {
  auto first = order("a");
  auto second = order("a");
  auto third = order("a");
  EXPECT_TRUE(begins(first));
  EXPECT_FALSE(begins(second));
  EXPECT_TRUE(turns_.isFull("a"));
  EXPECT_FALSE(turns_.isFull("b"));
  first.reset();
  EXPECT_TRUE(begins(second));
  EXPECT_FALSE(begins(third));
  second.reset();
  EXPECT_TRUE(begins(third));
}

TEST_F(OrderTurnsTest, OneThatGivesUpLetsTheNextOnePass) {
  auto first = order("a");
  auto second = order("a");
  auto third = order("a");
  second.reset();
  first.reset();
  EXPECT_TRUE(begins(third));
}

TEST_F(OrderTurnsTest, SoManyAreUnderWayOfAll) {
  auto a = order("a");
  auto b = order("b");
  auto c = order("c");
  auto d = order("d");
  EXPECT_TRUE(begins(a) && begins(b));
  EXPECT_FALSE(begins(c) || begins(d));
  c.reset();
  b.reset();
  EXPECT_TRUE(begins(d));
}

TEST_F(OrderTurnsTest, SoManyBytesAreUnderWay) {
  auto large = order("a", 100);
  auto next = order("b", 1);
  EXPECT_TRUE(begins(large));
  EXPECT_FALSE(begins(next));
  large.reset();
  EXPECT_TRUE(begins(next));
}

TEST_F(OrderTurnsTest, OneThatEndsBeforeItSaidWhatItWeighsHoldsNobodyUp) {
  auto silent = std::make_unique<OrderTurns::Place>(turns_, "a");
  auto next = order("b");
  EXPECT_FALSE(begins(next));
  silent.reset();
  EXPECT_TRUE(begins(next));
}

}  // namespace
}  // namespace holdfast::lmcache
