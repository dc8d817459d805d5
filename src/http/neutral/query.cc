// POST /query and /query_by_hash: how far each rank holds a prompt, tier by tier.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/index/prompt_lookup.h"
#include "core/index/tier_lookup.h"
#include "core/limits.h"
#include "http/body.h"
#include "http/lookup.h"
#include "http/neutral/neutral_routes.h"
#include "http/neutral/values.h"
#include "serving/in_turns.h"
#include "serving/long_lookup.h"
#include "serving/prompt_hashing.h"
#include "serving/replica_gate.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

struct TokensBody {
  std::string model;
  std::string group;
  std::string lora;
  std::string salt;
  std::vector<uint32_t> tokens;
  uint64_t maxAgeMs = 0;
};
std::vector<Field> fieldsOf(TokensBody& body) {
  return {{"token_ids", Numbers{&body.tokens, kTokensPerLookupMax}, kRequired},
          {"model_name", &body.model, kRequired},
          {"routing_group", &body.group, Presence::kNullable},
          {"lora_name", &body.lora, Presence::kNullable},
          {"cache_salt", &body.salt, Presence::kNullable},
          {"maxAgeMs", Number{&body.maxAgeMs, 0, UINT32_MAX}, Presence::kNullable}};
}

struct HashesBody {
  std::string model;
  std::string group;
  std::string salt;
  bool hasSalt = false;
  std::vector<uint64_t> hashes;
  uint64_t maxAgeMs = 0;
};
std::vector<Field> fieldsOf(HashesBody& body) {
  return {{"block_hashes", Hashes{&body.hashes, kHashesPerLookupMax}, kRequired},
          {"model_name", &body.model, kRequired},
          {"routing_group", &body.group, Presence::kNullable},
          {"cache_salt", &body.salt, Presence::kNullable, &body.hasSalt},
          {"maxAgeMs", Number{&body.maxAgeMs, 0, UINT32_MAX}, Presence::kNullable}};
}

// What is asked, whichever way. Refers to a body.
struct TierQuestion {
  std::string_view model;
  std::string_view group;
  PromptKeys keys;                   // of tokens
  std::span<const uint32_t> tokens;  // where hashes are not given
  std::span<const uint64_t> hashes;
  uint64_t maxAgeMs = 0;  // of what is answered from; 0: any
};

class TierAnswer {
 public:
  TierAnswer(const Services& services, const SourceTable* sources, const TierQuestion& question,
             std::span<const RankTiers> found)
      : services_(services), sources_(sources), group_(neutral::groupKept(question.group)) {
    for (const RankTiers& rank : found) add(rank);
  }

  Reply reply() {
    constexpr size_t kBytesOfRank = 200;
    Reply reply;
    reply.body.reserve(100 + ranks_.size() * kBytesOfRank);
    JsonWriter json(reply.body);
    json.beginObject().key("scores").beginObject();
    eachInstance([&](size_t from, size_t to) { writeScores(json, from, to); });
    json.endObject().key("frequencies").beginList().endList();
    json.key("instances").beginObject();
    eachInstance([&](size_t from, size_t to) { writeTiers(json, from, to); });
    json.endObject();
    const ReplicaView& here = services_.group.view();
    if (here.role != ReplicaRole::kAlone) writeWhoAnswers(json, here);
    json.endObject();
    return reply;
  }

 private:
  struct Rank {
    std::string_view instance;
    uint32_t rank;
    std::array<uint64_t, kTiers> tokens;
  };

  void add(const RankTiers& found) {
    const EngineSource* source = nullptr;
    if (sources_ != nullptr) source = sources_->find({std::string(found.instance), found.rank});
    if ((source == nullptr ? std::string_view() : source->routingGroup) != group_) return;
    const uint64_t blockSize = neutral::blockSizeOf(services_, source);
    Rank rank{found.instance, found.rank, {}};
    for (size_t tier = 0; tier < kTiers; ++tier) {
      rank.tokens[tier] = found.chunks[tier] * blockSize;
    }
    ranks_.push_back(rank);
  }

  // They are in order.
  template <typename Write>
  void eachInstance(Write write) const {
    for (size_t from = 0, to = 0; from < ranks_.size(); from = to) {
      while (to < ranks_.size() && ranks_[to].instance == ranks_[from].instance) ++to;
      write(from, to);
    }
  }

