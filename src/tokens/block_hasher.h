// The hashes of blocks as engines compute and publish them, under one profile: each hash covers the
// one before it, so it stands for the whole prefix.
//
//   vllm, mp sha256_cbor  h = F(S((h before, (tokens), extra))), the first after NONE_HASH =
//                         F(S(seed)). S: pickle or canonical CBOR; F: SHA-256, or XXH3-128 in its
//                         canonical bytes. extra: none, or tuples ("lora", name, path),
//                         ("mm", identifier, offset)..., ("cache_salt", salt) in the first block,
//                         ("prompt_embeds", digest); untagged: (LoRA number, identifiers..., salt)
//   lmcache               h = first 8 bytes of F(S((h before as an integer, (tokens), ()))), or
//                         CPython's hash() of that tuple
//   mp builtin, blake3    hash((h before, (tokens), None)); BLAKE3(h before || tokens, big-endian
//                         u32); the first after that of 0 and the token 0
//   sglang                SHA-256(h before || tokens, little-endian u32); a salt is what stands
//                         before the first. With a namespace what is published is another SHA-256
//                         of it
//   dynamo                b = XXH3-64(tokens, little-endian u32 || media, sorted; a seed made of
//                         adapter and salt); h = XXH3-64(h before || b), the first h = b
//
// Taken from what the packages themselves compute: tests/tokens/make_engine_hashes.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "tokens/block_keys.h"
#include "tokens/digest.h"
#include "tokens/hash_profile.h"
#include "tokens/sha256.h"

namespace holdfast {

// Not thread-safe: it reuses its buffer. Cheap to keep, costly to construct for each call.
class BlockHasher {
 public:
  // Of all keys of a block, beyond which it is not hashed.
  static constexpr size_t kKeyBytesMax = size_t{16} * 1024;

  // `profile` must be valid.
  explicit BlockHasher(HashProfile profile);
  BlockHasher(const BlockHasher&) = delete;
  BlockHasher& operator=(const BlockHasher&) = delete;

  const HashProfile& profile() const { return profile_; }
  // Another one from now on; it must be valid.
  void use(HashProfile profile);

  // Why prompts with these keys have hashes that cannot be computed here. Nothing: they can.
  std::optional<Error> refuses(const PromptKeys& keys) const;

  // What stands before the first block of a prompt; of size 0 where nothing does.
  BlockHash begin(const PromptKeys& keys);
  // The hash of the block after `before`. `first`: it is the first of its prompt. refuses()
  // nothing. Token: uint32_t; uint64_t for tokens that are wider, which SGLang has.
  template <typename Token>
  BlockHash next(const BlockHash& before, bool first, std::span<const Token> tokens,
                 const PromptKeys& keys, const BlockKeys& block);
  // As it is published in 64 bits, which is what the index knows it by.
  uint64_t published(const BlockHash& hash, const PromptKeys& keys);

  // The keys of a prompt in pieces: adds those of the next blocks to `hashes`, about `tokensMax`
  // tokens and at least one block. `last`: begin() at first; then as it was left. True when no
  // whole block is left.
  bool extend(std::span<const uint32_t> tokens, const PromptKeys& keys, BlockHash& last,
              std::vector<uint64_t>& hashes, size_t tokensMax);

 private:
  BlockHash noneHash();
  BlockHash digest(HashScheme scheme);  // of what is in bytes_
  // SGLang's namespace, as a SHA-256; nothing: what is published is the hash itself.
  std::optional<BlockHash> namespaceOf(const PromptKeys& keys);

  HashProfile profile_;
  Sha256 sha256_;
  std::vector<uint8_t> bytes_;
  BlockHash noneHash_;
};

}  // namespace holdfast
