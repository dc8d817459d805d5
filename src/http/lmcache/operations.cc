// POST /clear, /pin, /compress, /decompress, /move, /health and /check_finish: the same events as
// those of /v1/operations, which survive restarts and are found again there.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/limits.h"
#include "core/operations/event_summary.h"
#include "http/body.h"
#include "http/json.h"
#include "http/lmcache/event_ids.h"
#include "http/lmcache/failures.h"
#include "http/lmcache/routes.h"
#include "http/operation_starts.h"
#include "serving/cache_operations.h"
#include "wire/errors.h"

namespace holdfast::http::lmcache {
namespace {

using EventPointer = std::shared_ptr<const EventRecord>;

struct OperationBody {
  std::string instance;
  std::string location;
  std::string method;
  std::vector<uint32_t> tokens;
  std::vector<std::string> from;  // instance, location
  std::vector<std::string> to;
  bool copy = false;
};

template <OperationKind kKind>
struct OperationBodyOf : OperationBody {};

std::vector<Field> fieldsOf(OperationBody& body, OperationKind kind) {
  const Numbers tokens{&body.tokens, kTokensPerLookupMax};
  if (kind == OperationKind::kMove) {
    return {{"old_position", Texts{&body.from, 2}, kRequired},
            {"new_position", Texts{&body.to, 2}, kRequired},
            {"tokens", tokens, Presence::kNullable},
            {"should_copy", &body.copy, Presence::kNullable}};
  }
  std::vector<Field> fields = {{"instance_id", &body.instance, kRequired}};
  if (kind == OperationKind::kHealth) return fields;
  fields.push_back({"location", &body.location, kRequired});
  if (kind == OperationKind::kPin) fields.push_back({"tokens", tokens, kRequired});
  if (kind == OperationKind::kCompress || kind == OperationKind::kDecompress) {
    fields.push_back({"method", &body.method, kRequired});
    fields.push_back({"tokens", tokens, Presence::kNullable});
  }
  return fields;
}
template <OperationKind kKind>
std::vector<Field> fieldsOf(OperationBodyOf<kKind>& body) {
  return fieldsOf(body, kKind);
}

Result<OperationRequest> requestOf(OperationKind kind, OperationBody& body) {
  OperationRequest request;
  request.kind = kind;
  request.instance = std::move(body.instance);
  request.location = std::move(body.location);
  request.method = std::move(body.method);
  request.copy = body.copy;
  if (kind != OperationKind::kMove) return request;
  for (const auto* position : {&body.from, &body.to}) {
    if (position->size() == 2) continue;
    return Error{ErrorCode::kInvalid,
                 std::string("field \"") + (position == &body.from ? "old" : "new") +
                     "_position\" must be a list of an instance and a location"};
  }
  request.instance = std::move(body.from[0]);
  request.location = std::move(body.from[1]);
  request.toInstance = std::move(body.to[0]);
  request.toLocation = std::move(body.to[1]);
  return request;
}

// What every rank answered. Fails with what they answered where they did not do it.
Reply tokensOf(const EventRecord& event) {
  const EventSummary summary = summarise(event);
  if (summary.status != EventStatus::kDone) {
    // As there: a 500 with what the workers said.
    kj::throwFatalException({kj::Exception::Type::FAILED, __FILE__, __LINE__,
                             kj::heapString(summary.error.data(), summary.error.size())});
  }
  Reply reply;
  JsonWriter(reply.body)
      .beginObject()
      .text("event_id", event.id)
      .number("num_tokens", summary.numTokens)
      .endObject();
  return reply;
}

// Of thousands of ranks a reply takes a fraction of a millisecond.
Reply healthOf(const EventRecord& event) {
  Reply reply;
  JsonWriter json(reply.body);
  json.beginObject().text("event_id", event.id).key("error_codes").beginObject();
  for (const RankRecord& rank : event.ranks) {
    json.freeKey(std::to_string(rank.worker)).signedNumber(rank.errorCode);
  }
  json.endObject().endObject();
  return reply;
}

// Tokens that make no chunk, or none at all: there the workers find nothing then, and say 0.
Reply nothingOf(const Services& services, const OperationRequest& request, EventIds& ids) {
  if (services.registry.tree().findInstance(request.instance) == nullptr) {
    failReading(
        {ErrorCode::kNotFound, "there is no instance " + quotedForPeople(request.instance)});
  }
  Reply reply;
  JsonWriter(reply.body)
      .beginObject()
      .text("event_id", ids.next(operationName(request.kind)))
      .number("num_tokens", 0)
      .endObject();
  return reply;
}

// What all of the routes have.
struct Operations {
  explicit Operations(Services& services) : starts(services) {}