  void writeRanks(JsonWriter& json, size_t from, size_t to, bool all) const {
    json.beginObject();
    for (size_t i = from; i < to; ++i) {
      const uint64_t tokens = ranks_[i].tokens[static_cast<size_t>(Tier::kGpu)];
      if (all || tokens > 0) json.number(std::to_string(ranks_[i].rank), tokens);
    }
    json.endObject();
  }
  void writeScores(JsonWriter& json, size_t from, size_t to) const {
    if (best(from, to, Tier::kGpu) == 0) return;
    json.freeKey(ranks_[from].instance);
    writeRanks(json, from, to, false);
  }
  void writeTiers(JsonWriter& json, size_t from, size_t to) const {
    json.freeKey(ranks_[from].instance)
        .beginObject()
        .number("longest_matched", best(from, to, Tier::kDisk))
        .number("gpu", best(from, to, Tier::kGpu))
        .key("dp");
    writeRanks(json, from, to, true);
    json.number("cpu", best(from, to, Tier::kCpu))
        .number("disk", best(from, to, Tier::kDisk))
        .endObject();
  }
  uint64_t best(size_t from, size_t to, Tier tier) const {
    uint64_t most = 0;
    for (size_t i = from; i < to; ++i) {
      most = std::max(most, ranks_[i].tokens[static_cast<size_t>(tier)]);
    }
    return most;
  }

  const Services& services_;
  const SourceTable* const sources_;
  const std::string_view group_;
  std::vector<Rank> ranks_;
};

// A query that takes more than a turn, until it is over.
struct LongQuery {
  LongQuery(Services& services, const TierQuestion& asked)
      : question(asked),
        queue(services.longCallBytes),
        hashing(services, asked.model, asked.keys),
        lookup(services.registry.tree(), services.registry.index()) {}

  const TierQuestion question;
  CallQueue queue;  // a connection of HTTP has no other call under way
  kj::Own<CallQueue::Turn> turn;
  PromptHashing hashing;
  std::vector<uint64_t> hashes;
  TierLookup lookup;
};

class TierQueries {
 public:
  TierQueries(Services& services, const SourceTable* sources)
      : services_(services),
        sources_(sources),
        lookup_(services.registry.tree(), services.registry.index()) {}

  // The question refers to what lives as long as the promise.
  kj::Promise<Reply> answer(const TierQuestion& question) {
    const RegistryTree& tree = services_.registry.tree();
    if (const auto old = tooOld(services_.group.view(), question.maxAgeMs)) return wireError(*old);
    if (const auto bad = invalidText("model", question.model, kModelBytesMax)) {
      return wireError({ErrorCode::kInvalid, *bad});
    }
    if (!tree.models().contains(tree.salt(question.model))) {
      return wireError(
          {ErrorCode::kNotFound,
           "no engine of model " + quotedForPeople(question.model) + " is registered"});
    }
    std::span<const uint64_t> hashes = question.hashes;
    if (!question.tokens.empty()) {
      PromptHashing hashing(services_, question.model, question.keys);
      if (hashing.refused()) return wireError(*hashing.refused());
      if (hashing.chunkCount(question.tokens.size()) > kHashesPerLookupMax) {
        return wireError(
            {ErrorCode::kInvalid,
             "the prompt has more than " + std::to_string(kHashesPerLookupMax) + " blocks"});
      }
      if (question.tokens.size() > hashing.tokensPerTurn()) return answerInTurn(question);
      hashes_.clear();
      hashing.extend(question.tokens, hashes_, question.tokens.size());
      hashes = hashes_;
    }
    if (const auto error = lookup_.begin(question.model, hashes)) return wireError(*error);
    if (!lookup_.advance(PromptLookup::kWorkOfTurn)) return answerInTurn(question);
    return TierAnswer(services_, sources_, question, lookup_.ranks()).reply();
  }

 private:
  kj::Promise<Reply> answerInTurn(const TierQuestion& question) {
    auto query = kj::heap<LongQuery>(services_, question);
    LongQuery& state = *query;
    const size_t bytes = question.tokens.size_bytes() + question.hashes.size_bytes();
    return state.queue.enter(bytes)
        .then([this, &state](kj::Own<CallQueue::Turn>&& turn) -> kj::Promise<void> {
          state.turn = kj::mv(turn);
          if (state.question.tokens.empty()) return kj::READY_NOW;
          return hashInPieces(services_, state.hashing, state.question.tokens, state.hashes);
        })
        .then([this, &state]() -> kj::Promise<void> {
          const std::span<const uint64_t> hashes =
              state.question.tokens.empty() ? state.question.hashes : state.hashes;
          if (const auto error = state.lookup.begin(state.question.model, hashes)) {
            return wireError(*error);
          }
          return inTurns(services_,
                         [&state]() { return !state.lookup.advance(PromptLookup::kWorkOfTurn); });
        })
        .then([this, &state]() {
          return TierAnswer(services_, sources_, state.question, state.lookup.ranks()).reply();
        })
        .attach(kj::mv(query));
  }

