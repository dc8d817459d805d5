// What peers make the controller hold: messages that have come in part, calls that are not answered
// yet, answers that are not read or that they have not finished with. Counted for each connection
// and in all, so that no number of peers can make the process grow without bound. Over the limit of
// one, it goes; over the limit of all, the one that holds most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "net/connection_ends.h"

namespace holdfast {

// On the loop's thread.
class HeldBytes {
 public:
  struct Limits {
    size_t each = 0;  // bytes of one connection
    size_t all = 0;   // of all together
  };
  explicit HeldBytes(Limits limits) : limits_(limits) {}
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

  // What one connection holds. May outlive it: calls do.
  class Share {
   public:
    // kHeldTooMuch or kHeldMost, and the bytes that it holds. Called once, from within any of the
    // calls below of any share; must end the connection later, not at once.
    using Over = std::function<void(ConnectionEnd, size_t bytes)>;

    // `all` outlives the share.
    Share(HeldBytes& all, Over over);
    ~Share();
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Bytes that came of a message that is not complete.
    void received(size_t bytes) {
      partial_ += bytes;
      grow(bytes);
    }
    // It is complete, and `rest` bytes of the next are there. How many bytes it had.
    size_t completed(size_t rest);
    // Whatever else is kept for the peer.
    void hold(size_t bytes) { grow(bytes); }
    void release(size_t bytes) { shrink(bytes); }
    // Answers that wait to be written.
    void setAnswers(size_t bytes);
    // Its connection is gone: nobody is told any more.
    void forgetOwner() { over_ = nullptr; }

    size_t bytes() const { return bytes_; }

   private:
    friend class HeldBytes;
    void grow(size_t bytes);
    void shrink(size_t bytes);
    void cut(ConnectionEnd why);

    HeldBytes& all_;
    Over over_;
    size_t place_;  // in all_.shares_
    size_t bytes_ = 0;
    size_t partial_ = 0;
    size_t answers_ = 0;
    bool cut_ = false;  // told to go: does not count in total_ any more
  };

  size_t total() const { return total_; }

 private:
  void cutMost();

  const Limits limits_;
  size_t total_ = 0;
  std::vector<Share*> shares_;
};

// What a call takes beside its message and its answer, about.
inline constexpr size_t kCallCostBytes = 2 << 10;
// What Cap'n Proto keeps of an answer at least, with the capabilities that it may have.
inline constexpr size_t kAnswerKeptBytes = 10 << 10;

}  // namespace holdfast
