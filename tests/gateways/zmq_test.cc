#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "gateways/zmq/socket.h"

namespace holdfast::gateways {
namespace {

// Counts what comes, on the thread.
class Counter {
 public:
  explicit Counter(SocketLoop& loop) : socket_(loop, zmq::socket_type::pull, 1 << 20) {
    EXPECT_FALSE(socket_.bind("tcp://127.0.0.1:*"));
    reading_ = read().eagerlyEvaluate(nullptr);
  }
  std::string endpoint() const { return socket_.boundTo(); }
  kj::Promise<void> sawAll(size_t wanted) {
    if (seen_ >= wanted) return kj::READY_NOW;
    auto paf = kj::newPromiseAndFulfiller<void>();
    wanted_ = wanted;
    all_ = kj::mv(paf.fulfiller);
    return kj::mv(paf.promise);
  }

 private:
  kj::Promise<void> read() {
    return socket_.readable().then([this]() {
      std::vector<zmq::message_t> parts;
      if (socket_.receive(parts)) ++seen_;  // one a turn: the descriptor does not say it again
      if (wanted_ != 0 && seen_ == wanted_) all_->fulfill();
      return read();
    });
  }

  Socket socket_;
  size_t seen_ = 0;
  size_t wanted_ = 0;
  kj::Own<kj::PromiseFulfiller<void>> all_;
  kj::Promise<void> reading_ = nullptr;
};

TEST(SocketThread, NothingThatArrivesIsMissedThoughOneMessageATurnIsRead) {
  SocketThread thread;
  auto counter = thread.make<Counter>();
  zmq::context_t context;
  zmq::socket_t push(context, zmq::socket_type::push);
  push.connect(thread.executor().executeSync([&]() { return counter->endpoint(); }));
  for (int i = 0; i < 10'000; ++i) push.send(zmq::str_buffer("x"));
  thread.executor().executeSync([&]() { return counter->sawAll(10'000); });
  thread.destroy(counter);
}

// Sends a request and waits for its answer, on the thread.
class Asker {
 public:
  explicit Asker(SocketLoop& loop, const std::string& endpoint)
      : socket_(loop, zmq::socket_type::dealer, 1 << 20) {
    EXPECT_FALSE(socket_.connect(endpoint));
  }
  kj::Promise<std::string> ask(const std::string& question) {
    const std::vector<std::string_view> parts = {"", question};
    EXPECT_TRUE(socket_.send(parts));
    return socket_.readable().then([this]() {
      std::vector<zmq::message_t> answer;
      return socket_.receive(answer) ? answer.at(1).to_string() : std::string("nothing");
    });
  }

 private:
  Socket socket_;
};

TEST(SocketThread, AnswersComeAsOftenAsOneAsks) {
  SocketThread thread;
  zmq::context_t context;
  zmq::socket_t reply(context, zmq::socket_type::rep);
  reply.bind("tcp://127.0.0.1:*");
  auto asker = thread.make<Asker>(reply.get(zmq::sockopt::last_endpoint));
  std::thread peer([&]() {
    for (int i = 0; i < 1'000; ++i) {
      zmq::message_t message;
      ASSERT_TRUE(reply.recv(message));
      reply.send(message, zmq::send_flags::none);
    }
  });
  for (int i = 0; i < 1'000; ++i) {
    const std::string question = std::to_string(i);
    EXPECT_EQ(thread.executor().executeSync([&]() { return asker->ask(question); }), question);
  }
  peer.join();
  thread.destroy(asker);
}

struct Lonely {
  explicit Lonely(SocketLoop& loop) : socket(loop, zmq::socket_type::router, 1 << 20) {}
  Socket socket;
};

TEST(SocketThread, AddressesThatCannotBeHadAreNamed) {
  SocketThread thread;
  auto lonely = thread.make<Lonely>();
  const auto error = [&](const std::string& endpoint) {
    return thread.executor().executeSync([&]() { return lonely->socket.bind(endpoint); });
  };
  EXPECT_EQ(error("127.0.0.1:1")->code, ErrorCode::kInvalid);
  EXPECT_EQ(error("tcp://192.0.2.1:4711")->code, ErrorCode::kUnavailable);
  EXPECT_NE(error("tcp://192.0.2.1:4711")->message.find("tcp://192.0.2.1:4711"), std::string::npos);
  zmq::context_t context;
  zmq::socket_t other(context, zmq::socket_type::pull);
  other.bind("tcp://127.0.0.1:*");
  const std::string taken = other.get(zmq::sockopt::last_endpoint);
  EXPECT_EQ(error(taken)->message, "cannot listen on " + taken +
                                       ": it is in use; another process listens there: stop it or "
                                       "choose another port");
  thread.destroy(lonely);
}

TEST(Socket, SaysItsAddressAsOthersWriteIt) {
  SocketThread thread;
  const auto boundTo = [&](const std::string& endpoint) {
    auto lonely = thread.make<Lonely>();
    const std::string text = thread.executor().executeSync([&]() {
      EXPECT_FALSE(lonely->socket.bind(endpoint));
      return lonely->socket.boundTo();
    });
    thread.destroy(lonely);
    return text.substr(0, text.rfind(':'));
  };
  EXPECT_EQ(boundTo("tcp://127.0.0.1:*"), "tcp://127.0.0.1");
  EXPECT_EQ(boundTo("tcp://[::1]:*"), "tcp://[::1]");
}

TEST(Socket, WhatIsSentToAPeerThatLeftIsDropped) {
  SocketThread thread;
  auto lonely = thread.make<Lonely>();
  const std::vector<std::string_view> parts = {"nobody", "", "x"};
  EXPECT_FALSE(thread.executor().executeSync([&]() {
    lonely->socket.raw().set(zmq::sockopt::router_mandatory, 1);
    return lonely->socket.send(parts);
  }));
  thread.destroy(lonely);
}

}  // namespace
}  // namespace holdfast::gateways
