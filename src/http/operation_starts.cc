#include "http/operation_starts.h"

#include <utility>

#include "serving/cache_operations.h"
#include "serving/long_lookup.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

struct TokensToHash {
  OperationRequest request;
  std::vector<uint32_t> tokens;
};

}  // namespace

kj::Promise<std::shared_ptr<const EventRecord>> OperationStarts::begin(OperationRequest request,
                                                                       bool noWait) {
  return services_.budget.ready(kStartCostBytes)
      .then([this, noWait, request = std::move(request)]() mutable {
        return operate(services_, std::move(request), noWait);
      });
}

kj::Promise<std::shared_ptr<const EventRecord>> OperationStarts::begin(OperationRequest request,
                                                                       std::vector<uint32_t> tokens,
                                                                       bool noWait) {
  if (auto error = tooManyHashes(services_.hasher.chunkCount(tokens.size()))) {
    return wireError(*error);
  }
  const size_t bytes = tokens.size() * sizeof(uint32_t);
  return hashing_.enter(bytes).then(
      [this, noWait,
       state = kj::heap<TokensToHash>(TokensToHash{std::move(request), std::move(tokens)})](
          kj::Own<CallQueue::Turn>&& turn) mutable {
        TokensToHash& one = *state;
        // The next one's turn comes when this one has begun, not when it has ended.
        return hashInPieces(services_, services_.hasher, one.tokens, one.request.chunks)
            .then([this, noWait, state = kj::mv(state), turn = kj::mv(turn)]() mutable {
              if (services_.executor.takesTokens(state->request.instance)) {
                state->request.tokens =
                    std::make_shared<const std::vector<uint32_t>>(std::move(state->tokens));
              }
              return begin(std::move(state->request), noWait);
            });
      });
}

}  // namespace holdfast::http
