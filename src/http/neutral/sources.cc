// POST /register and /unregister, GET /workers: the engines whose events are taken.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/limits.h"
#include "http/body.h"
#include "http/list_page.h"
#include "http/neutral/neutral_routes.h"
#include "http/neutral/values.h"
#include "http/parameters.h"
#include "serving/long_answer.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

using neutral::groupKept;
using neutral::groupShown;
using neutral::modelShown;

// Sources that are looked at in a piece: each is copied.
constexpr size_t kSourcesOfPiece = 64;

std::string groupForPeople(std::string_view group) {
  return quotedForPeople(groupShown(group));
}

Error noEvents() {
  return {ErrorCode::kUnavailable,
          "this controller takes no KV events; holdfastd --help says how it would"};
}

// --- register ---

struct RegisterBody {
  std::string instance;
  std::string endpoint;
  std::string model;
  uint64_t blockSize = 0;
  std::string group;
  uint64_t rank = 0;
  std::string replay;
  std::string salt;
};
std::vector<Field> fieldsOf(RegisterBody& body) {
  return {{"instance_id", Name{&body.instance}, kRequired},
          {"endpoint", &body.endpoint, kRequired},
          {"model_name", &body.model, kRequired},
          {"block_size", Number{&body.blockSize, 1, kBlockTokensMax}, kRequired},
          {"routing_group", &body.group, Presence::kNullable},
          {"dp_rank", Number{&body.rank, 0, UINT32_MAX}, Presence::kNullable},
          {"replay_endpoint", &body.replay, Presence::kNullable},
          {"additional_salt", &body.salt, Presence::kNullable},
          {"additionalsalt", &body.salt, Presence::kNullable}};  // as the RFC spells it
}

EngineSource sourceOf(const RegisterBody& body) {
  EngineSource source;
  source.name = {body.instance, static_cast<uint32_t>(body.rank)};
  source.endpoint = body.endpoint;
  source.replayEndpoint = body.replay;
  source.model = body.model;
  source.blockSize = static_cast<uint32_t>(body.blockSize);
  source.routingGroup = groupKept(body.group);
  source.additionalSalt = body.salt;
  return source;
}

// Looks through what is registered for what a new source cannot be beside: all of a model and group
// hash blocks of one size, and an instance has one model.
class ConflictSearch {
 public:
  ConflictSearch(const Services& services, const SourceTable& sources, const EngineSource& wanted)
      : services_(services), sources_(sources), wanted_(wanted) {}

  // Whether there is more to do.
  bool step() {
    const auto found = sources_.list(after_ ? &*after_ : nullptr, kSourcesOfPiece);
    for (const SourceState& state : found) {
      if (auto conflict = conflictWith(state.source)) {
        error = std::move(conflict);
        return false;
      }
    }
    if (found.size() < kSourcesOfPiece) return false;
    after_ = found.back().source.name;
    return true;
  }
  std::optional<Error> error;

 private:
  std::optional<Error> conflictWith(const EngineSource& other) const {
    if (other.name == wanted_.name) return std::nullopt;  // SourceTable compares these
    const bool samePartition =
        modelShown(services_, other.model) == modelShown(services_, wanted_.model) &&
        other.routingGroup == wanted_.routingGroup;
    if (other.name.instance == wanted_.name.instance && !samePartition) {
      return Error{ErrorCode::kRefused, "instance " + quotedForPeople(other.name.instance) +
                                            " is registered with model " +
                                            quotedForPeople(modelShown(services_, other.model)) +
                                            " and routing group " +
                                            groupForPeople(other.routingGroup)};
    }
    if (samePartition && other.blockSize != 0 && other.blockSize != wanted_.blockSize) {
      return Error{ErrorCode::kRefused, "instance " + quotedForPeople(other.name.instance) +
                                            " is registered with model " +
                                            quotedForPeople(modelShown(services_, other.model)) +
                                            " and blocks of " + std::to_string(other.blockSize) +
                                            " tokens, not " + std::to_string(wanted_.blockSize)};
    }
    return std::nullopt;
  }

  const Services& services_;
  const SourceTable& sources_;
  const EngineSource& wanted_;
  std::optional<SourceName> after_;
};

Reply okReply(uint32_t status) {
  return {.status = status, .body = R"({"status":"ok"})"};
}

kj::Promise<Reply> registerSource(Services& services, SourceTable* sources,
                                  const RegisterBody& body) {
  if (sources == nullptr) return wireError(noEvents());
  struct Registering {
    EngineSource source;
    ConflictSearch search;
    Registering(const Services& all, const SourceTable& table, const RegisterBody& from)
        : source(sourceOf(from)), search(all, table, source) {}
  };
  const auto registering = std::make_shared<Registering>(services, *sources, body);
  return inPieces(services, [registering]() { return registering->search.step(); })
      .then([&services, sources, registering]() -> kj::Promise<void> {
        if (registering->search.error) return wireError(*registering->search.error);
        const auto added = sources->add(registering->source);
        if (!added.ok()) return wireError(added.error());
        return services.waiters.committed(added.value());
      })
      .then([]() { return okReply(201); });
}

