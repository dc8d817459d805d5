#include "fleet/simulated_rank.h"

#include <utility>

namespace holdfast::fleet {

SimulatedRank::SimulatedRank(std::string instance, uint32_t rank, std::string location,
                             size_t capacity)
    : instance_(std::move(instance)),
      rank_(rank),
      location_(std::move(location)),
      cache_(capacity) {}

const CacheChanges& SimulatedRank::serve(std::span<const ChunkHash> prompt) {
  cache_.use(prompt, changes_);
  return changes_;
}

void SimulatedRank::addTo(RegistryDigest& digest) const {
  if (cache_.size() == 0) return;  // the content digest leaves empty locations out
  KeyDigest keys;
  const auto contents = cache_.contents();
  for (const ChunkHash chunk : contents) keys.add(chunk);
  digest.addContent(instance_, rank_, location_, contents.size(), keys);
}

}  // namespace holdfast::fleet
