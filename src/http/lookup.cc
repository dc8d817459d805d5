#include "http/lookup.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/limits.h"
#include "http/body.h"
#include "http/json.h"
#include "http/lookup_schemas.h"
#include "serving/lookup_calls.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

struct LookupBody {
  std::string model;
  std::string eventId;
  std::string loraName;
  std::string loraPath;
  std::string cacheSalt;
  std::vector<uint32_t> tokens;
  std::vector<uint64_t> hashes;
  bool byTokens = false;
  bool byHashes = false;
  bool withPins = false;
  bool withoutEndpoints = false;
  uint64_t maxInstances = 0;
  uint64_t maxAgeMs = 0;
};

std::vector<Field> fieldsOf(LookupBody& body) {
  return {
      {"tokens", Numbers{&body.tokens, kTokensPerLookupMax}, Presence::kOptional, &body.byTokens},
      {"hashes", Hashes{&body.hashes, kHashesPerLookupMax}, Presence::kOptional, &body.byHashes},
      {"model", &body.model},
      {"eventId", &body.eventId},
      {"loraName", &body.loraName},
      {"loraPath", &body.loraPath},
      {"cacheSalt", &body.cacheSalt},
      {"withPins", &body.withPins},
      {"withoutEndpoints", &body.withoutEndpoints},
      {"maxInstances", Number{&body.maxInstances, 0, UINT32_MAX}},
      {"maxAgeMs", Number{&body.maxAgeMs, 0, UINT32_MAX}}};
}

struct LookupsBody {
  std::deque<LookupBody> lookups;  // each stays where it is
};

std::vector<Field> fieldsOf(LookupsBody& body) {
  const auto next = [&body]() { return fieldsOf(body.lookups.emplace_back()); };
  return {{"lookups", Objects{next, kLookupsPerCallMax}, kRequired}};
}

void check(const LookupBody& body) {
  if (body.byTokens == body.byHashes) {
    failReading({ErrorCode::kInvalid, "a look-up has either \"tokens\" or \"hashes\""});
  }
  if (const auto bad = invalidText("event id", body.eventId, kEventIdBytesMax)) {
    failReading({ErrorCode::kInvalid, *bad});
  }
  if (const auto bad = invalidPromptKeys(body.loraName, body.loraPath, body.cacheSalt)) {
    failReading(*bad);
  }
}

LookupQuestion questionOf(const LookupBody& body) {
  return {.eventId = body.eventId,
          .model = body.model,
          .byTokens = body.byTokens,
          .tokens = body.tokens,
          .hashes = body.hashes,
          .keys = {.lora = body.loraName,
                   .loraPath = body.loraPath,
                   .loraId = {},
                   .salt = body.cacheSalt,
                   .extraKey = {}},
          .withPins = body.withPins,
          .withEndpoints = !body.withoutEndpoints,
          .maxInstances = static_cast<uint32_t>(body.maxInstances),
          .maxAgeMs = body.maxAgeMs};
}

void writeEndpoint(JsonWriter& json, const EndpointRef& endpoint) {
  json.key("endpoint")
      .beginObject()
      .text("ip", endpoint.ip)
      .number("port", endpoint.port)
      .text("peerInitUrl", endpoint.peerUrl)
      .key("labels")
      .beginObject();
  for (const Label& label : endpoint.labels) json.freeKey(label.key).text(label.value);
  json.endObject().endObject();
}

void writeMatch(JsonWriter& json, const LookupMatch& match, const LookupEnds& ends, bool withPins) {
  json.beginObject()
      .text("instanceId", match.instance)
      .text("location", match.location)
      .number("matchedEnd", ends.matched)
      .number("allRanksEnd", ends.allRanks)
      .number("matchedChunks", match.chunks)
      .number("allRanksChunks", match.allRanksChunks);
  if (withPins) {
    json.number("pinnedEnd", ends.pinned).number("pinnedChunks", match.pinnedChunks);
  }
  json.boolean("unconfirmed", match.unconfirmed).key("hits").beginObject();
  for (const auto& [location, chunks] : match.hits) json.freeKey(location).number(chunks);
  json.endObject();
  if (match.load != kLoadUnknown) json.number("load", match.load);
  if (!match.endpoint.empty()) writeEndpoint(json, match.endpoint);
  json.endObject();
}

void writeFound(JsonWriter& json, const LookupFound& found, const LookupQuestion& question) {
  json.beginObject();
  if (!question.eventId.empty()) json.text("eventId", question.eventId);
  json.key("layoutInfo").beginList();
  for (const LookupMatch& match : found.matches) {
    writeMatch(json, match, found.endsOf(match), question.withPins);
  }
  json.endList().number("leftOut", found.leftOut);
  json.text("miss", lookupMissName(found.miss.miss)).text("message", found.miss.text);
  const HiddenHolders& hidden = found.miss.hidden;
  if (hidden != HiddenHolders{}) {
    json.key("hidden")
        .beginObject()
        .number("drained", hidden.drained)
        .number("lost", hidden.lost)
        .number("diverged", hidden.diverged)
        .endObject();
  }
  writeWhoAnswers(json, *found.replica);
  json.endObject();
}

