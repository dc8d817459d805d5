#include "serving/lookup_calls.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "core/limits.h"
#include "serving/long_lookup.h"
#include "serving/replica_gate.h"
#include "wire/errors.h"

namespace holdfast {
namespace {

Error overLimitOf(const char* what, size_t is, size_t max) {
  return {ErrorCode::kInvalid, "look-ups of " + std::to_string(is) + " " + what +
                                   " in a call, at most " + std::to_string(max) +
                                   " are allowed; ask in several calls"};
}

// Of many look-ups in a call, of writing a match, in terms of PromptLookup::advance.
constexpr size_t kWorkOfMatch = 20;
// Of an answer beside its matches, about.
constexpr size_t kAnswerBytes = 256;

std::optional<Error> tooMany(size_t tokens, size_t chunks) {
  if (tokens > kTokensPerLookupMax) {
    return Error{ErrorCode::kInvalid, "prompt of " + std::to_string(tokens) + " tokens, at most " +
                                          std::to_string(kTokensPerLookupMax) + " are allowed"};
  }
  if (chunks > kHashesPerLookupMax) {
    return Error{ErrorCode::kInvalid, "prompt of " + std::to_string(tokens) +
                                          " tokens, which are " + std::to_string(chunks) +
                                          " chunks, at most " +
                                          std::to_string(kHashesPerLookupMax) + " are allowed"};
  }
  return std::nullopt;
}

std::string_view modelOf(const Services& services, std::string_view model) {
  return model.empty() ? services.registry.tree().defaultModel() : model;
}

PromptLookup::Wishes wishesOf(Services& services, const LookupQuestion& question) {
  return {.withPins = question.withPins,
          .withEndpoints = question.withEndpoints,
          .spread = question.eventId.empty() ? ++services.lookupsAsked
                                             : std::hash<std::string_view>()(question.eventId),
          .hashingRefused = services.hashRefusals.of(modelOf(services, question.model)) != nullptr};
}

// With what only this side knows.
void explain(const Services& services, const LookupQuestion& question, const PromptHashing* hashing,
             ExplainedMiss& miss) {
  if (miss.miss == LookupMiss::kNoChunk && hashing != nullptr && hashing->refused()) {
    miss = {.miss = LookupMiss::kCannotHash, .text = hashing->refused()->message, .hidden = {}};
  } else if (miss.miss == LookupMiss::kNoChunk && hashing != nullptr) {
    miss.text = "the prompt has " + std::to_string(question.tokens.size()) +
                " tokens, fewer than a chunk, which has " + std::to_string(hashing->chunkSize());
  } else if (miss.miss == LookupMiss::kHashingDiffers) {
    const std::string* why = services.hashRefusals.of(modelOf(services, question.model));
    if (why != nullptr) miss.text += "; one that registered was refused: " + *why;
  }
}

// `hashing`: null where it was asked by hashes.
LookupFound foundOf(Services& services, const LookupQuestion& question,
                    const PromptHashing* hashing, const PromptLookup& lookup,
                    std::span<const LookupMatch> matches) {
  LookupFound found{.matches = matches,
                    .miss = {},
                    .replica = &services.group.view(),
                    .chunkSize = hashing != nullptr
                                     ? hashing->chunkSize()
                                     : PromptHashing(services, question.model).chunkSize(),
                    .tokens = {}};
  if (question.byTokens) found.tokens = question.tokens.size();
  if (question.maxInstances != 0) found.keepOnly(question.maxInstances);
  if (matches.empty()) {
    found.miss = lookup.miss();
    explain(services, question, hashing, found.miss);
  }
  return found;
}

// Those of a long prompt are left out of a capture log: it would take long to copy them, and
// nothing of a replay depends on them.
std::span<const uint32_t> tokensToCapture(const LookupQuestion& question) {
  return question.tokens.size() <= kTokensPerTurn ? question.tokens : std::span<const uint32_t>();
}

// Many look-ups under way.
class LookupRun {
 public:
  LookupRun(Services& services, ManyLookups& call, kj::Own<CallQueue::Turn> turn)
      : services_(services),
        call_(call),
        turn_(kj::mv(turn)),
        prompt_(services.controller.newLookup()) {}
  ~LookupRun() { services_.longCallBytes -= charged_; }
  LookupRun(const LookupRun&) = delete;
  LookupRun& operator=(const LookupRun&) = delete;

  kj::Promise<void> advance() {
    return services_.budget.ready(ReadBudget::kBytesPerTurn).then([this]() -> kj::Promise<void> {
      if (!piece()) return kj::READY_NOW;
      return advance();
    });
  }