  OperationStarts starts;
  EventIds ids;
};

kj::Promise<Reply> operateOn(Operations& all, OperationKind kind, OperationBody& body,
                             Request& asked) {
  auto request = requestOf(kind, body);
  if (!request.ok()) return wireError(request.error());
  asked.about = request.value().instance;
  const Services& services = all.starts.services();
  const bool onAll = kind == OperationKind::kClear || kind == OperationKind::kHealth;
  if (!onAll && services.hasher.chunkCount(body.tokens.size()) == 0) {
    return nothingOf(services, request.value(), all.ids);
  }
  request.value().allChunks = onAll;
  auto event = onAll ? all.starts.begin(std::move(request.value()), false)
                     : all.starts.begin(std::move(request.value()), std::move(body.tokens), false);
  return event.then([kind](EventPointer&& ended) {
    return kind == OperationKind::kHealth ? healthOf(*ended) : tokensOf(*ended);
  });
}

constexpr std::string_view kTokensAnswer = R"({
  "type": "object", "required": ["event_id", "num_tokens"],
  "properties": {
    "event_id": {"type": "string", "description": "as in /v1/operations/{id}"},
    "num_tokens": {"type": "integer", "description": "as every rank answered"}}})";

template <OperationKind kKind>
void addOperation(RouteTable& routes, const std::shared_ptr<Operations>& all, std::string_view path,
                  std::string_view summary, std::string_view body,
                  std::string_view answer = kTokensAnswer) {
  routes.add({.method = kj::HttpMethod::POST,
              .path = path,
              .permission = Permission::kOperate,
              .summary = summary,
              .body = body,
              .answer = answer,
              .otherAnswers = failures(),
              .handle =
                  [all](const std::shared_ptr<Request>& request) {
                    return readBody<OperationBodyOf<kKind>>(request, UnknownFields::kSkipped)
                        .then([all, request](kj::Own<OperationBodyOf<kKind>>&& read) {
                          return operateOn(*all, kKind, *read, *request);
                        });
                  },
              .failed = failed});
}

constexpr std::string_view kSomeTokensBody = R"({
  "type": "object", "required": ["instance_id", "method", "location"],
  "properties": {
    "instance_id": {"$ref": "#/components/schemas/InstanceId"},
    "method": {"type": "string", "minLength": 1, "maxLength": 128},
    "location": {"$ref": "#/components/schemas/LocationName"},
    "tokens": {"$ref": "#/components/schemas/LmcacheTokens"}}})";

struct FinishBody {
  std::string eventId;
};
std::vector<Field> fieldsOf(FinishBody& body) {
  return {{"event_id", &body.eventId, kRequired}};
}

Reply statusReply(std::string_view status) {
  Reply reply;
  JsonWriter(reply.body).beginObject().text("status", status).endObject();
  return reply;
}

kj::Promise<Reply> finished(Services& services, const std::string& eventId) {
  if (const auto bad = invalidId("event id", eventId, kEventIdBytesMax)) {
    return wireError({ErrorCode::kInvalid, *bad});
  }
  if (services.executor.find(eventId) == nullptr) return statusReply("not found");
  return operationNamed(services, eventId).then([](EventPointer&& event) {
    return statusReply(eventStatusName(summarise(*event).status));
  });
}