Reply replyOf(const LookupFound& found, const LookupQuestion& question) {
  constexpr size_t kBytesOfMatch = 400;
  constexpr size_t kBytesOfRest = 200;
  Reply reply;
  reply.body.reserve(found.matches.size() * kBytesOfMatch + kBytesOfRest);
  JsonWriter json(reply.body);
  writeFound(json, found, question);
  return reply;
}

// What a long one needs until it is over.
struct LongOne {
  explicit LongOne(Services& services) : queue(services.longCallBytes) {}

  kj::Own<LookupBody> body;
  CallQueue queue;  // a connection of HTTP has no other call under way
  Reply reply;
};

kj::Promise<Reply> lookUpLong(Services& services, kj::Own<LookupBody> body) {
  auto one = kj::heap<LongOne>(services);
  one->body = kj::mv(body);
  LongOne& state = *one;
  const LookupQuestion question = questionOf(*state.body);
  return lookUpInPieces(services, state.queue, question,
                        [&state, question](const LookupFound& found) {
                          state.reply = replyOf(found, question);
                        })
      .then([&state]() { return std::move(state.reply); })
      .attach(kj::mv(one));
}

kj::Promise<Reply> lookUp(Services& services, std::vector<uint64_t>& hashes,
                          kj::Own<LookupBody> body) {
  check(*body);
  const LookupQuestion question = questionOf(*body);
  auto found = lookUpAtOnce(services, question, hashes);
  if (!found.ok()) return wireError(found.error());
  if (!found.value()) return lookUpLong(services, kj::mv(body));
  return replyOf(*found.value(), question);
}

// /v1/lookups: writes each answer behind the one before.
class AnswersInTurn final : public ManyLookups {
 public:
  explicit AnswersInTurn(kj::Own<LookupsBody> body) : body_(kj::mv(body)), json_(reply_.body) {
    json_.beginObject().key("answers").beginList();
  }

  ~AnswersInTurn() noexcept override = default;

  size_t size() const override { return body_->lookups.size(); }
  LookupQuestion question(size_t index) override { return questionOf(body_->lookups[index]); }
  void answer(size_t index, const LookupFound& found) override {
    writeFound(json_, found, question(index));
  }
  Reply take() {
    json_.endList().endObject();
    return std::move(reply_);
  }

 private:
  const kj::Own<LookupsBody> body_;
  Reply reply_;
  JsonWriter json_;
};

kj::Promise<Reply> lookUpAll(Services& services, kj::Own<LookupsBody> body) {
  LookupTotals totals;
  for (const LookupBody& one : body->lookups) {
    check(one);
    if (one.byTokens) {
      totals.addTokens(services, one.model, one.tokens.size());
    } else {
      totals.addHashes(one.hashes.size());
    }
  }
  if (const auto error = totals.overLimit()) return wireError(*error);
  auto queue = kj::heap<CallQueue>(services.longCallBytes);
  auto answers = kj::heap<AnswersInTurn>(kj::mv(body));
  AnswersInTurn& all = *answers;
  return lookUpMany(services, *queue, all, totals.bytes())
      .then([&all]() { return all.take(); })
      .attach(kj::mv(queue), kj::mv(answers));
}

}  // namespace

void writeWhoAnswers(JsonWriter& json, const ReplicaView& replica) {
  json.text("role", replicaRoleName(replica.role))
      .number("epoch", replica.epoch)
      .number("index", replica.index)
      .number("ageMs", replica.ageMs);
}

void measureLookup(Services& services, Request& request) {
  request.onSending = [&services, arrived = request.arrived](kj::TimePoint sent) {
    const int64_t took = (sent - arrived) / kj::NANOSECONDS;
    const auto nanoseconds = static_cast<uint64_t>(std::max<int64_t>(0, took));
    services.lookups.record(nanoseconds);
    services.lookupWindow.record(nanoseconds);
  };
}

void addLookups(RouteTable& routes, Services& services) {
  routes.addSchema("Hash", kHashSchema);
  routes.addSchema("Endpoint", kEndpointSchema);
  routes.addSchema("Lookup", kLookupBodySchema);
  routes.addSchema("LookupAnswer", kLookupAnswerSchema);

  Route one;
  one.method = kj::HttpMethod::POST;
  one.path = "/v1/lookup";
  one.permission = Permission::kLookUp;
  one.summary = "Who has the longest prefix of a prompt";
  one.body = R"({"$ref":"#/components/schemas/Lookup"})";
  one.answer = R"({"$ref":"#/components/schemas/LookupAnswer"})";
  one.handle = [&services, hashes = std::make_shared<std::vector<uint64_t>>()](
                   const std::shared_ptr<Request>& request) {
    return readBody<LookupBody>(request).then(
        [&services, hashes, request](kj::Own<LookupBody>&& body) {
          measureLookup(services, *request);
          return lookUp(services, *hashes, kj::mv(body));
        });
  };
  routes.add(std::move(one));

  Route many;
  many.method = kj::HttpMethod::POST;
  many.path = "/v1/lookups";
  many.permission = Permission::kLookUp;
  many.summary = "Many look-ups in a call";
  many.body = kLookupsBodySchema;
  many.answer = kLookupsAnswerSchema;
  many.handle = [&services](const std::shared_ptr<Request>& request) {
    return readBody<LookupsBody>(request).then(
        [&services](kj::Own<LookupsBody>&& body) { return lookUpAll(services, kj::mv(body)); });
  };
  routes.add(std::move(many));
}

}  // namespace holdfast::http
