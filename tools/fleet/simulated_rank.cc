#include "fleet/simulated_rank.h"

#include <algorithm>
#include <utility>

namespace holdfast::fleet {

SimulatedRank::SimulatedRank(std::string instance, uint32_t rank, size_t capacity,
                             size_t diskCapacity)
    : instance_(std::move(instance)), rank_(rank) {
  tiers_.push_back({"LocalCPUBackend", LruCache(capacity), {}});
  if (diskCapacity > 0) tiers_.push_back({"LocalDiskBackend", LruCache(diskCapacity), {}});
}

size_t SimulatedRank::serve(std::span<const ChunkHash> prompt) {
  const size_t hits = heldPrefix(prompt);
  for (Tier& tier : tiers_) tier.cache.use(prompt, tier.changes);
  return hits;
}

void SimulatedRank::endPins(uint64_t nowMs) {
  for (Tier& tier : tiers_) tier.cache.endPins(nowMs);
}

size_t SimulatedRank::heldPrefix(std::span<const ChunkHash> prompt) const {
  size_t held = 0;
  while (held < prompt.size() && std::any_of(tiers_.begin(), tiers_.end(), [&](const Tier& tier) {
           return tier.cache.holds(prompt[held]);
         })) {
    ++held;
  }
  return held;
}

void SimulatedRank::restart(bool diskSurvives) {
  for (Tier& tier : tiers_) {
    if (diskSurvives && &tier != &tiers_.front()) {
      tier.cache.unpinAll();
      continue;
    }
    tier.cache = LruCache(tier.cache.capacity());
  }
}

SimulatedRank::Tier* SimulatedRank::tier(const std::string& location) {
  for (Tier& tier : tiers_) {
    if (tier.location == location) return &tier;
  }
  return nullptr;
}

size_t SimulatedRank::chunks() const {
  size_t sum = 0;
  for (const Tier& tier : tiers_) sum += tier.cache.size();
  return sum;
}

void SimulatedRank::addTo(RegistryDigest& digest) const {
  for (const Tier& tier : tiers_) {
    if (tier.cache.size() == 0) continue;  // the content digest leaves empty locations out
    KeyDigest keys;
    const auto contents = tier.cache.contents();
    for (const ChunkHash chunk : contents) keys.add(chunk);
    digest.addContent(instance_, rank_, tier.location, contents.size(), keys);
  }
}

}  // namespace holdfast::fleet
