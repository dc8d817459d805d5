// Who holds the beginning of a prompt, asked of the simulated caches themselves: the answer of a
// controller that knows everything at once.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/types.h"
#include "fleet/router.h"
#include "fleet/simulated_rank.h"

namespace holdfast::fleet {

// Rank r of instance i is at i * ranksPerInstance + r. The longest prefix that some rank of an
// instance holds counts; instances that hold nothing are left out.
std::vector<PrefixHolder> heldPrefixes(std::span<const SimulatedRank> ranks,
                                       size_t ranksPerInstance, std::span<const ChunkHash> prompt);

}  // namespace holdfast::fleet
