// A look-up that takes several turns of the loop: its token list is hashed, and its chunks are
// looked up, piece by piece, in its turn among those of its connection.
#pragma once

#include <kj/async.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/index/prompt_lookup.h"
#include "serving/call_queue.h"
#include "serving/prompt_hashing.h"
#include "serving/services.h"

namespace holdfast {

// Resolves when the hashes of all chunks are in `hashes`. Everything outlives the promise.
kj::Promise<void> hashInPieces(Services& services, PromptHashing& hashing,
                               std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes);
// The same, whatever engines of its model do.
kj::Promise<void> hashInPieces(Services& services, TokenHasher& hasher,
                               std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes);

struct LongLookup {
  LongLookup(Services& all, kj::Own<CallQueue::Turn> itsTurn)
      : services(all), turn(kj::mv(itsTurn)), prompt(all.controller.newLookup()) {}

  // When it is its turn in the queue; `bytes` as in CallQueue::enter.
  static kj::Promise<kj::Own<LongLookup>> enter(Services& services, CallQueue& queue, size_t bytes);
  // Resolves when `prompt`, which has begun, is over.
  kj::Promise<void> advance();

  Services& services;
  const kj::Own<CallQueue::Turn> turn;
  PromptLookup prompt;
  std::optional<PromptHashing> hashing;  // of a token list
  std::vector<uint64_t> hashes;          // of a token list, or in an unusual encoding
  std::vector<uint32_t> tokens;          // in an unusual encoding
};

}  // namespace holdfast
