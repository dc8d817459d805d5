#include "serving/long_lookup.h"

namespace holdfast {

kj::Promise<void> hashInPieces(Services& services, PromptHashing& hashing,
                               std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes) {
  return services.budget.ready(ReadBudget::kBytesPerTurn)
      .then([&services, &hashing, tokens, &hashes]() -> kj::Promise<void> {
        if (hashing.extend(tokens, hashes, hashing.tokensPerTurn())) return kj::READY_NOW;
        return hashInPieces(services, hashing, tokens, hashes);
      });
}

kj::Promise<void> hashInPieces(Services& services, std::span<const uint32_t> tokens,
                               std::vector<uint64_t>& hashes) {
  return services.budget.ready(ReadBudget::kBytesPerTurn)
      .then([&services, tokens, &hashes]() -> kj::Promise<void> {
        if (services.hasher.extend(tokens, hashes, kTokensPerTurn)) return kj::READY_NOW;
        return hashInPieces(services, tokens, hashes);
      });
}

kj::Promise<kj::Own<LongLookup>> LongLookup::enter(Services& services, CallQueue& queue,
                                                   size_t bytes) {
  return queue.enter(bytes).then([&services](kj::Own<CallQueue::Turn>&& place) {
    return kj::heap<LongLookup>(services, kj::mv(place));
  });
}

kj::Promise<void> LongLookup::advance() {
  return services.budget.ready(ReadBudget::kBytesPerTurn).then([this]() -> kj::Promise<void> {
    if (services.controller.advance(prompt)) return kj::READY_NOW;
    return advance();
  });
}

}  // namespace holdfast
