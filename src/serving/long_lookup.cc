#include "serving/long_lookup.h"

#include "serving/in_turns.h"

namespace holdfast {

kj::Promise<void> hashInPieces(Services& services, PromptHashing& hashing,
                               std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes) {
  return inTurns(services, [&hashing, tokens, &hashes]() {
    return !hashing.extend(tokens, hashes, hashing.tokensPerTurn());
  });
}

kj::Promise<void> hashInPieces(Services& services, TokenHasher& hasher,
                               std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes) {
  return inTurns(services, [&hasher, tokens, &hashes]() {
    return !hasher.extend(tokens, hashes, kTokensPerTurn);
  });
}

kj::Promise<kj::Own<LongLookup>> LongLookup::enter(Services& services, CallQueue& queue,
                                                   size_t bytes) {
  return queue.enter(bytes).then([&services](kj::Own<CallQueue::Turn>&& place) {
    return kj::heap<LongLookup>(services, kj::mv(place));
  });
}

kj::Promise<void> LongLookup::advance() {
  return inTurns(services, [this]() { return !services.controller.advance(prompt); });
}

}  // namespace holdfast