void addCheckFinish(RouteTable& routes, Services& services) {
  routes.add({.method = kj::HttpMethod::POST,
              .path = "/check_finish",
              .permission = Permission::kQuery,
              .leaderOnly = true,
              .summary = "LMCache's: what became of an operation",
              .body = R"({
  "type": "object", "required": ["event_id"],
  "properties": {"event_id": {"type": "string", "minLength": 1, "maxLength": 256}}})",
              .answer = R"({
  "type": "object", "required": ["status"],
  "properties": {"status": {"type": "string",
    "enum": ["running", "unknown", "done", "failed", "not found"],
    "description": "unknown: a worker or the controller ended meanwhile"}}})",
              .otherAnswers = failures(),
              .handle =
                  [&services](const std::shared_ptr<Request>& request) {
                    return readBody<FinishBody>(request, UnknownFields::kSkipped)
                        .then([&services](kj::Own<FinishBody>&& body) {
                          return finished(services, body->eventId);
                        });
                  },
              .failed = failed});
}

}  // namespace

void addOperations(RouteTable& routes, Services& services) {
  routes.addSchema("LmcacheTokens", R"({
  "type": ["array", "null"], "maxItems": 4194304,
  "description": "of a prompt; left out, null or empty: nothing is done",
  "items": {"type": "integer", "minimum": 0, "maximum": 4294967295}})");
  routes.addSchema("LmcachePosition", R"({
  "type": "array", "minItems": 2, "maxItems": 2, "description": "[instance, location]",
  "items": {"$ref": "#/components/schemas/InstanceId"}})");
  // The same as those of /v1, where that is served, too.
  routes.addSchema("InstanceId", R"({"type": "string", "minLength": 1, "maxLength": 256})");
  routes.addSchema("LocationName", R"({"type": "string", "minLength": 1, "maxLength": 128})");
  const auto all = std::make_shared<Operations>(services);
  addOperation<OperationKind::kClear>(
      routes, all, "/clear", "LMCache's: has all ranks of an instance clear a location", R"({
  "type": "object", "required": ["instance_id", "location"],
  "properties": {
    "instance_id": {"$ref": "#/components/schemas/InstanceId"},
    "location": {"$ref": "#/components/schemas/LocationName"}}})");
  addOperation<OperationKind::kPin>(routes, all, "/pin",
                                    "LMCache's: has chunks of a location kept from eviction", R"({
  "type": "object", "required": ["instance_id", "location", "tokens"],
  "properties": {
    "instance_id": {"$ref": "#/components/schemas/InstanceId"},
    "location": {"$ref": "#/components/schemas/LocationName"},
    "tokens": {"type": "array", "maxItems": 4194304,
      "description": "of a prompt",
      "items": {"type": "integer", "minimum": 0, "maximum": 4294967295}}}})");
  addOperation<OperationKind::kCompress>(
      routes, all, "/compress", "LMCache's: has chunks of a location compressed", kSomeTokensBody);
  addOperation<OperationKind::kDecompress>(routes, all, "/decompress",
                                           "LMCache's: has chunks of a location decompressed",
                                           kSomeTokensBody);
  addOperation<OperationKind::kMove>(
      routes, all, "/move",
      "LMCache's: has chunks moved, or copied, to another location or instance", R"({
  "type": "object", "required": ["old_position", "new_position"],
  "properties": {
    "old_position": {"$ref": "#/components/schemas/LmcachePosition"},
    "new_position": {"$ref": "#/components/schemas/LmcachePosition"},
    "tokens": {"$ref": "#/components/schemas/LmcacheTokens"},
    "should_copy": {"type": ["boolean", "null"], "default": false,
      "description": "the chunks stay where they are, too"}}})");
  addOperation<OperationKind::kHealth>(routes, all, "/health",
                                       "LMCache's: asks all ranks of an instance how they are", R"({
  "type": "object", "required": ["instance_id"],
  "properties": {"instance_id": {"$ref": "#/components/schemas/InstanceId"}}})",
                                       R"({
  "type": "object", "required": ["event_id", "error_codes"],
  "properties": {
    "event_id": {"type": "string"},
    "error_codes": {"type": "object", "additionalProperties": {"type": "integer"},
      "description": "by rank; 0 is healthy, -1001 an error, -1004 no answer in time"}}})");
  addCheckFinish(routes, services);
}

}  // namespace holdfast::http::lmcache
