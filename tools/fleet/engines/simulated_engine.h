// One data-parallel rank of a simulated engine: its prefix cache, and what it publishes of it. What
// the cache holds is the truth that a controller is compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/types.h"
#include "fleet/engines/engine_wire.h"
#include "fleet/lru_cache.h"
#include "tokens/block_hasher.h"

namespace holdfast::fleet {

// A chunk of the workload as so many tokens: the same ones for the same chunk.
void appendTokens(ChunkHash chunk, uint32_t blockSize, std::vector<uint32_t>& tokens);

class SimulatedEngine {
 public:
  // `capacity`: of its cache, in blocks.
  SimulatedEngine(EngineKind kind, uint32_t blockSize, uint32_t rank, size_t capacity);

  // What a process publishes before anything is asked of it; empty: nothing.
  std::string begin(double time);

  // A message and how many blocks it is about.
  struct Published {
    std::string payload;  // empty: nothing changed
    size_t stored = 0;
    size_t removed = 0;
    size_t hits = 0;  // leading blocks that were there already
  };
  Published serve(std::span<const ChunkHash> prompt, double time);
  // A new process: an empty cache.
  void restart();

  // The leading blocks of the prompt that it holds.
  size_t heldPrefix(std::span<const ChunkHash> prompt) const;
  size_t blocks() const { return cache_.size(); }
  // As it publishes the chunk; nothing: it does not hold it.
  std::optional<uint64_t> publishedHash(ChunkHash chunk) const;
  // Of the published hashes.
  KeyDigest digest() const;

 private:
  const EngineKind kind_;
  const uint32_t blockSize_;
  const size_t capacity_;
  BlockHasher hasher_;
  BatchEncoder encoder_;
  LruCache cache_;                                     // of the workload's chunks
  std::unordered_map<ChunkHash, uint64_t> published_;  // of those, their hashes
  CacheChanges changes_;
  std::vector<uint32_t> tokens_;
  std::vector<uint64_t> hashes_;
  std::vector<uint64_t> removed_;
};

}  // namespace holdfast::fleet
