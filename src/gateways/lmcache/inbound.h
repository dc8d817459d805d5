// What comes from LMCache's workers, on its way from the sockets' thread to the controller's loop:
// decoded, checked against core's limits, and in pieces that take a turn of the loop at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "gateways/lmcache/decoder.h"
#include "gateways/lmcache/messages.h"

namespace holdfast::lmcache {

// Which socket something comes in by, and is answered by.
enum class Channel : uint8_t { kPush, kRequest, kHeartbeat };
inline constexpr size_t kChannels = 3;

// Owns what it says. A decoded Message refers to its payload and to the decoder's buffers, which
// are used again before the loop sees it; copying its few names costs less than the one list that a
// piece has anyway.
struct Inbound {
  Channel channel = Channel::kPush;
  // Not empty: it was no message of this wire, or none that belongs there; this says why.
  std::string error;

  Type type = Type::kRegister;
  std::string instance;
  uint32_t worker = 0;
  std::string ip;
  uint16_t port = 0;
  std::string peerUrl;
  std::string location;
  // Of kOperations: consecutive ones, from the wire's seq_num `firstSeq` on.
  uint64_t firstSeq = 0;
  std::vector<uint64_t> keys;   // also of a batch of a full sync, and the hashes of a look-up
  std::vector<uint8_t> evicts;  // of kOperations, as EvictBits; empty: all are admits
  std::string syncId;
  uint64_t totalKeys = 0;
  uint32_t batchCount = 0;
  uint32_t batch = 0;
  bool batchEnds = true;  // no further piece of this batch follows

  // Of what is answered: whom, and whether an empty part comes before the answer.
  std::string identity;
  bool delimiter = false;

  Operations operations() const { return {keys, {evicts.empty() ? nullptr : evicts.data(), 0}}; }
};

// Keys of a piece: about what a turn of the loop may take.
inline constexpr size_t kKeysPerPiece = 1024;
// Of one message: operations whose numbers do not follow each other. Real ones have one run.
inline constexpr size_t kRunsPerMessageMax = 64;

// Reuses its buffers; one thread.
class InboundReader {
 public:
  // Appends what the payload says, or one Inbound with what is wrong with it. `from` has the
  // channel and whom to answer.
  void read(std::string_view payload, const Inbound& from, std::vector<Inbound>& to);

 private:
  std::optional<std::string> convert(const Message& message, const Inbound& from,
                                     std::vector<Inbound>& to);

  Decoder decoder_;
};

// "RegisterMsg", for people.
std::string_view nameOf(Type type);

}  // namespace holdfast::lmcache
