#include "gateways/lmcache/orders.h"

#include <gmock/gmock.h>
#include <kj/async-io.h>

#include <atomic>
#include <future>
#include <string>
#include <vector>

#include "gateways/lmcache/encoder.h"
#include "scripted_worker.h"

namespace holdfast::lmcache {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using End = OrderAnswer::End;

const std::string kDone = R"({"type": "ClearWorkerRetMsg", "num_tokens": 512})";

class OrdersTest : public testing::Test {
 protected:
  ~OrdersTest() noexcept override = default;
  kj::Promise<kj::Own<OrderAnswer>> send(const std::string& endpoint,
                                         kj::Duration timeout = 60 * kj::SECONDS) {
    return orders_.send(
        endpoint, []() { return health("x"); }, timeout);
  }
  kj::Own<OrderAnswer> answer(const std::string& endpoint,
                              kj::Duration timeout = 60 * kj::SECONDS) {
    return send(endpoint, timeout).wait(io_.waitScope);
  }
  // An address where nobody listens.
  static std::string deserted() {
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::rep);
    socket.bind("tcp://127.0.0.1:*");
    return socket.get(zmq::sockopt::last_endpoint);
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  gateways::SocketThread thread_;
  Orders orders_{thread_};
};

TEST_F(OrdersTest, AreAnsweredWithWhatTheWorkerSays) {
  ScriptedWorker worker([](const std::string& order) {
    return order == health("x") ? kDone : error("not what was sent");
  });
  for (int i = 0; i < 3; ++i) {
    const auto said = answer(worker.endpoint());
    EXPECT_EQ(said->end, End::kAnswered);
    EXPECT_EQ(said->type, Type::kTokensDone);
    EXPECT_EQ(said->tokens, 512u);
  }
}

TEST_F(OrdersTest, ReachWorkersOverIpv6) {
  ScriptedWorker worker([](const std::string&) { return kDone; }, "tcp://[::1]:*");
  EXPECT_EQ(answer(worker.endpoint())->end, End::kAnswered);
}

TEST_F(OrdersTest, OfAWorkersOwnWordsAsManyAreKeptAsPeopleRead) {
  ScriptedWorker worker([](const std::string&) { return error(std::string(1 << 20, 'e')); });
  const auto said = answer(worker.endpoint());
  EXPECT_EQ(said->type, Type::kError);
  EXPECT_EQ(said->text, std::string(Orders::kTextBytesMax, 'e'));
}

TEST_F(OrdersTest, AnAnswerThatIsNoneIsSaidToBeUnreadable) {
  ScriptedWorker worker([](const std::string&) { return "garbage"; });
  EXPECT_EQ(answer(worker.endpoint())->end, End::kUnreadable);
}

// A worker that is busy, or stopped: its socket takes the order, and nobody reads it.
TEST_F(OrdersTest, AWorkerThatDoesNotAnswerInTimeIsGivenUpAndTheNextOrderReachesIt) {
  std::promise<void> ready;
  std::atomic<int> asked = 0;
  ScriptedWorker worker([&](const std::string&) {
    if (asked++ == 0) ready.get_future().wait();
    return kDone;
  });
  const auto late = answer(worker.endpoint(), 200 * kj::MILLISECONDS);
  EXPECT_EQ(late->end, End::kNoAnswer);
  EXPECT_THAT(late->text, HasSubstr("no answer within"));
  ready.set_value();
  EXPECT_EQ(answer(worker.endpoint())->end, End::kAnswered);
}

TEST_F(OrdersTest, AWorkerThatDiesWithItIsNoticedAtOnce) {
  ScriptedWorker worker([](const std::string&) { return std::nullopt; });
  const auto lost = answer(worker.endpoint(), 1 * kj::HOURS);
  EXPECT_EQ(lost->end, End::kNoAnswer);
  EXPECT_THAT(lost->text, HasSubstr("ended before it answered"));
}

TEST_F(OrdersTest, WhereNobodyListensNothingIsSent) {
  const auto none = answer(deserted(), 200 * kj::MILLISECONDS);
  EXPECT_EQ(none->end, End::kNotSent);
  EXPECT_THAT(none->text, HasSubstr("nobody listened at tcp://127.0.0.1:"));
}

// A worker opens its socket when its registration has been answered.
TEST_F(OrdersTest, WaitForAWorkerThatListensALittleLater) {
  const std::string endpoint = deserted();
  auto early = send(endpoint);
  // So that it has tried in vain.
  answer(deserted(), 300 * kj::MILLISECONDS);
  ScriptedWorker worker([](const std::string&) { return kDone; }, endpoint);
  EXPECT_EQ(early.wait(io_.waitScope)->end, End::kAnswered);
}

TEST_F(OrdersTest, AWorkerIsGivenOneAtATimeWhileOthersGoOn) {
  std::promise<void> ready;
  std::promise<void> asked;
  bool first = true;
  ScriptedWorker slow([&](const std::string&) {
    if (std::exchange(first, false)) {
      asked.set_value();
      ready.get_future().wait();
    }
    return kDone;
  });
  ScriptedWorker other([](const std::string&) { return kDone; });
  auto one = send(slow.endpoint());
  auto two = send(slow.endpoint(), 300 * kj::MILLISECONDS);
  asked.get_future().wait();
  EXPECT_EQ(answer(other.endpoint())->end, End::kAnswered);
  const auto waited = two.wait(io_.waitScope);
  EXPECT_EQ(waited->end, End::kNotSent) << "an order whose time is over before its turn";
  EXPECT_THAT(waited->text, HasSubstr("its turn did not come"));
  ready.set_value();
  EXPECT_EQ(one.wait(io_.waitScope)->end, End::kAnswered);
  EXPECT_EQ(slow.orders().size(), 1u);
}

TEST_F(OrdersTest, TooManyForAWorkerAreRefused) {
  std::promise<void> ready;
  bool first = true;
  ScriptedWorker slow([&](const std::string&) {
    if (std::exchange(first, false)) ready.get_future().wait();
    return kDone;
  });
  std::vector<kj::Promise<kj::Own<OrderAnswer>>> waiting;
  for (size_t i = 0; i < Orders::kPerWorkerMax; ++i) waiting.push_back(send(slow.endpoint()));
  const auto refused = answer(slow.endpoint());
  EXPECT_EQ(refused->end, End::kNotSent);
  EXPECT_THAT(refused->text, HasSubstr("64 orders"));
  ready.set_value();
  for (auto& one : waiting) EXPECT_EQ(one.wait(io_.waitScope)->end, End::kAnswered);
}

TEST_F(OrdersTest, OneThatNobodyWaitsForIsNotSent) {
  std::promise<void> ready;
  bool first = true;
  ScriptedWorker worker([&](const std::string&) {
    if (std::exchange(first, false)) ready.get_future().wait();
    return kDone;
  });
  auto one = send(worker.endpoint());
  {
    auto dropped = orders_.send(
        worker.endpoint(), []() { return health("dropped"); }, kj::HOURS);
  }
  auto three = send(worker.endpoint());
  ready.set_value();
  one.wait(io_.waitScope);
  three.wait(io_.waitScope);
  EXPECT_THAT(worker.orders(), ElementsAre(health("x"), health("x")));
}

TEST(EndpointOf, AreAddressesOnly) {
  const auto endpoint = [](std::string_view ip, uint32_t port) {
    const auto found = endpointOf(ip, port);
    return found.ok() ? found.value() : found.error().message;
  };
  EXPECT_EQ(endpoint("10.0.0.7", 8001), "tcp://10.0.0.7:8001");
  EXPECT_EQ(endpoint("fd00::7", 8001), "tcp://[fd00::7]:8001");
  EXPECT_EQ(endpoint("fe80::1%eth0", 8001), "tcp://[fe80::1%eth0]:8001");
  for (const char* none : {"", "worker.example", "*", "10.0.0.7;10.0.0.8", "[fd00::7]", "10.0.0",
                           "fe80::1%a/b", "eth0", "10.0.0.7:1"}) {
    EXPECT_THAT(endpoint(none, 8001), HasSubstr("is no IP address")) << none;
  }
  EXPECT_THAT(endpoint("10.0.0.7", 0), HasSubstr("port 0"));
  EXPECT_THAT(endpoint("10.0.0.7", 65'536), HasSubstr("port 65536"));
}

}  // namespace
}  // namespace holdfast::lmcache
