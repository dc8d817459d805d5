// A connected socket: bytes, when they arrived, and whose turn it is.
#include "net/buffered_stream.h"

#include <gtest/gtest.h>
#include <kj/async-io.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <random>
#include <vector>

#include "core/check.h"

namespace holdfast::test {
namespace {

struct Streams {
  Streams() {
    int ends[2];
    HOLDFAST_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0,
                   "no sockets");
    leftSocket = ends[0];
    const auto stream = [this](int end) {
      return kj::heap<BufferedStream>(kj::AutoCloseFd(end), start, io.unixEventPort, turns, budget);
    };
    left = stream(ends[0]);
    right = stream(ends[1]);
  }
  void poll() { kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope); }

  const kj::TimePoint start = kj::systemPreciseMonotonicClock().now();
  kj::AsyncIoContext io = kj::setupAsyncIo();
  LoopTurns turns{io.unixEventPort.getTimer()};
  ReadBudget budget{io.unixEventPort.getTimer(), turns};
  int leftSocket = -1;  // left's own
  kj::Own<BufferedStream> left;
  kj::Own<BufferedStream> right;
};

class BufferedStreamTest : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Budget, BufferedStreamTest, testing::Bool());

TEST_P(BufferedStreamTest, KeepsTheBytes) {
  Streams streams;
  if (GetParam()) streams.right->setBudgeted();
  auto& wait = streams.io.waitScope;
  std::mt19937_64 random(1);
  std::vector<kj::byte> sent(20 << 20);
  for (kj::byte& byte : sent) byte = static_cast<kj::byte>(random());

  kj::Promise<void> writing = kj::READY_NOW;
  size_t written = 0;
  std::vector<kj::byte> received(sent.size());
  size_t got = 0;
  while (got < sent.size()) {
    if (written < sent.size() && writing.poll(wait)) {
      writing.wait(wait);
      const size_t bytes = std::min<size_t>(sent.size() - written,
                                            1 + random() % (random() % 8 == 0 ? 3 << 20 : 900));
      writing = streams.left->write(sent.data() + written, bytes);
      written += bytes;
    }
    const size_t want = std::min<size_t>(written - got, 1 + random() % (256 << 10));
    if (want == 0) continue;
    const size_t bytes = streams.right->tryRead(received.data() + got, want, want).wait(wait);
    ASSERT_EQ(bytes, want);
    got += bytes;
  }
  EXPECT_EQ(received, sent);
  streams.left->shutdownWrite();
  kj::byte byte = 0;
  EXPECT_EQ(streams.right->tryRead(&byte, 1, 1).wait(wait), 0u);
  EXPECT_EQ(streams.right->tryRead(&byte, 1, 1).wait(wait), 0u) << "and stays at its end";
}

