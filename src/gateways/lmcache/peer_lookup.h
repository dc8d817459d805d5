// BatchedP2PLookupMsg: which other worker has the longest prefix of these chunks where it serves
// others from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/controller.h"

namespace holdfast::lmcache {

// The only tier that workers of LMCache serve each other from.
inline constexpr std::string_view kPeerLocation = "LocalCPUBackend";

// On the controller's loop, which outlives it; used again and again.
class PeerLookup {
 public:
  explicit PeerLookup(Controller& controller)
      : controller_(controller), lookup_(controller.newLookup()) {}

  // Of the session's worker: other instances, its own rank. Takes the hashes; of more than a
  // look-up may have, the first ones.
  void begin(SessionId session, std::vector<ChunkHash> hashes);
  // A piece that fits into a turn of the loop. When it is over, the answer, encoded: "nobody" also
  // where the session is not in force any more, as the worker reads no error there.
  std::optional<std::string> advance();

 private:
  Controller& controller_;
  SessionId session_ = kNoSession;
  std::vector<ChunkHash> hashes_;
  PromptLookup lookup_;
  bool begun_ = false;
};

}  // namespace holdfast::lmcache