 private:
  // As much as a turn may take. False: nothing is left.
  bool piece() {
    for (size_t work = 0; work < PromptLookup::kWorkOfTurn;) {
      if (!asked_) {
        if (next_ == call_.size()) return false;
        question_ = call_.question(next_);
        if (const auto error = tooOld(services_.group.view(), question_.maxAgeMs)) {
          kj::throwFatalException(wireError(*error));
        }
        hashing_.reset();
        if (question_.byTokens) hashing_.emplace(services_, question_.model, question_.keys);
        asked_ = true;
        begun_ = false;
        hashes_.clear();
      }
      const size_t left = PromptLookup::kWorkOfTurn - work;
      work += 1 + (begun_ ? lookUp(left) : begin(left));
    }
    return true;
  }

  // Both: a part of what is asked, and about how much work it was.
  size_t begin(size_t workMax) {
    size_t work = 0;
    if (question_.byTokens) {
      const size_t before = hashes_.size();
      const size_t tokensMax = workMax * hashing_->tokensPerTurn() / PromptLookup::kWorkOfTurn;
      const bool hashed = hashing_->extend(question_.tokens, hashes_, tokensMax);
      work = (hashes_.size() - before) * hashing_->chunkSize() * PromptLookup::kWorkOfTurn /
             hashing_->tokensPerTurn();
      if (!hashed) return work;
    }
    const std::span<const uint64_t> hashes = question_.byTokens ? hashes_ : question_.hashes;
    if (const auto error = prompt_.begin(question_.model, hashes, wishesOf(services_, question_))) {
      kj::throwFatalException(wireError(*error));
    }
    begun_ = true;
    return work;
  }
  size_t lookUp(size_t workMax) {
    if (!services_.controller.advance(prompt_, workMax)) return prompt_.spent();
    const size_t work = prompt_.spent();
    const auto matches =
        services_.controller.take(input::LookedUp{prompt_, tokensToCapture(question_)});
    LookupFound found =
        foundOf(services_, question_, hashing_ ? &*hashing_ : nullptr, prompt_, matches);
    keepShare(found);
    call_.answer(next_, found);
    ++next_;
    asked_ = false;
    return work + matches.size() * kWorkOfMatch;
  }

  // What one answer of all may list.
  void keepShare(LookupFound& found) {
    const size_t bytesMax = kLookupsAnswerBytesMax / call_.size();
    const size_t most = std::min(found.matches.size(), kLayoutsPerCallMax / call_.size());
    size_t bytes = 0;
    size_t kept = 0;
    for (; kept < most; ++kept) {
      const size_t more = wordsOf(found.matches[kept]) * sizeof(uint64_t);
      if (kept != 0 && bytes + more > bytesMax) break;
      bytes += more;
    }
    found.keepOnly(kept);
    bytes += kAnswerBytes;
    if (bytes > kLongCallBytesMax - services_.longCallBytes) {
      kj::throwFatalException(wireError(
          {ErrorCode::kUnavailable, "long calls take " + std::to_string(services_.longCallBytes) +
                                        " bytes, at most " + std::to_string(kLongCallBytesMax) +
                                        " are allowed; ask again when some are answered"}));
    }
    services_.longCallBytes += bytes;
    charged_ += bytes;
  }