// --- unregister ---

struct UnregisterBody {
  std::string instance;
  std::string model;
  std::string group;
  bool byGroup = false;
  uint64_t rank = 0;
  bool byRank = false;
};
std::vector<Field> fieldsOf(UnregisterBody& body) {
  return {{"instance_id", Name{&body.instance}, kRequired},
          {"model_name", &body.model, kRequired},
          {"routing_group", &body.group, Presence::kNullable, &body.byGroup},
          {"dp_rank", Number{&body.rank, 0, UINT32_MAX}, Presence::kNullable, &body.byRank}};
}

// One of the sources that are meant; nothing: there is none.
std::optional<EngineSource> firstOf(const SourceTable& sources, const UnregisterBody& body) {
  const SourceName name{body.instance, static_cast<uint32_t>(body.rank)};
  if (const EngineSource* found = sources.find(name)) return *found;
  if (body.byRank) return std::nullopt;
  const auto next = sources.list(&name, 1);
  if (next.empty() || next[0].source.name.instance != body.instance) return std::nullopt;
  return next[0].source;
}

kj::Promise<Reply> unregisterSource(Services& services, SourceTable* sources,
                                    const UnregisterBody& body) {
  if (sources == nullptr) return wireError(noEvents());
  const auto found = firstOf(*sources, body);
  const std::string what = "instance " + quotedForPeople(body.instance) +
                           (body.byRank ? " dp_rank " + std::to_string(body.rank) : std::string());
  if (!found) {
    return wireError({ErrorCode::kNotFound, what + " is not registered; /workers lists who is"});
  }
  const std::string_view model = modelShown(services, found->model);
  if (model != modelShown(services, body.model) ||
      (body.byGroup && found->routingGroup != groupKept(body.group))) {
    return wireError({ErrorCode::kNotFound, what + " is registered with model " +
                                                quotedForPeople(model) + " and routing group " +
                                                groupForPeople(found->routingGroup)});
  }
  const auto removed = sources->remove(
      body.instance, body.byRank ? std::optional(static_cast<uint32_t>(body.rank)) : std::nullopt);
  if (!removed.ok()) return wireError(removed.error());
  return services.waiters.committed(removed.value()).then([]() { return okReply(200); });
}

// --- workers ---

class WorkerList {
 public:
  WorkerList(const Services& services, const SourceTable* sources, const Request& request)
      : services_(services),
        sources_(sources),
        model_(textParameter(request, "model_name", kModelBytesMax)),
        group_(textParameter(request, "routing_group", kLabelValueBytesMax)),
        json_(reply_.body) {
    json_.beginList();
  }
  WorkerList(const WorkerList&) = delete;
  WorkerList& operator=(const WorkerList&) = delete;

  bool step() {
    if (sources_ == nullptr) {
      json_.endList();
      return false;
    }
    auto found = sources_->list(after_ ? &*after_ : nullptr, kSourcesOfPiece);
    const bool more = found.size() == kSourcesOfPiece;
    if (more) after_ = found.back().source.name;
    for (SourceState& state : found) {
      if (!wants(state.source)) continue;
      if (!ranks_.empty() && ranks_[0].source.name.instance != state.source.name.instance) write();
      ranks_.push_back(std::move(state));
    }
    if (more) return true;
    if (!ranks_.empty()) write();
    json_.endList();
    return false;
  }
  Reply take() { return std::move(reply_); }

 private:
  bool wants(const EngineSource& source) const {
    return (model_.empty() || modelShown(services_, source.model) == model_) &&
           (group_.empty() || source.routingGroup == groupKept(group_));
  }

  // Those of an instance.
  void write() {
    const EngineSource& first = ranks_[0].source;
    bool active = true;
    for (const SourceState& rank : ranks_) active &= rank.connected;
    json_.beginObject().key("instance_id");
    neutral::writeInstanceId(json_, first.name.instance);
    json_.text("source", "zmq")
        .text("status", active ? "active" : "pending")
        .text("model_name", modelShown(services_, first.model))
        .text("routing_group", groupShown(first.routingGroup))
        .number("block_size", neutral::blockSizeOf(services_, &first));
    json_.key("endpoints").beginObject();
    for (const SourceState& rank : ranks_) {
      json_.text(std::to_string(rank.source.name.rank), rank.source.endpoint);
    }
    json_.endObject().key("listeners").beginObject();
    for (const SourceState& rank : ranks_) {
      json_.key(std::to_string(rank.source.name.rank))
          .beginObject()
          .text("endpoint", rank.source.endpoint)
          .text("status", rank.connected ? "active" : "pending");
      if (rank.position) json_.number("position", *rank.position);
      json_.boolean("lossy", rank.lossy).endObject();
    }
    json_.endObject().endObject();
    ranks_.clear();
  }

  const Services& services_;
  const SourceTable* const sources_;
  const std::string model_;
  const std::string group_;
  Reply reply_;
  JsonWriter json_;
  std::vector<SourceState> ranks_;  // of the instance that is not written yet
  std::optional<SourceName> after_;
};

