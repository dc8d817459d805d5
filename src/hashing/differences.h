// What two ways to hash differ in, and what to set, as people read it.
#pragma once

#include <string>

#include "hashing/stored_blocks.h"
#include "tokens/hash_profile.h"

namespace holdfast {

// Both of one family, and not equal: "its PYTHONHASHSEED is 7, the others' is not set: start every
// engine with the same environment variable PYTHONHASHSEED".
std::string differenceOf(const HashProfile& is, const HashProfile& others);

// What may be wrong with hashes that fit no profile. `algorithm`: which one, where all but the seed
// fits. `others`: how the rest of the model hashes; null: not known.
std::string whyNoneFits(const StoredBlocks& blocks, const HashScheme* algorithm,
                        const HashProfile* others);

}  // namespace holdfast
