// How the tokens of one look-up become hashes: as the engines of its model hash them, where that
// was learned (hashing/hash_doctor.h); else as the controller's settings say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "serving/services.h"
#include "tokens/block_hasher.h"

namespace holdfast {

// About 0.1 ms of hashing, also the limit of what is hashed at once.
inline constexpr size_t kTokensPerTurn = 32'768;

class PromptHashing {
 public:
  // `services`, and what `keys` refers to, outlive it. An empty model is the default one. LMCache's
  // ways, which the controller's settings are, leave `keys` out.
  PromptHashing(Services& services, std::string_view model, const PromptKeys& keys = {});

  // Why such prompts cannot be hashed here; nothing is hashed then.
  const std::optional<Error>& refused() const { return refused_; }
  uint32_t chunkSize() const;  // tokens
  size_t chunkCount(size_t tokens) const;
  // As kTokensPerTurn, of this way to hash.
  size_t tokensPerTurn() const;
  // Adds the hashes of the next chunks, about `tokensMax` tokens. True when none are left.
  bool extend(std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes, size_t tokensMax);

 private:
  TokenHasher& settings_;
  std::shared_ptr<BlockHasher> learned_;  // null: nothing was
  PromptKeys keys_;
  std::optional<Error> refused_;
  BlockHash last_;
};

}  // namespace holdfast
