// What look-ups find, as values that own nothing: in chunks; whoever answers turns them into
// tokens.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast {

// One instance's answer to a look-up.
struct LookupMatch {
  std::string_view instance;  // valid until the next change of the registry
  std::string_view location;
  uint32_t chunks = 0;
  uint32_t allRanksChunks = 0;
  uint32_t pinnedChunks = 0;  // of the best rank, from the first on; where that was asked for
  bool unconfirmed = false;
  std::vector<std::pair<std::string_view, uint32_t>> hits;
};

// A worker that another one can fetch chunks from.
struct PeerMatch {
  std::string_view instance;
  std::string_view location;
  uint32_t chunks = 0;
  std::string_view peerUrl;
};

}  // namespace holdfast
