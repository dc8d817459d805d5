// The cache of one simulated rank: a bounded set of chunks, least recently used out first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/types.h"

namespace holdfast::fleet {

// What serving a prompt did to a cache. No chunk is in both lists.
struct CacheChanges {
  std::vector<ChunkHash> evicted;   // happened before
  std::vector<ChunkHash> admitted;  // these
  size_t hits = 0;                  // leading chunks of the prompt that were there already
};

class LruCache {
 public:
  // capacity: 1..2^31 chunks. Memory grows with what is held, not with the capacity.
  explicit LruCache(size_t capacity);

  // Uses the chunks of a prompt and holds all of them afterwards, except those beyond the capacity
  // (less what is pinned). A prompt's first chunk counts as used last and is evicted last, because
  // a chunk is worthless without those before it: whatever is held, its prefix is held too.
  void use(std::span<const ChunkHash> prompt, CacheChanges& changes);

  // Removes a chunk; false if it is not held.
  bool remove(ChunkHash chunk);

  // Protects those of the chunks that are held from eviction until endPins(`endsMs`) or later; 0:
  // for good. Replaces older pins. Returns false and changes nothing if more than half of the cache
  // would be pinned.
  bool pin(std::span<const ChunkHash> chunks, uint64_t endsMs);
  void endPins(uint64_t nowMs);
  // A process that ends forgets its pins.
  void unpinAll() { pinned_.clear(); }
  // How a held chunk is compressed; empty: not at all.
  void setMethod(ChunkHash chunk, const std::string& method);
  size_t pinned() const { return pinned_.size(); }
  size_t compressed() const { return methods_.size(); }

  size_t size() const { return entries_.size(); }
  size_t capacity() const { return capacity_; }
  bool holds(ChunkHash chunk) const { return positions_.contains(chunk); }
  // Most recently used first.
  std::vector<ChunkHash> contents() const;

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};
  struct Entry {
    ChunkHash chunk = 0;
    uint32_t newer = kNone;
    uint32_t older = kNone;
  };

  void touch(uint32_t position);
  void unlink(uint32_t position);
  void linkNewest(uint32_t position);

  size_t capacity_;
  std::vector<Entry> entries_;
  std::unordered_map<ChunkHash, uint32_t> positions_;
  std::unordered_map<ChunkHash, uint64_t> pinned_;      // and when that ends
  uint64_t nextEndMs_ = UINT64_MAX;                     // no pin ends before
  std::unordered_map<ChunkHash, std::string> methods_;  // of the compressed ones
  uint32_t newest_ = kNone;
  uint32_t oldest_ = kNone;
};

}  // namespace holdfast::fleet
