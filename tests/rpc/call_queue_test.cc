#include "serving/call_queue.h"

#include <gtest/gtest.h>

#include <list>
#include <string>

#include "core/limits.h"

namespace holdfast::test {
namespace {

class CallQueueTest : public testing::Test {
 protected:
  ~CallQueueTest() noexcept override = default;
  void run() { kj::Promise<void>(kj::NEVER_DONE).poll(wait); }
  // Keeps its turn until end().
  kj::Promise<void> call(char name, size_t size = 1) {
    return queue.enter(size)
        .then(
            [this, name](kj::Own<CallQueue::Turn>&& turn) {
              begun += name;
              turns.push_back(kj::mv(turn));
            },
            [this](kj::Exception&& e) { error = e.getDescription().cStr(); })
        .eagerlyEvaluate(nullptr);
  }
  void end() {
    turns.pop_front();
    run();
  }

  kj::EventLoop loop;
  kj::WaitScope wait{loop};
  size_t bytes = 0;
  CallQueue queue{bytes};
  std::list<kj::Own<CallQueue::Turn>> turns;
  std::string begun;
  std::string error;
};

TEST_F(CallQueueTest, OneAtATimeInTheOrderTheyCame) {
  auto a = call('a', 10);
  auto b = call('b', 20);
  auto c = call('c', 30);
  run();
  EXPECT_EQ(begun, "a");
  EXPECT_EQ(bytes, 60u);
  end();
  EXPECT_EQ(begun, "ab");
  end();
  end();
  EXPECT_EQ(begun, "abc");
  EXPECT_EQ(bytes, 0u);
  auto d = call('d');
  run();
  EXPECT_EQ(begun, "abcd") << "at once where nobody else is";
}

TEST_F(CallQueueTest, OneThatWasCancelledTakesNoTurn) {
  auto a = call('a');
  auto b = call('b', 100);
  auto c = call('c');
  run();
  b = nullptr;
  EXPECT_EQ(bytes, 2u);
  end();
  EXPECT_EQ(begun, "ac");
  auto d = call('d');
  // Cancelled between the end of the turn before it and its own.
  turns.pop_front();
  d = nullptr;
  auto e = call('e');
  run();
  EXPECT_EQ(begun, "ace");
}

TEST_F(CallQueueTest, RefusesWhereTooMuchIsKept) {
  auto a = call('a', kLongCallBytesMax - 5);
  auto b = call('b', 6);
  run();
  EXPECT_EQ(begun, "a");
  EXPECT_TRUE(error.starts_with("unavailable: ")) << error;
  auto c = call('c', 5);
  end();
  EXPECT_EQ(begun, "ac");
}

}  // namespace
}  // namespace holdfast::test
