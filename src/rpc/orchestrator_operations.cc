// Cache operations: from messages to the executor's requests, and from events to answers.
#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/queries/events.h"
#include "rpc/orchestrator_service.h"
#include "serving/cache_operations.h"
#include "serving/in_turns.h"
#include "serving/long_answer.h"
#include "serving/long_lookup.h"
#include "serving/lookup_calls.h"
#include "wire/errors.h"
#include "wire/events.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

constexpr uint32_t kEventsPerQueryDefault = 100;

// What all messages begin with.
template <typename Message>
OperationRequest requestOf(OperationKind kind, Message message) {
  OperationRequest request;
  request.kind = kind;
  request.eventId = stringOf(message.getEventId());
  request.instance = stringOf(message.getInstanceId());
  return request;
}

// What of the tokens is copied in a turn of the loop, about 0.1 ms.
constexpr size_t kTokensCopiedPerTurn = 1 << 17;

kj::Promise<void> copyInPieces(Services& services, std::span<const uint32_t> from,
                               std::vector<uint32_t>& to) {
  return inTurns(services, [from, &to]() {
    if (to.empty()) to.reserve(from.size());
    const auto next = from.subspan(to.size());
    const auto piece = next.first(std::min(next.size(), kTokensCopiedPerTurn));
    to.insert(to.end(), piece.begin(), piece.end());
    return to.size() != from.size();
  });
}

template <typename Context>
void answer(Context& context, const EventRecord& event) {
  write(event, context.getResults().initEvent());
}

}  // namespace

template <typename Context>
kj::Promise<void> OrchestratorService::operate(Context context, OperationRequest request,
                                               bool noWait) {
  context.releaseParams();
  return handle_->operations.enter(0).then([this, context, noWait, request = kj::mv(request)](
                                               kj::Own<CallQueue::Turn>&& turn) mutable {
    return services_.budget.ready(kStartCostBytes)
        .then([this, context, noWait, request = kj::mv(request), turn = kj::mv(turn)]() mutable {
          return begin(context, kj::mv(request), noWait);
        });
  });
}

template <typename Context>
kj::Promise<void> OrchestratorService::operateOn(schema::ChunkSelection::Reader chunks,
                                                 Context context, OperationRequest request,
                                                 bool noWait) {
  request.allChunks = chunks.isAll();
  request.model = stringOf(chunks.getModel());
  if (chunks.isHashes()) {
    const auto list = chunks.getHashes();
    if (auto error = tooManyHashes(list.size())) return wireError(*error);
    const auto hashes = numbersOf<uint64_t>(list, hashes_);
    request.chunks.assign(hashes.begin(), hashes.end());
  } else if (chunks.isTokens()) {
    const Tokens tokens = chunks.getTokens();
    if (auto error = tooManyTokens(services_, tokens.size())) return wireError(*error);
    if (tokens.size() > kTokensPerTurn) {
      return operateOnTokens(tokens, context, kj::mv(request), noWait);
    }
    const auto prompt = numbersOf<uint32_t>(tokens, scratch_);
    services_.hasher.hash(prompt, request.chunks);
    if (services_.executor.takesTokens(request.instance)) {
      request.tokens = std::make_shared<const std::vector<uint32_t>>(prompt.begin(), prompt.end());
    }
  }
  return operate(context, kj::mv(request), noWait);
}

// Hashed in its turn, so that none that came later over this connection overtakes it.
template <typename Context>
kj::Promise<void> OrchestratorService::operateOnTokens(Tokens list, Context context,
                                                       OperationRequest request, bool noWait) {
  struct Hashing {
    Hashing(OperationRequest&& what, kj::Own<CallQueue::Turn>&& place)
        : request(kj::mv(what)), turn(kj::mv(place)) {}

    OperationRequest request;
    kj::Own<CallQueue::Turn> turn;
    std::vector<uint32_t> scratch;
    std::vector<uint32_t> kept;  // for ranks that take tokens
  };
  return handle_->operations.enter(list.size() * sizeof(uint32_t))
      .then([this, list, context, noWait,
             request = kj::mv(request)](kj::Own<CallQueue::Turn>&& turn) mutable {
        auto hashing = kj::heap<Hashing>(kj::mv(request), kj::mv(turn));
        Hashing& state = *hashing;
        const auto prompt = numbersOf<uint32_t>(list, state.scratch);
        return hashInPieces(services_, services_.hasher, prompt, state.request.chunks)
            .then([this, prompt, &state]() -> kj::Promise<void> {
              if (!services_.executor.takesTokens(state.request.instance)) return kj::READY_NOW;
              return copyInPieces(services_, prompt, state.kept).then([&state]() {
                state.request.tokens =
                    std::make_shared<const std::vector<uint32_t>>(std::move(state.kept));
              });
            })
            .then([this]() { return services_.budget.ready(kStartCostBytes); })
            .then([this, context, noWait, hashing = kj::mv(hashing)]() mutable {
              context.releaseParams();
              return begin(context, kj::mv(hashing->request), noWait);
            });
      });
}

