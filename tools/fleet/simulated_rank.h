// One rank of a simulated instance: its identity and its cache. The ground truth that the
// controller is compared with comes from here and from nowhere else.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/registry_digest.h"
#include "core/types.h"
#include "fleet/lru_cache.h"

namespace holdfast::fleet {

class SimulatedRank {
 public:
  // `capacity` in chunks.
  SimulatedRank(std::string instance, uint32_t rank, std::string location, size_t capacity);

  // Serves a prompt. What it returns is to be reported, evicts first, and valid until the next
  // call.
  const CacheChanges& serve(std::span<const ChunkHash> prompt);

  const std::string& instance() const { return instance_; }
  uint32_t rank() const { return rank_; }
  const std::string& location() const { return location_; }
  const LruCache& cache() const { return cache_; }

  // Adds the cache's contents, counted anew, to a content digest.
  void addTo(RegistryDigest& digest) const;

 private:
  std::string instance_;
  uint32_t rank_;
  std::string location_;
  LruCache cache_;
  CacheChanges changes_;
};

}  // namespace holdfast::fleet
