#include "rpc/orchestrator_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/ids.h"
#include "core/index/lookup_miss.h"
#include "core/registry/instance_ranks.h"
#include "rpc/convert.h"
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
  if (services_.inputs.advance(lookup)) {
    answerLookup(context, services_.inputs.found(lookup, prompt.tokens), prompt);
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
        answerLookup(context, services_.inputs.found(state.prompt, {}), prompt);
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
  auto answer = context.getResults().initAnswer();
  answer.setEventId(message.getEventId());
  answer.setInstanceId(
      textOf(services_.registry.registration().queryInstance(viewOf(message.getIp()))));
  return kj::READY_NOW;
}

Result<std::vector<const Worker*>> OrchestratorService::select(
    capnp::Text::Reader instanceId, capnp::List<uint32_t>::Reader workerIds) {
  const auto wantedInstance = viewOf(instanceId);
  if (auto bad = invalidText("instance id", wantedInstance, kInstanceIdBytesMax)) {
    return Error{ErrorCode::kInvalid, *bad};
  }
  if (workerIds.size() > kWorkerIdsPerQueryMax) {
    return Error{ErrorCode::kInvalid,
                 "query of " + std::to_string(workerIds.size()) + " worker ids, at most " +
                     std::to_string(kWorkerIdsPerQueryMax) + " are allowed; none means all"};
  }
  const auto ids = numbersOf<uint32_t>(workerIds, scratch_);
  std::vector<uint32_t> wanted(ids.begin(), ids.end());
  std::sort(wanted.begin(), wanted.end());

  std::vector<const Worker*> found;
  for (const auto& [name, instance] : services_.registry.tree().instances()) {
    if (!wantedInstance.empty() && name != wantedInstance) continue;
    for (const auto& [id, worker] : instance->workers) {
      if (wanted.empty() || std::binary_search(wanted.begin(), wanted.end(), id)) {
        found.push_back(worker.get());
      }
    }
  }
  return found;
}

kj::Promise<void> OrchestratorService::queryWorkers(QueryWorkersContext context) {
  const auto message = context.getParams().getMessage();
  if (auto error = invalidEventId(message.getEventId())) return wireError(*error);
  const auto found = select(message.getInstanceId(), message.getWorkerIds());
  if (!found.ok()) return wireError(found.error());
  auto answer = context.getResults().initAnswer();
  answer.setEventId(message.getEventId());
  auto infos = answer.initWorkerInfos(static_cast<kj::uint>(found.value().size()));
  const Instance* instance = nullptr;
  std::string contradiction;
  for (kj::uint i = 0; i < infos.size(); ++i) {
    const Worker& worker = *found.value()[i];
    if (std::exchange(instance, worker.instance) != worker.instance) {
      contradiction = contradictionOf(*worker.instance);
    }
    write(services_.registry, worker, services_.registry.nowMs(), infos[i]);
    if (!contradiction.empty()) infos[i].setContradiction(textOf(contradiction));
  }
  return kj::READY_NOW;
}

}  // namespace holdfast