template <typename Context>
kj::Promise<void> OrchestratorService::begin(Context context, OperationRequest request,
                                             bool noWait) {
  return holdfast::operate(services_, kj::mv(request), noWait)
      .then([context](std::shared_ptr<const EventRecord>&& event) mutable {
        answer(context, *event);
      });
}

kj::Promise<void> OrchestratorService::clear(ClearContext context) {
  const auto message = context.getParams().getMessage();
  OperationRequest request = requestOf(OperationKind::kClear, message);
  request.location = stringOf(message.getLocation());
  return operate(context, std::move(request), message.getNoWait());
}

kj::Promise<void> OrchestratorService::pin(PinContext context) {
  const auto message = context.getParams().getMessage();
  OperationRequest request = requestOf(OperationKind::kPin, message);
  request.location = stringOf(message.getLocation());
  request.ttlSeconds = message.getTtlSeconds();
  return operateOn(message.getChunks(), context, std::move(request), message.getNoWait());
}

template <typename Context>
kj::Promise<void> OrchestratorService::compressOr(OperationKind kind, Context context) {
  const auto message = context.getParams().getMessage();
  OperationRequest request = requestOf(kind, message);
  request.location = stringOf(message.getLocation());
  request.method = stringOf(message.getMethod());
  return operateOn(message.getChunks(), context, std::move(request), message.getNoWait());
}

kj::Promise<void> OrchestratorService::compress(CompressContext context) {
  return compressOr(OperationKind::kCompress, context);
}

kj::Promise<void> OrchestratorService::decompress(DecompressContext context) {
  return compressOr(OperationKind::kDecompress, context);
}

kj::Promise<void> OrchestratorService::move(MoveContext context) {
  const auto message = context.getParams().getMessage();
  OperationRequest request;
  request.kind = OperationKind::kMove;
  request.eventId = stringOf(message.getEventId());
  request.instance = stringOf(message.getOldPosition().getInstanceId());
  request.location = stringOf(message.getOldPosition().getLocation());
  request.toInstance = stringOf(message.getNewPosition().getInstanceId());
  request.toLocation = stringOf(message.getNewPosition().getLocation());
  request.copy = message.getCopy();
  return operateOn(message.getChunks(), context, std::move(request), message.getNoWait());
}

kj::Promise<void> OrchestratorService::health(HealthContext context) {
  return operate(context, requestOf(OperationKind::kHealth, context.getParams().getMessage()),
                 false);
}

kj::Promise<void> OrchestratorService::checkFinish(CheckFinishContext context) {
  return operationNamed(services_, viewOf(context.getParams().getMessage().getEventId()))
      .then([context](std::shared_ptr<const EventRecord>&& event) mutable {
        answer(context, *event);
      });
}

kj::Promise<void> OrchestratorService::events(EventsContext context) {
  const auto message = context.getParams().getMessage();
  const auto instance = viewOf(message.getInstanceId());
  if (auto bad = invalidText("instance id", instance, kInstanceIdBytesMax)) {
    return wireError({ErrorCode::kInvalid, *bad});
  }
  if (message.getMax() > kEventsPerQueryMax) {
    return wireError({ErrorCode::kInvalid, "at most " + std::to_string(kEventsPerQueryMax) +
                                               " events can be listed, not " +
                                               std::to_string(message.getMax())});
  }
  return inPieces(services_, context,
                  ListAnswer(
                      queries::EventCursor(services_.executor,
                                           {.instance = std::string(instance),
                                            .unfinishedOnly = message.getUnfinishedOnly(),
                                            .max = message.getMax() == 0 ? kEventsPerQueryDefault
                                                                         : message.getMax()}),
                      [context](const queries::EventCursor& cursor, kj::uint size) mutable {
                        auto answer = context.getResults().initAnswer();
                        answer.setTotal(cursor.total());
                        return answer.initEvents(size);
                      },
                      [](const queries::EventView& event, auto to) {
                        write(event.record, event.summary, to);
                        return size_t{1};
                      }));
}

}  // namespace holdfast
