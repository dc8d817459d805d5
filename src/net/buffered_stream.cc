#include "net/buffered_stream.h"

#include <kj/time.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

kj::TimePoint now() {
  return kj::systemPreciseMonotonicClock().now();
}

// Whatever a socket fails with, the connection is gone.
kj::Exception lost(const char* call) {
  return {kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__,
          kj::str(call, ": ", std::strerror(errno))};
}

}  // namespace

BufferedStream::BufferedStream(kj::AutoCloseFd socket, kj::TimePoint notBefore,
                               kj::UnixEventPort& port, LoopTurns& turns, ReadBudget& budget)
    : socket_(kj::mv(socket)),
      observer_(port, socket_.get(), kj::UnixEventPort::FdObserver::OBSERVE_READ_WRITE),
      turns_(turns),
      budget_(budget),
      arrivals_(notBefore),
      lastLook_(now()),
      armed_(kj::READY_NOW),
      send_(kj::READY_NOW) {}

// --- reading ---

kj::Promise<bool> BufferedStream::firstBytes() {
  return observer_.whenBecomesReadable().then([this]() -> kj::Promise<bool> {
    turns_.observeReport();
    arrivals_.found(received_, turns_.earliestArrival());
    Wanted nothing{nullptr, 0, 0};
    if (!receive(nothing)) return firstBytes();
    return !ended_;
  });
}

kj::Promise<size_t> BufferedStream::tryRead(void* buffer, size_t minBytes, size_t maxBytes) {
  Wanted wanted{static_cast<kj::byte*>(buffer), minBytes, maxBytes};
  readBegin_ = taken();
  takeBuffered(wanted);
  if (inEnd_ > inBegin_) {
    const kj::TimePoint time = now();
    if (time - lastLook_ >= kLookInterval) lookForMore(time);
  }
  // What the socket fails with is the promise's failure, however soon it is known: whoever reads
  // looks there for why the peer is gone.
  return kj::evalNow([&]() { return readOn(wanted, false); });
}

kj::Promise<size_t> BufferedStream::readOn(Wanted wanted, bool myTurn) {
  const size_t before = wanted.had;
  while (wanted.had < wanted.minBytes && !ended_) {
    if (!receive(wanted)) {
      if (isLarge(wanted)) budget_.spent(wanted.had - before);
      return readWhenReported(wanted);
    }
    if (wanted.had - before < kDirectBytesMax || wanted.had >= wanted.minBytes) continue;
    budget_.spent(wanted.had - before);
    return budget_.ready().then([this, wanted]() { return readOn(wanted, true); });
  }
  if (!budgeted_) return secured_ ? shared(wanted.had) : wanted.had;
  // What is here already has its price too: it is the work behind it that others wait for.
  if (!myTurn) return budget_.ready().then([this, wanted]() { return readOn(wanted, true); });
  budget_.spent(wanted.had + kPriceOfRead);
  return wanted.had;
}

// A large message comes in many small reads: now and then others have their turn.
kj::Promise<size_t> BufferedStream::shared(size_t had) {
  sinceTurn_ += had;
  if (sinceTurn_ < kDirectBytesMax) return had;
  budget_.spent(std::exchange(sinceTurn_, 0));
  return budget_.ready().then([had]() { return had; });
}

kj::Promise<size_t> BufferedStream::readWhenReported(Wanted wanted) {
  return observer_.whenBecomesReadable().then([this, wanted]() -> kj::Promise<size_t> {
    turns_.observeReport();
    arrivals_.found(received_, turns_.earliestArrival());
    // A piece of a large message takes longer than a whole small one, and whoever sends a few bytes
    // at a time has no look-up that waits.
    if (!budgeted_ && !crawls_ && !isLarge(wanted)) return readOn(wanted, false);
    // A whole message of a worker pays when it is there.
    const size_t price = budgeted_ && !crawls_ ? 0 : kPriceOfRead;
    return budget_.ready(price).then([this, wanted]() { return readOn(wanted, true); });
  });
}

bool BufferedStream::receive(Wanted& wanted) {
  const bool direct = isLarge(wanted);
  if (!direct && in_.size() == 0) in_ = kj::heapArray<kj::byte>(kReadBytes);
  kj::byte* to = direct ? wanted.to + wanted.had : in_.begin();
  const size_t room = direct ? std::min(wanted.maxBytes - wanted.had, kDirectBytesMax) : in_.size();
  const kj::TimePoint asked = now();
  ssize_t got = 0;
  do {
    got = ::recv(socket_.get(), to, room, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK) kj::throwFatalException(lost("recv"));
    arrivals_.found(received_, asked);
    return false;
  }
  ended_ = got == 0;
  crawls_ = static_cast<size_t>(got) < kLeastMessageBytes;
  received_ += static_cast<size_t>(got);
  if (share_ != nullptr) share_->received(static_cast<size_t>(got));
  lookForMore(now());
  if (direct) {
    wanted.had += static_cast<size_t>(got);
  } else {
    inBegin_ = 0;
    inEnd_ = static_cast<size_t>(got);
    takeBuffered(wanted);
  }
  return true;
}

