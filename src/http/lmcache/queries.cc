// POST /query_instance and /query_worker_info, GET /controller/workers and /controller/key-stats.
// Workers that are LOST are left out: LMCache has dropped them by then.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/limits.h"
#include "core/queries/instance_by_ip.h"
#include "core/queries/workers.h"
#include "http/body.h"
#include "http/json.h"
#include "http/list_page.h"
#include "http/lmcache/event_ids.h"
#include "http/lmcache/failures.h"
#include "http/lmcache/routes.h"
#include "http/parameters.h"
#include "wire/errors.h"

namespace holdfast::http::lmcache {
namespace {

double seconds(uint64_t milliseconds) {
  return static_cast<double>(milliseconds) / 1e3;
}

uint64_t keysOf(const queries::WorkerView& worker) {
  uint64_t keys = 0;
  for (const queries::LocationView& location : worker.locations) keys += location.count;
  return keys;
}

enum class Keys : uint8_t { kLeftOut, kCounted };

void writeWorker(JsonWriter& json, const queries::WorkerView& worker, Keys keys) {
  json.beginObject()
      .text("instance_id", worker.instance)
      .number("worker_id", worker.worker)
      .text("ip", worker.ip)
      .number("port", worker.port)
      .key("peer_init_url");
  if (worker.peerUrl.empty()) {
    json.null();
  } else {
    json.text(worker.peerUrl);
  }
  json.real("registration_time", seconds(worker.registeredWallMs))
      .real("last_heartbeat_time", seconds(worker.lastSeenWallMs));
  if (keys == Keys::kCounted) json.number("key_count", keysOf(worker));
  json.endObject();
}

// The workers of a fleet, piece by piece, none of which is LOST.
class RegisteredWorkers {
 public:
  RegisteredWorkers(const Services& services, queries::WorkerFilter filter)
      : cursor_(services.registry, std::move(filter)) {}

  // Calls write(worker) with each of the next ones. Whether there are more.
  template <typename Write>
  bool next(Write write) {
    found_.clear();
    const bool more = cursor_.next(found_, kWorkOfPage);
    for (const queries::WorkerView& worker : found_) {
      if (worker.state != WorkerState::kLost) write(worker);
    }
    return more;
  }

 private:
  queries::WorkerCursor cursor_;
  queries::WorkerCursor::Found found_;
};

// --- for answerInPieces() of http/list_page.h ---

// {"event_id", "worker_infos"}
class WorkerInfos {
 public:
  WorkerInfos(const Services& services, queries::WorkerFilter filter, const std::string& eventId)
      : workers_(services, std::move(filter)), json_(reply_.body) {
    json_.beginObject().text("event_id", eventId).key("worker_infos").beginList();
  }
  WorkerInfos(const WorkerInfos&) = delete;
  WorkerInfos& operator=(const WorkerInfos&) = delete;

  bool step() {
    if (workers_.next([this](const auto& one) { writeWorker(json_, one, Keys::kLeftOut); })) {
      return true;
    }
    json_.endList().endObject();
    return false;
  }
  Reply take() { return std::move(reply_); }

 private:
  RegisteredWorkers workers_;
  Reply reply_;
  JsonWriter json_;
};

// {"workers", "total_count"}, or the one that was asked for.
class WorkerList {
 public:
  WorkerList(const Services& services, std::string instance, std::optional<uint32_t> worker)
      : instance_(std::move(instance)),
        worker_(worker),
        workers_(services,
                 {.instance = instance_,
                  .workers = worker ? std::vector<uint32_t>{*worker} : std::vector<uint32_t>()}),
        json_(reply_.body) {
    if (!worker_) json_.beginObject().key("workers").beginList();
  }
  WorkerList(const WorkerList&) = delete;
  WorkerList& operator=(const WorkerList&) = delete;

  bool step() {
    const bool more = workers_.next([this](const auto& one) {
      writeWorker(json_, one, Keys::kCounted);
      ++count_;
    });
    if (more) return true;
    if (count_ == 0 && !instance_.empty()) failReading({ErrorCode::kNotFound, missing()});
    if (!worker_) json_.endList().number("total_count", count_).endObject();
    return false;
  }
  Reply take() { return std::move(reply_); }

 private:
  std::string missing() const {
    return (worker_ ? "worker " + std::to_string(*worker_) + " of instance "
                    : std::string("instance ")) +
           quotedForPeople(instance_) + " is not registered";
  }

  const std::string instance_;  // empty: all
  const std::optional<uint32_t> worker_;
  RegisteredWorkers workers_;
  uint64_t count_ = 0;
  Reply reply_;
  JsonWriter json_;
};

class KeyStats {
 public:
  explicit KeyStats(const Services& services) : workers_(services, {}), json_(instances_.body) {
    json_.beginList();
  }
  KeyStats(const KeyStats&) = delete;
  KeyStats& operator=(const KeyStats&) = delete;

