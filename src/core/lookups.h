// What look-ups find, as values that own nothing: in chunks; whoever answers turns them into
// tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/labels.h"
#include "core/load.h"

namespace holdfast {

// Where an instance is reached and what it says of itself: of its lowest rank that is not LOST;
// where all are, of its lowest rank. Does not own.
struct EndpointRef {
  std::string_view ip;
  uint32_t port = 0;
  std::string_view peerUrl;
  std::span<const Label> labels;

  bool empty() const { return ip.empty() && port == 0 && peerUrl.empty() && labels.empty(); }
};

// One instance's answer to a look-up. All that it refers to is valid until the next change of the
// registry.
struct LookupMatch {
  std::string_view instance;
  std::string_view location;
  uint32_t chunks = 0;
  uint32_t allRanksChunks = 0;
  uint32_t pinnedChunks = 0;  // of the best rank, from the first on; where that was asked for
  bool unconfirmed = false;
  std::vector<std::pair<std::string_view, uint32_t>> hits;
  Load load = kLoadUnknown;  // the highest that ranks state
  EndpointRef endpoint;      // where that was asked for
};

// Why a look-up found nobody. As in schema/messages.capnp, same order.
enum class LookupMiss : uint8_t {
  kNone,            // somebody was found
  kNoChunk,         // no chunk was asked for
  kUnknownModel,    // no worker of this model is registered
  kNotHeld,         // nobody holds the first chunk
  kHidden,          // whoever holds it is not named: LOST, drained, or diverged
  kHashingDiffers,  // as kUnknownModel, and some were refused: they hash in another way
  kCannotHash,      // its tokens: of an adapter whose hashes only its engine can compute
};
inline constexpr size_t kLookupMisses = 7;
std::string_view lookupMissName(LookupMiss miss);  // "notHeld": the schema's name

// Holders of the first chunk that are not named, each counted for the first of these that is true.
struct HiddenHolders {
  uint32_t drained = 0;
  uint32_t lost = 0;
  uint32_t diverged = 0;

  friend bool operator==(const HiddenHolders&, const HiddenHolders&) = default;
};

struct ExplainedMiss {
  LookupMiss miss = LookupMiss::kNone;
  std::string text;  // names and reasons, a few of each
  HiddenHolders hidden;
};

// Why a look-up found nobody, as it is counted: hidden holders by what most of them are.
enum class MissReason : uint8_t {
  kUnsaid,  // in older capture logs
  kFound,   // it found somebody
  kNoChunk,
  kUnknownModel,
  kNotHeld,
  kDrained,
  kLost,
  kDiverged,
  kHashingDiffers,
};
inline constexpr size_t kMissReasons = 9;
MissReason reasonOf(const ExplainedMiss& miss);

// A worker that another one can fetch chunks from.
struct PeerMatch {
  std::string_view instance;
  std::string_view location;
  uint32_t chunks = 0;
  std::string_view peerUrl;
};

}  // namespace holdfast
