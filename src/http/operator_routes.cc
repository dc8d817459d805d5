#include "http/operator_routes.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/limits.h"
#include "http/body.h"
#include "http/json.h"
#include "serving/orders.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

// --- forget ---

struct ForgetBody {
  std::string instance;
  uint64_t worker = 0;
};
std::vector<Field> fieldsOf(ForgetBody& body) {
  return {{"instanceId", &body.instance, kRequired},
          {"workerId", Number{&body.worker, 0, UINT32_MAX}, kRequired}};
}
kj::Promise<Reply> forget(Services& services, const ForgetBody& body) {
  Reply reply;
  JsonWriter(reply.body)
      .beginObject()
      .text("instanceId", body.instance)
      .number("workerId", body.worker)
      .endObject();
  return forgetWorker(services, body.instance, static_cast<uint32_t>(body.worker))
      .then([reply = std::move(reply)]() mutable { return std::move(reply); });
}
constexpr std::string_view kForgetBody = R"({
  "type": "object", "additionalProperties": false, "required": ["instanceId", "workerId"],
  "properties": {
    "instanceId": {"$ref": "#/components/schemas/InstanceId"},
    "workerId": {"type": "integer", "minimum": 0, "maximum": 4294967295}}})";
constexpr std::string_view kForgetAnswer = R"({
  "type": "object", "required": ["instanceId", "workerId"],
  "properties": {"instanceId": {"type": "string"}, "workerId": {"type": "integer"}}})";

// --- drain ---

struct DrainBody {
  std::string instance;
  bool undo = false;
};
std::vector<Field> fieldsOf(DrainBody& body) {
  return {{"instanceId", &body.instance, kRequired}, {"undo", &body.undo}};
}
kj::Promise<Reply> drain(Services& services, const DrainBody& body) {
  Reply reply;
  JsonWriter(reply.body)
      .beginObject()
      .text("instanceId", body.instance)
      .boolean("drained", !body.undo)
      .endObject();
  return drainInstance(services, body.instance, !body.undo)
      .then([reply = std::move(reply)]() mutable { return std::move(reply); });
}
constexpr std::string_view kDrainBody = R"({
  "type": "object", "additionalProperties": false, "required": ["instanceId"],
  "properties": {
    "instanceId": {"$ref": "#/components/schemas/InstanceId"},
    "undo": {"type": "boolean", "default": false, "description": "look-ups name it again"}}})";
constexpr std::string_view kDrainAnswer = R"({
  "type": "object", "required": ["instanceId", "drained"],
  "properties": {"instanceId": {"type": "string"}, "drained": {"type": "boolean"}}})";

// --- sync ---

struct SyncBody {
  std::string instance;
  uint64_t worker = 0;
  std::string location;
};
std::vector<Field> fieldsOf(SyncBody& body) {
  return {{"instanceId", &body.instance, kRequired},
          {"workerId", Number{&body.worker, 0, UINT32_MAX}, kRequired},
          {"location", &body.location}};
}
kj::Promise<Reply> sync(Services& services, const SyncBody& body) {
  const auto queued =
      forceSync(services, body.instance, static_cast<uint32_t>(body.worker), body.location);
  if (!queued.ok()) return wireError(queued.error());
  Reply reply;
  JsonWriter(reply.body).beginObject().number("locations", queued.value()).endObject();
  return kj::mv(reply);
}
constexpr std::string_view kSyncBody = R"({
  "type": "object", "additionalProperties": false, "required": ["instanceId", "workerId"],
  "properties": {
    "instanceId": {"$ref": "#/components/schemas/InstanceId"},
    "workerId": {"type": "integer", "minimum": 0, "maximum": 4294967295},
    "location": {"type": "string", "maxLength": 128,
      "description": "left out: all of the worker's"}}})";
constexpr std::string_view kSyncAnswer = R"({
  "type": "object", "required": ["locations"],
  "properties": {"locations": {"type": "integer",
    "description": "full syncs that there will be; /v1/diverged shows how far they are"}}})";

// --- backup ---

struct BackupBody {
  std::string path;
};
std::vector<Field> fieldsOf(BackupBody& body) {
  return {{"path", &body.path, kRequired}};
}
kj::Promise<Reply> backup(Services& services, const BackupBody& body) {
  return backUp(services, body.path).then([](kj::Own<BackupMade>&& made) {
    Reply reply;
    JsonWriter(reply.body)
        .beginObject()
        .text("path", made->path)
        .number("bytes", made->bytes)
        .number("sequence", made->sequence)
        .number("instances", made->instances)
        .number("workers", made->workers)
        .number("memberships", made->memberships)
        .text("registryDigest", made->registryDigest)
        .number("milliseconds", made->milliseconds)
        .endObject();
    return reply;
  });
}
constexpr std::string_view kBackupBody = R"({
  "type": "object", "additionalProperties": false, "required": ["path"],
  "properties": {"path": {"type": "string",
    "description": "a directory on the controller's machine that is not there yet, absolute"}}})";
constexpr std::string_view kBackupAnswer = R"({
  "type": "object",
  "required": ["path", "bytes", "sequence", "instances", "workers", "memberships",
    "registryDigest", "milliseconds"],
  "properties": {
    "path": {"type": "string"},
    "bytes": {"type": "integer"},
    "sequence": {"type": "integer", "description": "of the last write that it holds"},
    "instances": {"type": "integer"},
    "workers": {"type": "integer"},
    "memberships": {"type": "integer"},
    "registryDigest": {"type": "string"},
    "milliseconds": {"type": "integer", "description": "that it took"}}})";