// --- schemas ---

constexpr std::string_view kRegisterSchema = R"({"type":"object",
"required":["instance_id","endpoint","model_name","block_size"],"properties":{
"instance_id":{"$ref":"#/components/schemas/EngineId"},
"endpoint":{"type":"string","description":"where it publishes: tcp://HOST:PORT or ipc://PATH"},
"model_name":{"type":"string","maxLength":256},
"block_size":{"type":"integer","minimum":1,"maximum":1048576,"description":"tokens"},
"routing_group":{"type":["string","null"],"default":"default","description":"queries name one"},
"dp_rank":{"type":["integer","null"],"minimum":0,"maximum":4294967295,"default":0},
"replay_endpoint":{"type":["string","null"],"description":"where it answers what it has published"},
"additional_salt":{"type":["string","null"]},"additionalsalt":{"type":["string","null"]}}})";
constexpr std::string_view kUnregisterSchema = R"({"type":"object",
"required":["instance_id","model_name"],"properties":{
"instance_id":{"$ref":"#/components/schemas/EngineId"},
"model_name":{"type":"string","maxLength":256},
"routing_group":{"type":["string","null"]},
"dp_rank":{"type":["integer","null"],"minimum":0,"maximum":4294967295,
 "description":"left out: all of the instance"}}})";
constexpr std::string_view kEngineIdSchema =
    R"({"type":["string","integer"],"minimum":0,"maximum":18446744073709551615,"maxLength":256})";
constexpr std::string_view kOkSchema =
    R"({"type":"object","required":["status"],"properties":{"status":{"const":"ok"}}})";
constexpr std::string_view kEnginesSchema = R"({"type":"array","items":{"type":"object",
"required":["instance_id","source","status","model_name","routing_group","block_size","endpoints","listeners"],
"properties":{"instance_id":{"$ref":"#/components/schemas/EngineId"},
"source":{"const":"zmq"},
"status":{"type":"string","enum":["active","pending"],"description":"active: every rank is connected"},
"model_name":{"type":"string"},"routing_group":{"type":"string"},"block_size":{"type":"integer"},
"endpoints":{"type":"object","additionalProperties":{"type":"string"},"description":"by dp_rank"},
"listeners":{"type":"object","description":"by dp_rank","additionalProperties":{"type":"object",
 "required":["endpoint","status","lossy"],"properties":{"endpoint":{"type":"string"},
 "status":{"type":"string","enum":["active","pending"]},
 "position":{"type":"integer","description":"sequence number of its last message that was applied"},
 "lossy":{"type":"boolean","description":"messages were lost that nothing can bring back"}}}}}}})";

template <typename Body, typename Handle>
Route bodyRoute(std::string_view path, std::string_view summary, std::string_view schema,
                Handle handle) {
  Route route;
  route.method = kj::HttpMethod::POST;
  route.path = path;
  route.permission = Permission::kManage;
  route.summary = summary;
  route.body = schema;
  route.failed = neutral::errorReply;
  route.handle = [handle](const std::shared_ptr<Request>& request) {
    return readBody<Body>(request, UnknownFields::kSkipped)
        .then([handle, request](kj::Own<Body>&& body) {
          request->about = body->instance;
          Body& read = *body;
          return handle(read).attach(kj::mv(body));
        });
  };
  return route;
}

}  // namespace

void addSourceRoutes(RouteTable& routes, Services& services, SourceTable* sources) {
  routes.addSchema("EngineId", kEngineIdSchema);

  Route add = bodyRoute<RegisterBody>(
      "/register", "An engine's KV events are taken from now on; the same again is fine",
      kRegisterSchema, [&services, sources](const RegisterBody& body) {
        return registerSource(services, sources, body);
      });
  add.otherAnswers = neutral::errorsOf({409});
  add.otherAnswers.push_back({201, "It is registered", kOkSchema});
  routes.add(std::move(add));

  Route remove = bodyRoute<UnregisterBody>(
      "/unregister", "An engine's events are not taken any more, and what it held is forgotten",
      kUnregisterSchema, [&services, sources](const UnregisterBody& body) {
        return unregisterSource(services, sources, body);
      });
  remove.answer = kOkSchema;
  remove.otherAnswers = neutral::errorsOf({404, 409});
  routes.add(std::move(remove));

  Route list;
  list.path = "/workers";
  list.permission = Permission::kQuery;
  list.summary = "The engines whose KV events are taken";
  list.answer = kEnginesSchema;
  list.failed = neutral::errorReply;
  list.otherAnswers = neutral::errorsOf({});
  list.parameters = {{"model_name", "only of this model"},
                     {"routing_group", "only of this group"},
                     {"tenant_id", "ignored"}};
  list.handle = [&services, sources](const std::shared_ptr<Request>& request) {
    return answerInPieces(services, std::make_shared<WorkerList>(services, sources, *request));
  };
  routes.add(std::move(list));
}

}  // namespace holdfast::http
