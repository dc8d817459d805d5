// POST /lookup. LMCache hashes every look-up in one way, whatever its workers are told: the last,
// shorter chunk counts, too. What nobody holds costs nothing, so that is done here as well.
#include "http/lookup.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "http/body.h"
#include "http/json.h"
#include "http/lmcache/event_ids.h"
#include "http/lmcache/failures.h"
#include "http/lmcache/routes.h"
#include "serving/long_lookup.h"
#include "serving/lookup_calls.h"
#include "wire/errors.h"

namespace holdfast::http::lmcache {
namespace {

struct LookupBody {
  std::vector<uint32_t> tokens;
  std::string model;
};

std::vector<Field> fieldsOf(LookupBody& body) {
  return {{"tokens", Numbers{&body.tokens, kTokensPerLookupMax}, kRequired},
          {"model", &body.model, Presence::kNullable}};
}

HashSettings withPartialChunks(HashSettings settings) {
  settings.saveUnfullChunk = true;
  return settings;
}

class Lookups {
 public:
  explicit Lookups(Services& services)
      : services_(services),
        hasher_(withPartialChunks(services.options.hashing)),
        hashing_(services.longCallBytes) {}

  kj::Promise<Reply> answer(LookupBody& body) {
    if (auto error = tooManyTokens(services_, body.tokens.size())) return wireError(*error);
    if (body.tokens.size() > kTokensPerTurn) return answerLong(std::move(body));
    hasher_.hash(body.tokens, hashes_);
    Asked asked = ask(std::move(body));
    auto found = lookUpAtOnce(services_, asked.question(hashes_), unused_);
    if (!found.ok()) return wireError(found.error());
    if (found.value()) return replyOf(asked, *found.value());
    auto one = kj::heap<Long>(services_, std::move(asked));
    one->hashes = hashes_;
    return lookUp(kj::mv(one));
  }

 private:
  struct Asked {
    std::vector<uint32_t> tokens;
    std::string model;
    std::string eventId;

    LookupQuestion question(const std::vector<uint64_t>& hashes) const {
      return {.eventId = eventId,
              .model = model,
              .byTokens = false,
              .tokens = {},
              .hashes = hashes,
              .withPins = false,
              .withEndpoints = false,
              .maxInstances = 0};
    }
  };
  // What one that takes several turns needs until it is over.
  struct Long {
    Long(Services& services, Asked all) : asked(std::move(all)), queue(services.longCallBytes) {}

    Asked asked;
    std::vector<uint64_t> hashes;
    CallQueue queue;  // a connection of HTTP has no other call under way
    Reply reply;
  };

  Asked ask(LookupBody body) {
    return {std::move(body.tokens), std::move(body.model), ids_.next("Lookup")};
  }

  kj::Promise<Reply> answerLong(LookupBody body) {
    auto one = kj::heap<Long>(services_, ask(std::move(body)));
    return hashing_.enter(one->asked.tokens.size() * sizeof(uint32_t))
        .then([this, one = kj::mv(one)](kj::Own<CallQueue::Turn>&& turn) mutable {
          Long& state = *one;
          return hashInPieces(services_, hasher_, state.asked.tokens, state.hashes)
              .then([this, one = kj::mv(one), turn = kj::mv(turn)]() mutable {
                return lookUp(kj::mv(one));
              });
        });
  }

  kj::Promise<Reply> lookUp(kj::Own<Long> one) {
    Long& state = *one;
    return lookUpInPieces(services_, state.queue, state.asked.question(state.hashes),
                          [this, &state](const LookupFound& found) {
                            state.reply = replyOf(state.asked, found);
                          })
        .then([&state]() { return std::move(state.reply); })
        .attach(kj::mv(one));
  }

  // Routers take the first of them: the best one.
  Reply replyOf(const Asked& asked, const LookupFound& found) const {
    Reply reply;
    JsonWriter json(reply.body);
    json.beginObject().text("event_id", asked.eventId).key("layout_info").beginObject();
    for (const LookupMatch& match : found.matches) {
      json.freeKey(match.instance).beginList().text(match.location);
      json.number(hasher_.chunkEnd(match.chunks - 1, asked.tokens.size())).endList();
    }
    json.endObject().endObject();
    return reply;
  }

  Services& services_;
  TokenHasher hasher_;
  EventIds ids_;
  CallQueue hashing_;  // of prompts that take long: one at a time
  std::vector<uint64_t> hashes_;
  std::vector<uint64_t> unused_;
};

}  // namespace

void addLookup(RouteTable& routes, Services& services) {
  routes.add({.method = kj::HttpMethod::POST,
              .path = "/lookup",
              .permission = Permission::kLookUp,
              .summary = "LMCache's: which instances hold a prefix of the prompt, best first",
              .body = R"({
  "type": "object", "required": ["tokens"],
  "properties": {
    "tokens": {"type": "array", "maxItems": 4194304,
      "items": {"type": "integer", "minimum": 0, "maximum": 4294967295}},
    "model": {"type": ["string", "null"], "maxLength": 256,
      "description": "which LMCache's has not; left out: the controller's default"}}})",
              .answer = R"({
  "type": "object", "required": ["event_id", "layout_info"],
  "properties": {
    "event_id": {"type": "string"},
    "layout_info": {"type": "object",
      "description": "instance: [location, tokens of the prefix]",
      "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2,
        "items": {"type": ["string", "integer"]}}}}})",
              .otherAnswers = failures(),
              .handle =
                  [&services, lookups = std::make_shared<Lookups>(services)](
                      const std::shared_ptr<Request>& request) {
                    return readBody<LookupBody>(request, UnknownFields::kSkipped)
                        .then([&services, lookups, request](kj::Own<LookupBody>&& body) {
                          measureLookup(services, *request);
                          return lookups->answer(*body);
                        });
                  },
              .failed = failed});
}

}  // namespace holdfast::http::lmcache