// --- capture ---

struct CaptureBody {
  bool off = false;
  std::string directory;
  bool redact = false;
};
std::vector<Field> fieldsOf(CaptureBody& body) {
  return {{"off", &body.off}, {"directory", &body.directory}, {"redact", &body.redact}};
}
Reply captureReply(const std::string& folder, bool capturing) {
  Reply reply;
  JsonWriter(reply.body)
      .beginObject()
      .text("folder", folder)
      .boolean("capturing", capturing)
      .endObject();
  return reply;
}
kj::Promise<Reply> capture(Services& services, const CaptureBody& body) {
  if (body.off) {
    const auto ended = endCapture(services);
    if (!ended.ok()) return wireError(ended.error());
    return captureReply(ended.value(), false);
  }
  return beginCapture(services, body.directory, body.redact).then([](std::string&& folder) {
    return captureReply(folder, true);
  });
}
constexpr std::string_view kCaptureBody = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "off": {"type": "boolean", "default": false, "description": "end the log that there is"},
    "directory": {"type": "string",
      "description": "on the controller's machine; left out: the one of --capture"},
    "redact": {"type": "boolean", "default": false, "description": "without names and tokens"}}})";
constexpr std::string_view kCaptureAnswer = R"({
  "type": "object", "required": ["folder", "capturing"],
  "properties": {"folder": {"type": "string"}, "capturing": {"type": "boolean"}}})";

// --- log level ---

struct LogLevelBody {
  std::string level;
};
std::vector<Field> fieldsOf(LogLevelBody& body) {
  return {{"level", &body.level}};
}
kj::Promise<Reply> logLevel(Services& services, const LogLevelBody& body) {
  if (!services.facts.logLevel) {
    return wireError({ErrorCode::kRefused, "this server has no log"});
  }
  const auto level = services.facts.logLevel(body.level);
  if (!level.ok()) return wireError(level.error());
  Reply reply;
  JsonWriter(reply.body).beginObject().text("level", level.value()).endObject();
  return reply;
}
constexpr std::string_view kLogLevelBody = R"({
  "type": "object", "additionalProperties": false,
  "properties": {"level": {"type": "string", "enum": ["debug", "info", "warning", "error", ""],
    "description": "left out: it stays as it is"}}})";
constexpr std::string_view kLogLevelAnswer = R"({
  "type": "object", "required": ["level"],
  "properties": {"level": {"type": "string", "description": "that is in force now"}}})";

// What an order is about: the fleet, which is the leader's, or the process that is asked.
enum class Order : uint8_t { kFleet, kProcess };

// A route that reads a Body and answers with `carryOut`.
template <typename Body>
void addOrder(RouteTable& routes, Services& services, std::string_view path,
              std::string_view summary, std::string_view body, std::string_view answer,
              const std::vector<uint32_t>& errors,
              kj::Promise<Reply> (*carryOut)(Services&, const Body&), Order concerns) {
  routes.add(
      {.method = kj::HttpMethod::POST,
       .path = path,
       .permission = Permission::kManage,
       .leaderOnly = concerns == Order::kFleet,
       .summary = summary,
       .body = body,
       .answer = answer,
       .errors = errors,
       .handle = [&services, carryOut](std::shared_ptr<Request> request) -> kj::Promise<Reply> {
         // Nothing that changes something goes by an oversight.
         if (request->bodyBytes == 0) {
           return wireError({ErrorCode::kInvalid, "a body is needed, {} at least"});
         }
         return readBody<Body>(request).then(
             [&services, carryOut](kj::Own<Body>&& read) { return carryOut(services, *read); });
       }});
}

}  // namespace

void addOperatorRoutes(RouteTable& routes, Services& services) {
  addOrder<ForgetBody>(routes, services, "/v1/forget",
                       "Drops a worker with all its content; alive, it registers again by itself",
                       kForgetBody, kForgetAnswer, {404, 409}, forget, Order::kFleet);
  addOrder<DrainBody>(routes, services, "/v1/drain",
                      "Has look-ups not name an instance, or name it again", kDrainBody,
                      kDrainAnswer, {404, 409}, drain, Order::kFleet);
  addOrder<SyncBody>(routes, services, "/v1/sync", "Has a worker send all its keys again",
                     kSyncBody, kSyncAnswer, {404, 409}, sync, Order::kFleet);
  addOrder<BackupBody>(routes, services, "/v1/backup",
                       "Copies the store into a directory of the controller's machine", kBackupBody,
                       kBackupAnswer, {409}, backup, Order::kProcess);
  addOrder<CaptureBody>(routes, services, "/v1/capture",
                        "Begins or ends a log of all that comes in, for holdfast-replay",
                        kCaptureBody, kCaptureAnswer, {409}, capture, Order::kProcess);
  addOrder<LogLevelBody>(routes, services, "/v1/log-level",
                         "What the log tells from now on, or what it tells", kLogLevelBody,
                         kLogLevelAnswer, {409}, logLevel, Order::kProcess);
}

}  // namespace holdfast::http