  Services& services_;
  ManyLookups& call_;
  const kj::Own<CallQueue::Turn> turn_;
  PromptLookup prompt_;
  size_t charged_ = 0;  // of what was answered
  size_t next_ = 0;
  bool asked_ = false;  // question_ is that of next_
  bool begun_ = false;  // and all of it is hashed
  LookupQuestion question_;
  std::optional<PromptHashing> hashing_;  // of tokens
  std::vector<uint64_t> hashes_;
};

}  // namespace

std::optional<Error> tooManyTokens(const PromptHashing& hashing, size_t tokens) {
  return tooMany(tokens, hashing.chunkCount(tokens));
}

std::optional<Error> tooManyTokens(const Services& services, size_t tokens) {
  return tooMany(tokens, services.hasher.chunkCount(tokens));
}

std::optional<Error> invalidPromptKeys(std::string_view loraName, std::string_view loraPath,
                                       std::string_view cacheSalt) {
  const auto tooLong = [](const char* what, std::string_view text) -> std::optional<Error> {
    if (text.size() <= kPromptKeyBytesMax) return std::nullopt;
    return Error{ErrorCode::kInvalid, std::string(what) + " of " + std::to_string(text.size()) +
                                          " bytes, at most " + std::to_string(kPromptKeyBytesMax) +
                                          " are allowed"};
  };
  if (auto error = tooLong("adapter name", loraName)) return error;
  if (auto error = tooLong("adapter path", loraPath)) return error;
  return tooLong("cache salt", cacheSalt);
}

void LookupFound::keepOnly(size_t instances) {
  if (matches.size() <= instances) return;
  leftOut += static_cast<uint32_t>(matches.size() - instances);
  matches = matches.first(instances);
}

LookupEnds LookupFound::endsOf(const LookupMatch& match) const {
  const auto end = [this](uint32_t chunks) -> uint64_t {
    const uint64_t whole = uint64_t{chunks} * chunkSize;
    return tokens ? std::min<uint64_t>(whole, *tokens) : whole;
  };
  return {.matched = end(match.chunks),
          .allRanks = end(match.allRanksChunks),
          .pinned = end(match.pinnedChunks)};
}

Result<std::optional<LookupFound>> lookUpAtOnce(Services& services, const LookupQuestion& question,
                                                std::vector<uint64_t>& hashes) {
  if (auto error = tooOld(services.group.view(), question.maxAgeMs)) return *std::move(error);
  std::span<const uint64_t> asked = question.hashes;
  std::optional<PromptHashing> hashing;
  if (question.byTokens) {
    hashing.emplace(services, question.model, question.keys);
    const size_t tokens = question.tokens.size();
    if (auto error = tooManyTokens(*hashing, tokens)) return *std::move(error);
    if (tokens > hashing->tokensPerTurn()) return std::optional<LookupFound>();
    hashes.clear();
    hashing->extend(question.tokens, hashes, tokens);
    asked = hashes;
  }
  PromptLookup& lookup = services.lookup;
  if (auto error = lookup.begin(question.model, asked, wishesOf(services, question))) {
    return *std::move(error);
  }
  if (!services.controller.advance(lookup)) return std::optional<LookupFound>();
  const auto matches = services.controller.take(input::LookedUp{lookup, question.tokens});
  return std::optional(foundOf(services, question, hashing ? &*hashing : nullptr, lookup, matches));
}

kj::Promise<void> lookUpInPieces(Services& services, CallQueue& queue, LookupQuestion question,
                                 kj::Function<void(const LookupFound&)> answer) {
  if (question.byTokens) {
    const PromptHashing hashing(services, question.model);
    if (auto error = tooManyTokens(hashing, question.tokens.size())) return wireError(*error);
  }
  const size_t bytes = question.tokens.size_bytes() + question.hashes.size_bytes();
  return LongLookup::enter(services, queue, bytes)
      .then([&services, question, answer = kj::mv(answer)](kj::Own<LongLookup>&& lookup) mutable {
        LongLookup& state = *lookup;
        kj::Promise<void> hashed = kj::READY_NOW;
        if (question.byTokens) {
          state.hashing.emplace(services, question.model, question.keys);
          hashed = hashInPieces(services, *state.hashing, question.tokens, state.hashes);
        }
        return hashed
            .then([&services, question, &state]() -> kj::Promise<void> {
              const std::span<const uint64_t> hashes =
                  question.byTokens ? state.hashes : question.hashes;
              const auto wishes = wishesOf(services, question);
              if (auto error = state.prompt.begin(question.model, hashes, wishes)) {
                return wireError(*error);
              }
              return state.advance();
            })
            .then([&services, question, &state, answer = kj::mv(answer)]() mutable {
              const auto matches = services.controller.take(
                  input::LookedUp{state.prompt, tokensToCapture(question)});
              answer(foundOf(services, question, state.hashing ? &*state.hashing : nullptr,
                             state.prompt, matches));
            })
            .attach(kj::mv(lookup));
      });
}

std::optional<Error> LookupTotals::overLimit() const {
  if (lookups_ > kLookupsPerCallMax) {
    return Error{ErrorCode::kInvalid, std::to_string(lookups_) + " look-ups in a call, at most " +
                                          std::to_string(kLookupsPerCallMax) + " are allowed"};
  }
  if (tokens_ > kTokensPerLookupMax) {
    return overLimitOf("tokens", tokens_, kTokensPerLookupMax);
  }
  if (chunks_ + hashes_ > kHashesPerLookupMax) {
    return overLimitOf("chunks", chunks_ + hashes_, kHashesPerLookupMax);
  }
  return std::nullopt;
}

kj::Promise<void> lookUpMany(Services& services, CallQueue& queue, ManyLookups& call,
                             size_t bytes) {
  if (call.size() == 0) return kj::READY_NOW;
  return queue.enter(bytes).then([&services, &call](kj::Own<CallQueue::Turn>&& turn) {
    auto run = kj::heap<LookupRun>(services, call, kj::mv(turn));
    auto over = run->advance();
    return over.attach(kj::mv(run));
  });
}

}  // namespace holdfast
