// Which profiles could be meant by what an engine stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "hashing/stored_blocks.h"
#include "tokens/hash_profile.h"

namespace holdfast {

// PYTHONHASHSEED; nothing: it is not set.
using Seed = std::optional<std::string>;

// Calls take(profile) with each, the likely ones first, until it returns true. Whether one did.
bool anyCandidate(const StoredBlocks& blocks, std::span<const Seed> seeds,
                  const std::function<bool(const HashProfile&)>& take);
// The same with one seed alone, of those that have one.
bool anySeeded(const StoredBlocks& blocks, const Seed& seed,
               const std::function<bool(const HashProfile&)>& take);

// Seeds to be searched for, by a number below kSeedsSearched: what people type, then 0, 1, 2, ...
inline constexpr uint32_t kSeedsSearched = 65'536 + 10;
std::string searchedSeed(uint32_t number);

}  // namespace holdfast
