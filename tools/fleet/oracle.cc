#include "fleet/oracle.h"

#include <algorithm>

namespace holdfast::fleet {

std::vector<PrefixHolder> heldPrefixes(std::span<const SimulatedRank> ranks,
                                       size_t ranksPerInstance, std::span<const ChunkHash> prompt) {
  std::vector<PrefixHolder> holders;
  for (size_t i = 0; i < ranks.size() / ranksPerInstance; ++i) {
    size_t longest = 0;
    for (const SimulatedRank& rank : ranks.subspan(i * ranksPerInstance, ranksPerInstance)) {
      longest = std::max(longest, rank.heldPrefix(prompt));
    }
    if (longest > 0) holders.push_back({i, longest});
  }
  return holders;
}

}  // namespace holdfast::fleet
