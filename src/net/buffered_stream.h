// A connected socket of the server. KJ's own streams read as soon as a poll of the sockets reports
// something, and one poll reports 16 sockets: a look-up waits while hundreds of workers are served.
// Here a worker's socket is only marked when it is reported, and read on its turn.
//
// Reads are also large, and writes are joined. Cap'n Proto reads each message with two system calls
// and writes it with one more; with hundreds of small messages in flight those calls are most of
// the work. Here one read takes what is there, and answers are sent when the loop has nothing else
// to do, or as soon as they fill a packet.
#pragma once

#include <kj/array.h>
#include <kj/async-io.h>
#include <kj/async-unix.h>

#include <functional>
#include <utility>
#include <vector>

#include "net/arrivals.h"
#include "net/held_bytes.h"
#include "net/loop_turns.h"
#include "net/read_budget.h"

namespace holdfast {

class BufferedStream final : public kj::AsyncIoStream {
 public:
  // `socket` must be non-blocking, and nothing arrived on it before `notBefore`. The rest outlives
  // the stream.
  BufferedStream(kj::AutoCloseFd socket, kj::TimePoint notBefore, kj::UnixEventPort& port,
                 LoopTurns& turns, ReadBudget& budget);

  // Reads go through the budget that workers share from now on.
  void setBudgeted() { budgeted_ = true; }
  // Called whenever what was written so far is about to be handed to the socket.
  void onSending(std::function<void()> then) { onSending_ = std::move(then); }
  // Told of every byte that comes from now on; outlives the stream. May call stop().
  void setShare(HeldBytes::Share* share) { share_ = share; }
  // Nothing is read any more, as if the peer had ended the stream.
  void stop() { ended_ = true; }
  // A lower bound on the arrival time of the last byte consumed. Below TLS, of the first byte of
  // the last read: of what that read, the caller of TLS may not have all.
  kj::TimePoint lastByteNotBefore();

  // TLS reads from now on: it takes what comes in small pieces and ahead of what is asked of it.
  void setSecured() { secured_ = true; }

  // Writes wait while more than this is waiting to be sent.
  void setUnsentMax(size_t bytes) { unsentMax_ = bytes; }
  // Resolves when all that was written is given to the socket. Fails as a write does.
  kj::Promise<void> drained();

  // True once something has come, which is then read first; false if the other side ended the
  // stream without a byte. Call it before any other read.
  kj::Promise<bool> firstBytes();
  // What has come and was not read yet. Valid until the next read.
  kj::ArrayPtr<const kj::byte> buffered() const { return in_.slice(inBegin_, inEnd_); }
  // Bytes that were written and not yet handed to the socket.
  size_t unsent() const { return waiting_.size() + sending_.size(); }

  kj::Promise<size_t> tryRead(void* buffer, size_t minBytes, size_t maxBytes) override;
  kj::Promise<void> write(const void* buffer, size_t size) override;
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override;
  kj::Promise<void> whenWriteDisconnected() override { return observer_.whenWriteDisconnected(); }
  // Sends what was written first.
  void shutdownWrite() override;
  void abortRead() override;
  kj::Maybe<int> getFd() const override { return socket_.get(); }

 private:
  // A connection that sends little touches only a page or two of it.
  static constexpr size_t kReadBytes = 32 << 10;
  // Enough answers to keep the other side busy while the rest is made.
  static constexpr size_t kPacketBytes = 16 << 10;
  static constexpr size_t kWaitingBytesMax = 1 << 20;
  // Read at once of a large message; the rest takes turns with others, whoever sends it.
  static constexpr size_t kDirectBytesMax = 256 << 10;
  // No message of RPC, request of HTTP or record of TLS is shorter.
  static constexpr size_t kLeastMessageBytes = 16;
  // Charged to the budget for each read, besides its bytes.
  static constexpr size_t kPriceOfRead = 512;
  // How often to look for more while what was read is being worked on.
  static constexpr kj::Duration kLookInterval = 50 * kj::MICROSECONDS;

  // What one tryRead still wants; `had` bytes are there.
  struct Wanted {
    kj::byte* to;
    size_t minBytes;
    size_t maxBytes;
    size_t had = 0;
  };

  // Worth its own call, without the detour by the buffer.
  static bool isLarge(const Wanted& wanted) {
    return wanted.minBytes - wanted.had >= kReadBytes / 2;
  }

  // `myTurn`: the budget has said so.
  kj::Promise<size_t> readOn(Wanted wanted, bool myTurn);
  kj::Promise<size_t> readWhenReported(Wanted wanted);
  kj::Promise<size_t> shared(size_t had);
  // Position of the byte that is read next.
  uint64_t taken() const { return received_ - (inEnd_ - inBegin_); }
  // Reads once, into the buffer or where the bytes are wanted. False: nothing has come.
  bool receive(Wanted& wanted);
  void takeBuffered(Wanted& wanted);
  // What waits in the socket now has come; nothing else has.
  void lookForMore(kj::TimePoint now);

  kj::Promise<void> append(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces);
  // Begins to send what is waiting, unless a send is under way: its end sends the rest.
  void flush();
  kj::Promise<void> sendFrom(size_t position);
  void sent();

  const kj::AutoCloseFd socket_;
  kj::UnixEventPort::FdObserver observer_;
  LoopTurns& turns_;
  ReadBudget& budget_;
  HeldBytes::Share* share_ = nullptr;
  bool budgeted_ = false;
  bool secured_ = false;
  bool ended_ = false;      // nothing more will come
  bool crawls_ = false;     // the last read brought less than any message has
  uint64_t readBegin_ = 0;  // position of the last read
  size_t sinceTurn_ = 0;    // bytes that TLS read since it last left the turn to others
  kj::Array<kj::byte> in_;  // made when something comes
  size_t inBegin_ = 0;
  size_t inEnd_ = 0;
  uint64_t received_ = 0;  // bytes, ever
  Arrivals arrivals_;
  kj::TimePoint lastLook_;
  std::function<void()> onSending_;
  std::vector<kj::byte> waiting_;  // to be sent
  std::vector<kj::byte> sending_;  // under way
  size_t unsentMax_ = kWaitingBytesMax;
  bool flushArmed_ = false;
  bool underWay_ = false;
  bool shutdownDue_ = false;
  kj::Maybe<kj::Exception> failed_;  // of a send: every later write fails alike
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> blocked_;  // writes that wait for room
  kj::Own<kj::PromiseFulfiller<void>> drained_;               // null: nobody waits for that
  kj::Promise<void> armed_;                                   // last: these refer to the others
  kj::Promise<void> send_;
};

}  // namespace holdfast
