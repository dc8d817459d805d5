// A socket with large reads and joined writes. Cap'n Proto reads each message with two calls of the
// system and writes it with one more; with hundreds of small messages in flight those calls are
// most of the work. Here one read takes what is there, and answers are sent when the loop has
// nothing else to do, or as soon as there is a good packet of them.
#pragma once

#include <kj/array.h>
#include <kj/async-io.h>

#include <functional>
#include <utility>
#include <vector>

#include "rpc/arrivals.h"
#include "rpc/loop_turns.h"
#include "rpc/read_budget.h"

namespace holdfast {

class BufferedStream final : public kj::AsyncIoStream {
 public:
  // `turns` and `budget` outlive the stream.
  BufferedStream(kj::Own<kj::AsyncIoStream> inner, LoopTurns& turns, ReadBudget& budget);

  // From now on reading goes by the budget that workers share.
  void setBudgeted() { budgeted_ = true; }
  // Called each time when what was written so far is about to be given to the socket.
  void onSending(std::function<void()> then) { onSending_ = std::move(then); }
  // A bound on the safe side of when the byte arrived that was taken last.
  kj::TimePoint lastByteNotBefore();

  kj::Promise<size_t> tryRead(void* buffer, size_t minBytes, size_t maxBytes) override;
  kj::Promise<void> write(const void* buffer, size_t size) override;
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override;
  kj::Promise<void> whenWriteDisconnected() override { return inner_->whenWriteDisconnected(); }
  // What was written is sent first.
  void shutdownWrite() override;
  void abortRead() override { inner_->abortRead(); }
  void getsockopt(int level, int option, void* value, kj::uint* length) override {
    inner_->getsockopt(level, option, value, length);
  }
  void setsockopt(int level, int option, const void* value, kj::uint length) override {
    inner_->setsockopt(level, option, value, length);
  }
  kj::Maybe<int> getFd() const override { return inner_->getFd(); }

 private:
  // A page or two is touched by a connection that sends little.
  static constexpr size_t kReadBytes = 32 << 10;
  // Enough answers for the other side to begin with while we go on.
  static constexpr size_t kPacketBytes = 16 << 10;
  // Writes wait while more is waiting to be sent.
  static constexpr size_t kWaitingBytesMax = 1 << 20;
  // While what was read is worked on, what has come since is looked for so often.
  static constexpr kj::Duration kLookInterval = 50 * kj::MICROSECONDS;

  kj::Promise<size_t> readNow(kj::byte* to, size_t minBytes, size_t maxBytes);
  kj::Promise<size_t> readMore(kj::byte* to, size_t had, size_t needed, size_t maxBytes);
  // As tryRead of the socket, and notes what that tells of arrivals.
  kj::Promise<size_t> receive(kj::byte* to, size_t minBytes, size_t maxBytes);
  size_t takeBuffered(kj::byte* to, size_t bytesMax);
  // What waits in the socket at `time`, which is now, has come; nothing else has.
  void lookForMore(kj::TimePoint time);
  kj::Promise<void> append(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces);
  // Begins to send what is waiting, unless a send is under way: its end sends the rest.
  void flush();
  void sent();

  kj::Own<kj::AsyncIoStream> inner_;
  LoopTurns& turns_;
  ReadBudget& budget_;
  bool budgeted_ = false;
  kj::Array<kj::byte> in_;
  size_t inBegin_ = 0;
  size_t inEnd_ = 0;
  uint64_t received_ = 0;  // bytes, ever
  Arrivals arrivals_;
  kj::TimePoint lastLook_;
  std::function<void()> onSending_;
  std::vector<kj::byte> waiting_;  // to be sent
  std::vector<kj::byte> sending_;  // under way
  bool flushArmed_ = false;
  bool underWay_ = false;
  bool shutdownDue_ = false;
  kj::Maybe<kj::Exception> failed_;  // of a send: every later write fails alike
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> blocked_;  // writes that wait for room
  kj::Promise<void> armed_;                                   // last: these refer to the others
  kj::Promise<void> send_;
};

}  // namespace holdfast