  bool step() {
    if (workers_.next([this](const auto& one) { add(one); })) return true;
    end();
    json_.endList();
    return false;
  }
  Reply take() {
    Reply reply;
    reply.body.reserve(instances_.body.size() + kTotalsBytes);
    JsonWriter(reply.body)
        .beginObject()
        .number("total_key_count", total_.keys)
        .number("total_instance_count", instanceCount_)
        .number("total_worker_count", total_.workers)
        .key("instances")
        .raw(instances_.body)
        .endObject();
    return reply;
  }

 private:
  static constexpr size_t kTotalsBytes = 160;
  struct Sums {
    uint64_t keys = 0;
    uint64_t workers = 0;
  };

  void add(const queries::WorkerView& worker) {
    if (worker.instance != instance_) {
      end();
      instance_ = worker.instance;
    }
    const uint64_t keys = keysOf(worker);
    for (Sums* sums : {&ofInstance_, &total_}) {
      sums->keys += keys;
      ++sums->workers;
    }
  }
  void end() {
    if (ofInstance_.workers == 0) return;
    json_.beginObject()
        .text("instance_id", instance_)
        .number("key_count", ofInstance_.keys)
        .number("worker_count", ofInstance_.workers)
        .endObject();
    ++instanceCount_;
    ofInstance_ = {};
  }

  RegisteredWorkers workers_;
  Reply instances_;  // the list alone
  JsonWriter json_;
  std::string instance_;  // whose workers are added up
  Sums ofInstance_;
  Sums total_;
  uint64_t instanceCount_ = 0;
};

// --- the questions ---

struct AddressBody {
  std::string eventId;
  std::string ip;
};
std::vector<Field> fieldsOf(AddressBody& body) {
  return {{"event_id", &body.eventId, kRequired}, {"ip", &body.ip, kRequired}};
}

struct WorkersBody {
  std::string instance;
  std::vector<uint32_t> workers;
};
std::vector<Field> fieldsOf(WorkersBody& body) {
  return {{"instance_id", &body.instance, kRequired},
          {"worker_ids", Numbers{&body.workers, kWorkerIdsPerQueryMax}, Presence::kNullable}};
}

void check(std::string_view what, const std::string& text, size_t bytesMax) {
  if (const auto bad = invalidId(what, text, bytesMax)) failReading({ErrorCode::kInvalid, *bad});
}

kj::Promise<Reply> instanceAt(Services& services, AddressBody& body) {
  check("ip", body.ip, kIpBytesMax);
  if (const auto bad = invalidText("event id", body.eventId, kEventIdBytesMax)) {
    failReading({ErrorCode::kInvalid, *bad});
  }
  const auto query = std::make_shared<queries::InstanceByIp>(services.registry.tree(), body.ip);
  return inPieces(services, [query]() { return query->next(); })
      .then([query, body = std::move(body)]() {
        if (query->instance().empty()) {
          failReading({ErrorCode::kNotFound,
                       "no worker is registered with the address " + quotedForPeople(body.ip)});
        }
        Reply reply;
        JsonWriter(reply.body)
            .beginObject()
            .text("event_id", body.eventId)
            .text("res", query->instance())
            .endObject();
        return reply;
      });
}

kj::Promise<Reply> workerInfos(Services& services, WorkersBody& body, EventIds& ids) {
  constexpr std::string_view kAll = "all";
  check("instance id", body.instance, kInstanceIdBytesMax);
  queries::WorkerFilter filter{.instance = std::move(body.instance),
                               .workers = std::move(body.workers)};
  if (filter.instance == kAll) filter.instance.clear();
  return answerInPieces(services, std::make_shared<WorkerInfos>(services, std::move(filter),
                                                                ids.next("QueryWorkerInfo")));
}

kj::Promise<Reply> workerList(Services& services, const Request& request) {
  std::string instance = textParameter(request, "instance_id", kInstanceIdBytesMax);
  const auto number =
      static_cast<uint32_t>(numberParameter(request, "worker_id", 0, UINT32_MAX, 0));
  // Without an instance it says nothing.
  const bool one = parameter(request, "worker_id") != nullptr && !instance.empty();
  const std::optional<uint32_t> worker = one ? std::optional(number) : std::nullopt;
  return answerInPieces(services,
                        std::make_shared<WorkerList>(services, std::move(instance), worker));
}

constexpr std::string_view kWorkerInfoSchema = R"({
  "type": "object",
  "required": ["instance_id", "worker_id", "ip", "port", "peer_init_url", "registration_time",
    "last_heartbeat_time"],
  "properties": {
    "instance_id": {"type": "string"},
    "worker_id": {"type": "integer"},
    "ip": {"type": "string"},
    "port": {"type": "integer"},
    "peer_init_url": {"type": ["string", "null"]},
    "registration_time": {"type": "number", "description": "seconds since 1970-01-01 UTC"},
    "last_heartbeat_time": {"type": "number", "description": "of its last message of any kind"},
    "key_count": {"type": "integer",
      "description": "in all its locations; left out by /query_worker_info"}}})";