void BufferedStream::takeBuffered(Wanted& wanted) {
  const size_t bytes = std::min(wanted.maxBytes - wanted.had, inEnd_ - inBegin_);
  if (bytes != 0) std::memcpy(wanted.to + wanted.had, in_.begin() + inBegin_, bytes);
  inBegin_ += bytes;
  wanted.had += bytes;
}

void BufferedStream::lookForMore(kj::TimePoint time) {
  lastLook_ = time;
  int more = 0;
  if (ioctl(socket_.get(), FIONREAD, &more) != 0) return;
  arrivals_.found(received_ + static_cast<uint64_t>(more), time);
}

kj::TimePoint BufferedStream::lastByteNotBefore() {
  if (secured_) return arrivals_.notBefore(readBegin_);
  return arrivals_.notBefore(taken() == 0 ? 0 : taken() - 1);
}

void BufferedStream::abortRead() {
  ::shutdown(socket_.get(), SHUT_RD);
}

// --- writing ---

kj::Promise<void> BufferedStream::write(const void* buffer, size_t size) {
  const kj::ArrayPtr<const kj::byte> piece(static_cast<const kj::byte*>(buffer), size);
  return append(kj::arrayPtr(&piece, 1));
}

kj::Promise<void> BufferedStream::write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) {
  return append(pieces);
}

kj::Promise<void> BufferedStream::append(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) {
  KJ_IF_MAYBE (e, failed_) return kj::cp(*e);
  for (const auto& piece : pieces) waiting_.insert(waiting_.end(), piece.begin(), piece.end());
  if (waiting_.size() >= kPacketBytes) {
    flush();
  } else if (!flushArmed_) {
    flushArmed_ = true;
    armed_ = kj::evalLast([this]() {
               flushArmed_ = false;
               flush();
             }).eagerlyEvaluate(nullptr);
  }
  if (waiting_.size() <= unsentMax_) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  blocked_.push_back(kj::mv(paf.fulfiller));
  return kj::mv(paf.promise);
}

void BufferedStream::flush() {
  if (underWay_ || waiting_.empty()) return;
  underWay_ = true;
  if (onSending_) onSending_();
  std::swap(waiting_, sending_);
  send_ = sendFrom(0)
              .then([this]() { sent(); },
                    [this](kj::Exception&& e) {
                      failed_ = kj::cp(e);
                      for (auto& blocked : blocked_) blocked->reject(kj::cp(e));
                      blocked_.clear();
                      if (drained_.get() != nullptr) drained_->reject(kj::cp(e));
                    })
              .eagerlyEvaluate(nullptr);
}

kj::Promise<void> BufferedStream::sendFrom(size_t position) {
  while (position < sending_.size()) {
    const ssize_t taken =
        ::send(socket_.get(), sending_.data() + position, sending_.size() - position, MSG_NOSIGNAL);
    if (taken >= 0) {
      position += static_cast<size_t>(taken);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return observer_.whenBecomesWritable().then(
          [this, position]() { return sendFrom(position); });
    } else if (errno != EINTR) {
      return lost("send");
    }
  }
  return kj::READY_NOW;
}

void BufferedStream::sent() {
  underWay_ = false;
  sending_.clear();
  if (waiting_.size() <= unsentMax_) {
    for (auto& blocked : blocked_) blocked->fulfill();
    blocked_.clear();
  }
  if (!waiting_.empty()) {
    // Not from here: this runs inside the promise that flush() replaces.
    flushArmed_ = true;
    armed_ = kj::evalLater([this]() {
               flushArmed_ = false;
               flush();
             }).eagerlyEvaluate(nullptr);
    return;
  }
  if (std::exchange(shutdownDue_, false)) ::shutdown(socket_.get(), SHUT_WR);
  if (drained_.get() != nullptr) drained_->fulfill();
}

kj::Promise<void> BufferedStream::drained() {
  KJ_IF_MAYBE (e, failed_) return kj::cp(*e);
  flush();
  if (!underWay_ && waiting_.empty()) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  drained_ = kj::mv(paf.fulfiller);
  return kj::mv(paf.promise);
}

void BufferedStream::shutdownWrite() {
  flush();
  if (underWay_) {
    shutdownDue_ = true;
  } else {
    ::shutdown(socket_.get(), SHUT_WR);
  }
}

}  // namespace holdfast
