// Token lists -> chunk hashes: the chained hashes that engines use, so that a look-up by tokens
// finds what workers reported by hash.
//
// Tokens are cut into chunks of `chunkSize`; hash_i = H(hash_{i-1}, tokens_i, no extra keys), where
// hash_{-1} is the agreed `noneHash`; HashAlgorithm says what H is and how it writes the third. A
// chunk's hash thereby stands for the whole prefix up to its end. All parties must use the same
// settings, or nothing matches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/hash_settings.h"

namespace holdfast {

class Sha256;

// Tokens [start, end) of the list. `hash` is the low 64 bits, so negative ones wrap.
struct TokenChunk {
  uint32_t start = 0;
  uint32_t end = 0;
  uint64_t hash = 0;

  friend bool operator==(const TokenChunk&, const TokenChunk&) = default;
};

// Not thread-safe: it reuses its buffers. Cheap to keep, costly to construct for each call.
class TokenHasher {
 public:
  // `settings` must be valid.
  explicit TokenHasher(const HashSettings& settings);
  ~TokenHasher();
  TokenHasher(const TokenHasher&) = delete;
  TokenHasher& operator=(const TokenHasher&) = delete;

  const HashSettings& settings() const { return settings_; }

  // Chunks that a list of `tokens` tokens gives.
  size_t chunkCount(size_t tokens) const;
  // Where chunk `index` of a list of `tokens` tokens ends: the tokens matched by index + 1 chunks.
  size_t chunkEnd(size_t index, size_t tokens) const;

  // Replaces `chunks`. At most 2^32-1 tokens; callers bound them far lower.
  void hash(std::span<const uint32_t> tokens, std::vector<TokenChunk>& chunks);
  // The same, hashes alone. Replaces `hashes`.
  void hash(std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes);
  // The same in pieces: adds the hashes of the next chunks to those that are there, about
  // `tokensMax` tokens and at least one chunk. True when none are left.
  bool extend(std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes, size_t tokensMax);

 private:
  uint64_t hashChunk(uint64_t previous, std::span<const uint32_t> tokens);

  HashSettings settings_;
  std::unique_ptr<Sha256> sha256_;  // only where the algorithm needs it
  std::vector<uint8_t> cbor_;       // the encoding of one chunk
};

}  // namespace holdfast
