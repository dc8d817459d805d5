// Whether what an engine stored has the hashes of a profile.
#pragma once

#include <cstdint>
#include <optional>

#include "hashing/stored_blocks.h"
#include "tokens/block_hasher.h"

namespace holdfast {

enum class Fit : uint8_t {
  kUnknown,  // it cannot be computed: what it continues, or a key, is known to the engine only
  kYes,
  kOtherRoot,  // as what comes before the first block was another one: all but the seed fits
  kNo,
};

struct Trial {
  Fit fit = Fit::kUnknown;
  // kYes: the hash of the last block, as the chain goes on with it.
  BlockHash last = {};
};

// Why nothing can be learned of it, whatever the profile. Nothing: it is well-formed.
const char* malformed(const StoredBlocks& blocks);

// `blocks` is well-formed. `parent`: what stands before its first block where that is known though
// its event does not say it in whole. Works on all its blocks if the first one fits.
Trial tryProfile(BlockHasher& hasher, const StoredBlocks& blocks, const BlockHash* parent);

}  // namespace holdfast
