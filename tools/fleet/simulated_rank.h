// One rank of a simulated instance: its identity and its cache, in memory and, where it has one, on
// disk. The ground truth that the controller is compared with comes from here and from nowhere
// else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/registry/registry_digest.h"
#include "core/types.h"
#include "fleet/lru_cache.h"

namespace holdfast::fleet {

class SimulatedRank {
 public:
  struct Tier {
    std::string location;
    LruCache cache;
    CacheChanges changes;  // of the last prompt: to be reported, evicts first
  };

  // Capacities in chunks; a diskCapacity of 0 is no disk.
  SimulatedRank(std::string instance, uint32_t rank, size_t capacity, size_t diskCapacity);

  // Uses the prompt in all tiers: what goes to memory is written to disk as well. Returns the
  // leading chunks that were there already, each in some tier.
  size_t serve(std::span<const ChunkHash> prompt);
  // The leading chunks that are there.
  size_t heldPrefix(std::span<const ChunkHash> prompt) const;
  // Pins whose time is over.
  void endPins(uint64_t nowMs);
  // What a new process finds: nothing in memory, nothing pinned; the disk as it was, or nothing.
  void restart(bool diskSurvives);

  const std::string& instance() const { return instance_; }
  uint32_t rank() const { return rank_; }
  // The memory is the first.
  const std::vector<Tier>& tiers() const { return tiers_; }
  // For operations on it; nullptr if there is no such location.
  Tier* tier(const std::string& location);
  size_t chunks() const;

  // Adds the contents, counted anew, to a content digest.
  void addTo(RegistryDigest& digest) const;

 private:
  std::string instance_;
  uint32_t rank_;
  std::vector<Tier> tiers_;
};

}  // namespace holdfast::fleet
