#include "rpc/buffered_stream.h"

#include <kj/time.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

kj::TimePoint now() {
  return kj::systemPreciseMonotonicClock().now();
}

}  // namespace

BufferedStream::BufferedStream(kj::Own<kj::AsyncIoStream> inner, LoopTurns& turns,
                               ReadBudget& budget)
    : inner_(kj::mv(inner)),
      turns_(turns),
      budget_(budget),
      in_(kj::heapArray<kj::byte>(kReadBytes)),
      lastLook_(now()),
      armed_(kj::READY_NOW),
      send_(kj::READY_NOW) {}

size_t BufferedStream::takeBuffered(kj::byte* to, size_t bytesMax) {
  const size_t bytes = std::min(bytesMax, inEnd_ - inBegin_);
  if (bytes != 0) std::memcpy(to, in_.begin() + inBegin_, bytes);
  inBegin_ += bytes;
  return bytes;
}

kj::Promise<size_t> BufferedStream::tryRead(void* buffer, size_t minBytes, size_t maxBytes) {
  auto* to = static_cast<kj::byte*>(buffer);
  if (!budgeted_) return readNow(to, minBytes, maxBytes);
  // What is here already has its price too: it is the work behind it that others wait for.
  return budget_.ready()
      .then([this, to, minBytes, maxBytes]() { return readNow(to, minBytes, maxBytes); })
      .then([this](size_t got) {
        budget_.spent(got);
        return got;
      });
}

kj::Promise<size_t> BufferedStream::readNow(kj::byte* to, size_t minBytes, size_t maxBytes) {
  const size_t had = takeBuffered(to, maxBytes);
  if (had >= minBytes) {
    if (inEnd_ > inBegin_) {
      const kj::TimePoint time = now();
      if (time - lastLook_ >= kLookInterval) lookForMore(time);
    }
    return had;
  }
  return readMore(to, had, minBytes - had, maxBytes);
}

kj::Promise<size_t> BufferedStream::readMore(kj::byte* to, size_t had, size_t needed,
                                             size_t maxBytes) {
  if (needed >= kReadBytes / 2) {
    // Worth its own call, without the detour.
    return receive(to + had, needed, maxBytes - had).then([had](size_t got) { return had + got; });
  }
  return receive(in_.begin(), needed, in_.size()).then([this, to, had, maxBytes](size_t got) {
    inBegin_ = 0;
    inEnd_ = got;
    return had + takeBuffered(to + had, maxBytes - had);
  });
}

kj::Promise<size_t> BufferedStream::receive(kj::byte* to, size_t minBytes, size_t maxBytes) {
  turns_.observe();
  const kj::TimePoint asked = now();
  return inner_->tryRead(to, minBytes, maxBytes)
      .then([this, asked, turn = turns_.start(), minBytes](size_t got) {
        turns_.observeRead();
        // A poll told of it, so it was neither here when asked for nor at the poll before.
        if (turns_.start() != turn) {
          arrivals_.found(received_ + minBytes - 1, std::max(asked, turns_.earliestArrival()));
        }
        received_ += got;
        lookForMore(now());
        return got;
      });
}

void BufferedStream::lookForMore(kj::TimePoint time) {
  lastLook_ = time;
  int more = 0;
  KJ_IF_MAYBE (fd, inner_->getFd()) {
    if (ioctl(*fd, FIONREAD, &more) != 0) return;
    arrivals_.found(received_ + static_cast<uint64_t>(more), time);
  }
}

kj::TimePoint BufferedStream::lastByteNotBefore() {
  const uint64_t taken = received_ - (inEnd_ - inBegin_);
  return arrivals_.notBefore(taken == 0 ? 0 : taken - 1);
}

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
  if (waiting_.size() <= kWaitingBytesMax) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  blocked_.push_back(kj::mv(paf.fulfiller));
  return kj::mv(paf.promise);
}

void BufferedStream::flush() {
  if (underWay_ || waiting_.empty()) return;
  underWay_ = true;
  if (onSending_) onSending_();
  std::swap(waiting_, sending_);
  // evalNow: a write that fails at once throws instead of returning a failed promise.
  send_ = kj::evalNow([this]() { return inner_->write(sending_.data(), sending_.size()); })
              .then([this]() { sent(); },
                    [this](kj::Exception&& e) {
                      failed_ = kj::cp(e);
                      for (auto& blocked : blocked_) blocked->reject(kj::cp(e));
                      blocked_.clear();
                    })
              .eagerlyEvaluate(nullptr);
}

void BufferedStream::sent() {
  underWay_ = false;
  sending_.clear();
  if (waiting_.size() <= kWaitingBytesMax) {
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
  } else if (shutdownDue_) {
    shutdownDue_ = false;
    inner_->shutdownWrite();
  }
}

void BufferedStream::shutdownWrite() {
  flush();
  if (underWay_) {
    shutdownDue_ = true;
  } else {
    inner_->shutdownWrite();
  }
}

}  // namespace holdfast