  Services& services_;
  const SourceTable* const sources_;
  TierLookup lookup_;             // of queries that are over within a turn
  std::vector<uint64_t> hashes_;  // likewise
};

TierQuestion questionOf(const TokensBody& body) {
  return {.model = body.model,
          .group = body.group,
          .keys = {.lora = body.lora, .salt = body.salt},
          .tokens = body.tokens,
          .hashes = {},
          .maxAgeMs = body.maxAgeMs};
}
TierQuestion questionOf(const HashesBody& body) {
  if (body.hasSalt) {
    failReading(
        {ErrorCode::kInvalid, "/query_by_hash takes no cache_salt: the hashes are made with it"});
  }
  return {.model = body.model,
          .group = body.group,
          .keys = {},
          .tokens = {},
          .hashes = body.hashes,
          .maxAgeMs = body.maxAgeMs};
}

template <typename Body>
Route tierRoute(std::string_view path, std::string_view summary, std::string_view schema,
                Services& services, const std::shared_ptr<TierQueries>& queries) {
  Route route;
  route.method = kj::HttpMethod::POST;
  route.path = path;
  route.permission = Permission::kLookUp;
  route.summary = summary;
  route.body = schema;
  route.answer = R"({"$ref":"#/components/schemas/TierAnswer"})";
  route.failed = neutral::errorReply;
  route.otherAnswers = neutral::errorsOf({404, 409});
  route.handle = [&services, queries](const std::shared_ptr<Request>& request) {
    return readBody<Body>(request, UnknownFields::kSkipped)
        .then([&services, queries, request](kj::Own<Body>&& body) {
          measureLookup(services, *request);
          const TierQuestion question = questionOf(*body);
          return queries->answer(question).attach(kj::mv(body));
        });
  };
  return route;
}

constexpr std::string_view kTokensSchema = R"({"type":"object",
"required":["token_ids","model_name"],"properties":{
"token_ids":{"type":"array","maxItems":4194304,"items":{"type":"integer","minimum":0,"maximum":4294967295}},
"model_name":{"type":"string","maxLength":256},
"routing_group":{"type":["string","null"],"default":"default"},
"lora_name":{"type":["string","null"]},"cache_salt":{"type":["string","null"]},
"maxAgeMs":{"type":["integer","null"],"minimum":0,"maximum":4294967295,"default":0,
 "description":"a controller whose ageMs is higher answers 503; 0: any"}}})";
constexpr std::string_view kHashesSchema = R"({"type":"object",
"required":["block_hashes","model_name"],"properties":{
"block_hashes":{"type":"array","maxItems":65536,"items":{"$ref":"#/components/schemas/Hash"},
 "description":"as the engines publish them"},
"model_name":{"type":"string","maxLength":256},
"routing_group":{"type":["string","null"],"default":"default"},
"maxAgeMs":{"type":["integer","null"],"minimum":0,"maximum":4294967295,"default":0}}})";
constexpr std::string_view kTierAnswerSchema = R"({"type":"object",
"required":["scores","frequencies","instances"],"properties":{
"scores":{"type":"object","description":"by instance and dp_rank: tokens of the prefix in the GPU",
 "additionalProperties":{"type":"object","additionalProperties":{"type":"integer"}}},
"frequencies":{"type":"array","maxItems":0,"items":{"type":"integer"}},
"instances":{"type":"object","additionalProperties":{"type":"object",
 "required":["longest_matched","gpu","dp","cpu","disk"],"properties":{
 "longest_matched":{"type":"integer","description":"tokens of the prefix, in whatever tiers"},
 "gpu":{"type":"integer","description":"of it in the GPU, of the best rank"},
 "dp":{"type":"object","description":"the same by dp_rank","additionalProperties":{"type":"integer"}},
 "cpu":{"type":"integer","description":"and on from there in the CPU's memory"},
 "disk":{"type":"integer","description":"and on from there beyond it"}}}},
"role":{"type":"string","description":"of who answers; these four of a controller in a group only"},
"epoch":{"type":"integer"},"index":{"type":"integer"},
"ageMs":{"type":"integer","description":"since the newest record of the group's log came"}}})";

}  // namespace

void addTierQueries(RouteTable& routes, Services& services, const SourceTable* sources) {
  routes.addSchema("TierAnswer", kTierAnswerSchema);
  const auto queries = std::make_shared<TierQueries>(services, sources);
  routes.add(tierRoute<TokensBody>("/query", "How far each rank holds a prompt, tier by tier",
                                   kTokensSchema, services, queries));
  routes.add(tierRoute<HashesBody>("/query_by_hash", "The same for the hashes of its blocks",
                                   kHashesSchema, services, queries));
}

}  // namespace holdfast::http
