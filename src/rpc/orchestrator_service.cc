#include "rpc/orchestrator_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/ids.h"
#include "core/index/lookup_miss.h"
#include "core/queries/instance_by_ip.h"
#include "core/queries/workers.h"
#include "rpc/convert_queries.h"
#include "serving/long_answer.h"
#include "wire/errors.h"
#include "wire/lists.h"
#include "wire/lookups.h"
#include "wire/text.h"

namespace holdfast {
namespace {

std::optional<Error> invalidEventId(capnp::Text::Reader eventId) {
  if (eventId.size() == 0) return std::nullopt;
  const auto bad = invalidText("event id", viewOf(eventId), kEventIdBytesMax);
  if (!bad) return std::nullopt;
  return Error{ErrorCode::kInvalid, *bad};
}

// Words that an answer needs.
uint64_t wordsOfAnswer(std::span<const LookupMatch> matches, capnp::Text::Reader eventId) {
  constexpr uint64_t kMiss = 32;
  return wordsOf(matches) + eventId.size() / 8 + 1 + (matches.empty() ? kMiss : 0);
}

}  // namespace

std::optional<Error> OrchestratorService::tooMany(Tokens tokens) const {
  if (tokens.size() > kTokensPerLookupMax) {
    return Error{ErrorCode::kInvalid, "prompt of " + std::to_string(tokens.size()) +
                                          " tokens, at most " +
                                          std::to_string(kTokensPerLookupMax) + " are allowed"};
  }
  if (const size_t chunks = services_.hasher.chunkCount(tokens.size());
      chunks > kHashesPerLookupMax) {
    return Error{ErrorCode::kInvalid, "prompt of " + std::to_string(tokens.size()) +
                                          " tokens, which are " + std::to_string(chunks) +
                                          " chunks, at most " +
                                          std::to_string(kHashesPerLookupMax) + " are allowed"};
  }
  return std::nullopt;
}

OrchestratorService::Prompt OrchestratorService::promptOf(Tokens list) {
  const std::span<const uint32_t> tokens = numbersOf<uint32_t>(list, scratch_);
  services_.hasher.hash(tokens, hashes_);
  return Prompt{.hashes = hashes_, .tokens = tokens};
}

uint64_t OrchestratorService::tokensOf(const Prompt& prompt, uint32_t chunks) const {
  if (chunks == 0) return 0;
  if (prompt.tokens.empty()) return uint64_t{chunks} * services_.options.hashing.chunkSize;
  return services_.hasher.chunkEnd(chunks - 1, prompt.tokens.size());
}

kj::Promise<void> OrchestratorService::lookup(LookupContext context) {
  const auto message = context.getParams().getMessage();
  if (auto error = invalidEventId(message.getEventId())) return wireError(*error);
  Prompt prompt;
  if (message.isTokens()) {
    const Tokens tokens = message.getTokens();
    if (auto error = tooMany(tokens)) return wireError(*error);
    if (isLong(tokens)) return lookupTokensInPieces(context, tokens);
    prompt = promptOf(tokens);
  } else {
    prompt.hashes = numbersOf<uint64_t>(message.getHashes(), hashes_);
  }
  PromptLookup& lookup = services_.lookup;
  if (auto error = lookup.begin(viewOf(message.getModel()), prompt.hashes, message.getWithPins())) {
    return wireError(*error);
  }
  if (services_.controller.advance(lookup)) {
    const input::LookedUp over{lookup, prompt.tokens};
    answerLookup(context, services_.controller.take(over), prompt);
    return kj::READY_NOW;
  }
  return message.isTokens() ? lookupTokensInPieces(context, message.getTokens())
                            : lookupHashesInPieces(context);
}

kj::Promise<void> OrchestratorService::lookupTokensInPieces(LookupContext context, Tokens list) {
  context.allowCancellation();
  return LongLookup::enter(services_, handle_->lookups, list.size() * sizeof(uint32_t))
      .then([this, context, list](kj::Own<LongLookup>&& lookup) mutable {
        LongLookup& state = *lookup;
        const auto tokens = numbersOf<uint32_t>(list, state.tokens);
        return hashInPieces(services_, tokens, state.hashes)
            .then([this, context, tokens, lookup = kj::mv(lookup)]() mutable {
              const Prompt prompt{.hashes = lookup->hashes, .tokens = tokens};
              return lookupInPieces(context, kj::mv(lookup), prompt);
            });
      });
}

kj::Promise<void> OrchestratorService::lookupHashesInPieces(LookupContext context) {
  context.allowCancellation();
  const auto list = context.getParams().getMessage().getHashes();
  return LongLookup::enter(services_, handle_->lookups, list.size() * sizeof(ChunkHash))
      .then([this, context, list](kj::Own<LongLookup>&& lookup) mutable {
        const Prompt prompt{.hashes = numbersOf<uint64_t>(list, lookup->hashes), .tokens = {}};
        return lookupInPieces(context, kj::mv(lookup), prompt);
      });
}

kj::Promise<void> OrchestratorService::lookupInPieces(LookupContext context,
                                                      kj::Own<LongLookup> lookup, Prompt prompt) {
  const auto message = context.getParams().getMessage();
  if (auto error =
          lookup->prompt.begin(viewOf(message.getModel()), prompt.hashes, message.getWithPins())) {
    return wireError(*error);
  }
  auto over = lookup->advance();
  return over
      .then([this, context, prompt, &state = *lookup]() mutable {
        // The tokens of a long prompt are left out of a capture log: it would take long to copy
        // them, and nothing of a replay depends on them.
        answerLookup(context, services_.controller.take(input::LookedUp{state.prompt, {}}), prompt);
      })
      .attach(kj::mv(lookup));
}

void OrchestratorService::answerLookup(LookupContext context, std::span<const LookupMatch> matches,
                                       const Prompt& prompt) {
  const auto message = context.getParams().getMessage();
  auto results =
      context.getResults(capnp::MessageSize{wordsOfAnswer(matches, message.getEventId()), 0})
          .initAnswer();
  if (message.getEventId().size() != 0) results.setEventId(message.getEventId());
  if (matches.empty()) explainMiss(message, prompt, results);
  auto layouts = results.initLayoutInfo(static_cast<kj::uint>(matches.size()));
  for (kj::uint i = 0; i < layouts.size(); ++i) {
    const LookupMatch& match = matches[i];
    write(match,
          {.matched = tokensOf(prompt, match.chunks),
           .allRanks = tokensOf(prompt, match.allRanksChunks),
           .pinned = tokensOf(prompt, match.pinnedChunks)},
          layouts[i]);
  }
}

void OrchestratorService::explainMiss(schema::LookupMsg::Reader message, const Prompt& prompt,
                                      schema::LookupRetMsg::Builder answer) const {
  static_assert(static_cast<int>(schema::LookupMiss::HIDDEN) ==
                static_cast<int>(LookupMiss::kHidden));
  ExplainedMiss why;
  if (!prompt.hashes.empty()) {
    why = holdfast::explainMiss(services_.registry.tree(), services_.registry.index(),
                                viewOf(message.getModel()), prompt.hashes.front());
  } else if (message.isTokens()) {
    why = {LookupMiss::kNoChunk, "the prompt has " + std::to_string(message.getTokens().size()) +
                                     " tokens, fewer than a chunk, which has " +
                                     std::to_string(services_.options.hashing.chunkSize)};
  } else {
    why = {LookupMiss::kNoChunk, "the look-up names no hashes"};
  }
  answer.setMiss(static_cast<schema::LookupMiss>(why.miss));
  answer.setMessage(textOf(why.text));
}

kj::Promise<void> OrchestratorService::queryInstance(QueryInstanceContext context) {
  const auto message = context.getParams().getMessage();
  if (auto error = invalidEventId(message.getEventId())) return wireError(*error);
  if (auto bad = invalidId("ip", viewOf(message.getIp()), kIpBytesMax)) {
    return wireError({ErrorCode::kInvalid, *bad});
  }
  return inPieces(services_, context,
                  [context, eventId = std::string(viewOf(message.getEventId())),
                   query = queries::InstanceByIp(services_.registry.tree(),
                                                 std::string(viewOf(message.getIp())))]() mutable {
                    if (query.next()) return true;
                    auto answer = context.getResults().initAnswer();
                    answer.setEventId(textOf(eventId));
                    answer.setInstanceId(textOf(query.instance()));
                    return false;
                  });
}

Result<queries::WorkerFilter> OrchestratorService::filterOf(
    capnp::Text::Reader instanceId, capnp::List<uint32_t>::Reader workerIds) {
  if (auto bad = invalidText("instance id", viewOf(instanceId), kInstanceIdBytesMax)) {
    return Error{ErrorCode::kInvalid, *bad};
  }
  if (workerIds.size() > kWorkerIdsPerQueryMax) {
    return Error{ErrorCode::kInvalid,
                 "query of " + std::to_string(workerIds.size()) + " worker ids, at most " +
                     std::to_string(kWorkerIdsPerQueryMax) + " are allowed; none means all"};
  }
  const auto ids = numbersOf<uint32_t>(workerIds, scratch_);
  return queries::WorkerFilter{std::string(viewOf(instanceId)), {ids.begin(), ids.end()}};
}

kj::Promise<void> OrchestratorService::queryWorkers(QueryWorkersContext context) {
  const auto message = context.getParams().getMessage();
  if (auto error = invalidEventId(message.getEventId())) return wireError(*error);
  auto filter = filterOf(message.getInstanceId(), message.getWorkerIds());
  if (!filter.ok()) return wireError(filter.error());
  return inPieces(services_, context,
                  ListAnswer(
                      queries::WorkerCursor(services_.registry, std::move(filter.value())),
                      [context, eventId = std::string(viewOf(message.getEventId()))](
                          const auto&, kj::uint size) mutable {
                        auto answer = context.getResults().initAnswer();
                        answer.setEventId(textOf(eventId));
                        return answer.initWorkerInfos(size);
                      },
                      [](const queries::WorkerView& worker, auto to) {
                        write(worker, to);
                        return 1 + worker.locations.size();
                      }));
}

}  // namespace holdfast
