// Why connections ended, counted for both doors: metrics read it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

enum class ConnectionEnd : uint8_t {
  kPeerLeft,         // which is its right
  kMalformed,        // what it sent cannot be read, or broke the protocol
  kUnread,           // it does not read its answers
  kDeserted,         // its workers are LOST and it is silent
  kSilent,           // it never had a session or a request, and said nothing for long
  kMadeRoom,         // it never said anything, and another one came
  kRefused,          // there were too many connections
  kAddressFull,      // there were too many of its address
  kHeldTooMuch,      // of what it makes the controller hold
  kHeldMost,         // all peers together did, and it did most
  kUnauthenticated,  // no right token in time
  kTokenGone,        // its token is not in the file any more
  kHandshake,        // of TLS: it failed, or took too long
  kPlaintext,        // on a port that speaks TLS
  kTlsOnPlain,       // TLS on a port that does not
  kStopped,          // the process ends
  kSentOn,           // its workers are to look who leads the group
};
inline constexpr size_t kConnectionEnds = 17;
// For metrics: "peer_left", "malformed", ...
std::string_view nameOf(ConnectionEnd end);

// On the loop's thread.
class ConnectionEnds {
 public:
  void count(ConnectionEnd end) { ++counts_[static_cast<size_t>(end)]; }
  uint64_t of(ConnectionEnd end) const { return counts_[static_cast<size_t>(end)]; }

 private:
  std::array<uint64_t, kConnectionEnds> counts_{};
};

}  // namespace holdfast