// Whatever the loop was doing meanwhile, what is said of an arrival is on the safe side, and of one
// that was waited for not older than a moment at which nothing was there.
TEST(BufferedStreamArrivalTest, IsNeverPutAfterTheSending) {
  Streams streams;
  auto& wait = streams.io.waitScope;
  const auto now = [] { return kj::systemPreciseMonotonicClock().now(); };
  std::mt19937_64 random(1);
  std::vector<kj::TimePoint> sent;  // when each byte had been
  size_t read = 0;
  std::vector<kj::byte> bytes(20'000);
  for (int step = 0; step < 20'000; ++step) {
    const size_t there = sent.size() - read;
    switch (random() % 4) {
      case 0: {
        const size_t more = std::min<size_t>(1 + random() % 5'000, 60'000 - there);
        ASSERT_EQ(::send(streams.leftSocket, bytes.data(), more, 0), static_cast<ssize_t>(more));
        sent.insert(sent.end(), more, now());
        break;
      }
      case 1:
        streams.poll();
        break;
      default:
        if (there == 0) break;
        const size_t want = 1 + random() % std::min<size_t>(there, 20'000);
        ASSERT_EQ(streams.right->tryRead(bytes.data(), want, want).wait(wait), want);
        read += want;
        ASSERT_LE(streams.right->lastByteNotBefore(), sent[read - 1]) << "step " << step;
    }
  }
  std::vector<kj::byte> rest(sent.size() - read + 1);
  const kj::TimePoint before = now();
  auto waiting = streams.right->tryRead(rest.data(), rest.size(), rest.size());
  streams.poll();
  ASSERT_EQ(::send(streams.leftSocket, rest.data(), 1, 0), 1);
  waiting.wait(wait);
  EXPECT_GE(streams.right->lastByteNotBefore(), before);
  EXPECT_LE(streams.right->lastByteNotBefore(), now());
}

// What is there at the first read has never been waited for; it came after the connection.
TEST(BufferedStreamArrivalTest, OfTheFirstBytesIsNotPutBeforeTheConnection) {
  Streams streams;
  kj::byte bytes[8] = {};
  ASSERT_EQ(::send(streams.leftSocket, bytes, sizeof bytes, 0), ssize_t(sizeof bytes));
  ASSERT_EQ(streams.right->tryRead(bytes, 8, 8).wait(streams.io.waitScope), 8u);
  EXPECT_GE(streams.right->lastByteNotBefore(), streams.start);
}

// Streams on one loop, and what is connected to each.
class BufferedStreamBudgetTest : public testing::Test {
 protected:
  ~BufferedStreamBudgetTest() noexcept override = default;

  BufferedStream& connect() {
    int ends[2];
    HOLDFAST_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0,
                   "no sockets");
    peers.emplace_back(ends[0]);
    streams.push_back(kj::heap<BufferedStream>(kj::AutoCloseFd(ends[1]),
                                               kj::systemPreciseMonotonicClock().now(),
                                               io.unixEventPort, turns, budget));
    return *streams.back();
  }

  kj::AsyncIoContext io = kj::setupAsyncIo();
  kj::Timer& timer = io.unixEventPort.getTimer();
  LoopTurns turns{timer};
  ReadBudget budget{timer, turns};
  std::vector<kj::Own<BufferedStream>> streams;
  std::vector<kj::AutoCloseFd> peers;
};

// A crowd of workers that all have something to say does not keep one who asks waiting.
TEST_F(BufferedStreamBudgetTest, WhoAsksOvertakesACrowdOfWorkers) {
  constexpr size_t kWorkers = 200;
  constexpr size_t kMessage = 4'000;
  std::vector<kj::Promise<void>> reads;
  std::vector<kj::Array<kj::byte>> buffers;
  size_t served = 0;
  size_t servedBefore = kWorkers;
  for (size_t i = 0; i <= kWorkers; ++i) {
    BufferedStream& stream = connect();
    const bool worker = i < kWorkers;
    if (worker) stream.setBudgeted();
    buffers.push_back(kj::heapArray<kj::byte>(kMessage));
    reads.push_back(stream.tryRead(buffers.back().begin(), kMessage, kMessage)
                        .then([&, worker](size_t) {
                          if (worker) {
                            ++served;
                          } else {
                            servedBefore = served;
                          }
                        })
                        .eagerlyEvaluate(nullptr));
  }
  kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope);
  // Who asks is the last that the kernel tells of.
  for (kj::AutoCloseFd& peer : peers) {
    ASSERT_EQ(::send(peer.get(), buffers[0].begin(), kMessage, 0), static_cast<ssize_t>(kMessage));
  }
  for (auto& read : reads) read.wait(io.waitScope);
  EXPECT_EQ(served, kWorkers);
  EXPECT_LE(servedBefore, 2u);
}

// However many send a byte now and then, a turn of the loop looks at a few of them.
TEST_F(BufferedStreamBudgetTest, ThoseWhoSendAByteNowAndThenHaveFewReadsATurn) {
  constexpr size_t kPeers = 400;
  kj::byte message[64];
  std::vector<kj::Promise<size_t>> reads;
  for (size_t i = 0; i < kPeers; ++i) {
    reads.push_back(connect().tryRead(message, sizeof message, sizeof message));
  }
  const auto sendAByte = [&] {
    for (kj::AutoCloseFd& peer : peers) EXPECT_EQ(::send(peer.get(), message, 1, 0), 1);
  };
  const auto unread = [&] {
    size_t bytes = 0;
    for (auto& stream : streams) {
      int here = 0;
      KJ_IF_MAYBE (socket, stream->getFd()) EXPECT_EQ(ioctl(*socket, FIONREAD, &here), 0);
      bytes += static_cast<size_t>(here);
    }
    return bytes;
  };
  size_t most = 0;
  size_t before = 0;
  std::function<kj::Promise<void>()> everyTurn = [&]() -> kj::Promise<void> {
    const size_t now = unread();
    most = std::max(most, before - now);
    before = now;
    if (now == 0) return kj::READY_NOW;
    return timer.afterDelay(1 * kj::NANOSECONDS).then([&] { return everyTurn(); });
  };
  // The first byte tells what kind of peer it is.
  for (int round = 0; round < 2; ++round) {
    sendAByte();
    most = 0;
    before = unread();
    ASSERT_EQ(before, kPeers);
    everyTurn().wait(io.waitScope);
  }
  EXPECT_LE(most, 32u);
}

TEST(BufferedStreamEndTest, SendsWhatWasWrittenBeforeTheEnd) {
  Streams streams;
  streams.left->write("last words", 10).wait(streams.io.waitScope);
  streams.left->shutdownWrite();
  char text[11] = "";
  EXPECT_EQ(streams.right->tryRead(text, 11, 11).wait(streams.io.waitScope), 10u);
  EXPECT_STREQ(text, "last words");
}

TEST(BufferedStreamEndTest, FailsWhenTheOtherSideIsGone) {
  Streams streams;
  streams.right = nullptr;
  bool failed = false;
  for (int i = 0; i < 100 && !failed; ++i) {
    auto write = streams.left->write("x", 1);
    streams.poll();
    try {
      write.wait(streams.io.waitScope);
    } catch (const kj::Exception& e) {
      EXPECT_EQ(e.getType(), kj::Exception::Type::DISCONNECTED);
      failed = true;
    }
  }
  EXPECT_TRUE(failed);
}

}  // namespace
}  // namespace holdfast::test