void addPosts(RouteTable& routes, Services& services) {
  routes.add({.method = kj::HttpMethod::POST,
              .path = "/query_instance",
              .permission = Permission::kQuery,
              .summary = "LMCache's: the instance of which a worker has the address",
              .body = R"({
  "type": "object", "required": ["event_id", "ip"],
  "properties": {
    "event_id": {"type": "string", "maxLength": 256},
    "ip": {"type": "string", "minLength": 1, "maxLength": 64}}})",
              .answer = R"({
  "type": "object", "required": ["event_id", "res"],
  "properties": {
    "event_id": {"type": "string", "description": "that of the request"},
    "res": {"type": "string", "description": "the instance"}}})",
              .otherAnswers = failures(),
              .handle =
                  [&services](const std::shared_ptr<Request>& request) {
                    return readBody<AddressBody>(request, UnknownFields::kSkipped)
                        .then([&services](kj::Own<AddressBody>&& body) {
                          return instanceAt(services, *body);
                        });
                  },
              .failed = failed});
  routes.add({.method = kj::HttpMethod::POST,
              .path = "/query_worker_info",
              .permission = Permission::kQuery,
              .summary = "LMCache's: the workers of an instance, or of all",
              .body = R"({
  "type": "object", "required": ["instance_id"],
  "properties": {
    "instance_id": {"type": "string", "minLength": 1, "maxLength": 256,
      "description": "\"all\": of all instances"},
    "worker_ids": {"type": ["array", "null"], "maxItems": 65536,
      "description": "left out, null or empty: all",
      "items": {"type": "integer", "minimum": 0, "maximum": 4294967295}}}})",
              .answer = R"({
  "type": "object", "required": ["event_id", "worker_infos"],
  "properties": {
    "event_id": {"type": "string"},
    "worker_infos": {"type": "array", "items": {"$ref": "#/components/schemas/LmcacheWorker"}}}})",
              .otherAnswers = failures(),
              .handle =
                  [&services,
                   ids = std::make_shared<EventIds>()](const std::shared_ptr<Request>& request) {
                    return readBody<WorkersBody>(request, UnknownFields::kSkipped)
                        .then([&services, ids](kj::Own<WorkersBody>&& body) {
                          return workerInfos(services, *body, *ids);
                        });
                  },
              .failed = failed});
}

}  // namespace

void addQueries(RouteTable& routes, Services& services) {
  routes.addSchema("LmcacheWorker", kWorkerInfoSchema);
  addPosts(routes, services);
  routes.add({.path = "/controller/workers",
              .permission = Permission::kQuery,
              .summary = "LMCache's: the workers, those of an instance, or one of them",
              .body = {},
              .answer = R"({"anyOf": [{"$ref": "#/components/schemas/LmcacheWorker"}, {
  "type": "object", "required": ["workers", "total_count"],
  "properties": {
    "workers": {"type": "array", "items": {"$ref": "#/components/schemas/LmcacheWorker"}},
    "total_count": {"type": "integer"}}}]})",
              .otherAnswers = failures(),
              .parameters = {{"instance_id", "only of this instance",
                              R"({"type":"string","maxLength":256})"},
                             {"worker_id", "with instance_id: this one alone, not in a list",
                              R"({"type":"integer","minimum":0,"maximum":4294967295})"}},
              .handle =
                  [&services](const std::shared_ptr<Request>& request) {
                    return workerList(services, *request);
                  },
              .failed = failed});
  routes.add({.path = "/controller/key-stats",
              .permission = Permission::kQuery,
              .summary = "LMCache's: how many chunks each instance holds",
              .body = {},
              .answer = R"({
  "type": "object",
  "required": ["total_key_count", "total_instance_count", "total_worker_count", "instances"],
  "properties": {
    "total_key_count": {"type": "integer"},
    "total_instance_count": {"type": "integer"},
    "total_worker_count": {"type": "integer"},
    "instances": {"type": "array", "items": {
      "type": "object", "required": ["instance_id", "key_count", "worker_count"],
      "properties": {
        "instance_id": {"type": "string"},
        "key_count": {"type": "integer", "description": "summed over its workers"},
        "worker_count": {"type": "integer"}}}}}})",
              .otherAnswers = failures(),
              .handle =
                  [&services](const std::shared_ptr<Request>&) {
                    return answerInPieces(services, std::make_shared<KeyStats>(services));
                  },
              .failed = failed});
}

}  // namespace holdfast::http::lmcache
