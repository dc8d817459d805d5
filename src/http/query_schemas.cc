#include "http/query_schemas.h"

namespace holdfast::http {
namespace {

constexpr std::string_view kNext = R"({
  "type": "string",
  "description": "of the next page: what `page` of the query is to be; left out: this is the last"})";

constexpr std::string_view kInstance = R"({
  "type": "object",
  "required": ["instanceId", "model", "drained", "hidden", "endpoint", "createdMs", "worldSize",
    "contradiction", "missingRanks", "ranks", "workers", "workersActive", "locations",
    "locationsInSync", "memberships"],
  "properties": {
    "instanceId": {"type": "string"},
    "model": {"type": "string"},
    "drained": {"type": "boolean", "description": "by an operator's wish"},
    "hidden": {"type": "string", "enum": ["no", "drained", "lost", "diverged"],
      "description": "why look-ups do not name it; no: they do"},
    "endpoint": {"$ref": "#/components/schemas/Endpoint"},
    "load": {"$ref": "#/components/schemas/Load"},
    "createdMs": {"type": "integer",
      "description": "when its first worker registered, in ms since 1970-01-01 UTC"},
    "worldSize": {"type": "integer",
      "description": "that its ranks state; 0: none does, or they contradict each other"},
    "contradiction": {"type": "string",
      "description": "which ranks state which world size; empty: they agree"},
    "missingRanks": {"type": "string",
      "description": "of its world size that never registered: 1, 3 to 5"},
    "ranks": {"type": "array", "items": {
      "type": "object",
      "required": ["workerId", "state", "quarantined", "locations", "locationsInSync",
        "locationsHidden", "memberships"],
      "properties": {
        "workerId": {"type": "integer"},
        "state": {"$ref": "#/components/schemas/WorkerState"},
        "quarantined": {"type": "boolean",
          "description": "its stored records could not be read"},
        "locations": {"type": "integer"},
        "locationsInSync": {"type": "integer"},
        "locationsHidden": {"type": "integer", "description": "kept, and not looked up"},
        "memberships": {"type": "integer"},
        "load": {"$ref": "#/components/schemas/Load"}}}},
    "workers": {"type": "integer"},
    "workersActive": {"type": "integer"},
    "locations": {"type": "integer"},
    "locationsInSync": {"type": "integer"},
    "memberships": {"type": "integer", "description": "chunks, summed over the locations"}}})";

constexpr std::string_view kLoad = R"({
  "type": "integer",
  "description": "in thousandths: 0 idle, 1000 saturated; left out: none is stated"})";

constexpr std::string_view kLabels = R"({
  "type": "object", "additionalProperties": {"type": "string"},
  "description": "what the worker says of itself"})";

constexpr std::string_view kWorkerState = R"({
  "type": "string", "enum": ["ACTIVE", "LOST", "RECOVERED"]})";

constexpr std::string_view kWorker = R"({
  "type": "object",
  "required": ["instanceId", "workerId", "ip", "port", "peerInitUrl", "model", "state",
    "registrationTimeMs", "lastHeartbeatTimeMs", "run", "attempt", "quarantined", "drained",
    "worldSize", "contradiction", "labels", "locations"],
  "properties": {
    "instanceId": {"type": "string"},
    "workerId": {"type": "integer"},
    "ip": {"type": "string"},
    "port": {"type": "integer"},
    "peerInitUrl": {"type": "string"},
    "model": {"type": "string"},
    "state": {"$ref": "#/components/schemas/WorkerState"},
    "registrationTimeMs": {"type": "integer", "description": "ms since 1970-01-01 UTC"},
    "lastHeartbeatTimeMs": {"type": "integer", "description": "of its last message of any kind"},
    "run": {"type": "string", "description": "of its process: 16 hexadecimal digits"},
    "attempt": {"type": "integer"},
    "quarantined": {"type": "string",
      "description": "why its stored records could not be read; empty: they could"},
    "drained": {"type": "boolean", "description": "look-ups do not name its instance"},
    "worldSize": {"type": "integer", "description": "as it states it; 0: unknown"},
    "contradiction": {"type": "string",
      "description": "which ranks of its instance state which world size; empty: they agree"},
    "labels": {"$ref": "#/components/schemas/Labels"},
    "load": {"$ref": "#/components/schemas/Load"},
    "locations": {"type": "array", "items": {"$ref": "#/components/schemas/Location"}}}})";

constexpr std::string_view kLocation = R"({
  "type": "object",
  "required": ["name", "sync", "reason", "incarnation", "lastSeq", "committedSeq", "count", "pins",
    "digest", "hidden", "journalOperations", "heldOperations", "fullSync"],
  "properties": {
    "name": {"type": "string"},
    "sync": {"type": "string", "enum": ["in sync", "caught up", "diverged", "replaying", "syncing"]},
    "reason": {"type": "string", "description": "of the last decision"},
    "incarnation": {"type": "string", "description": "16 hexadecimal digits"},
    "lastSeq": {"type": "integer"},
    "committedSeq": {"type": "integer"},
    "count": {"type": "integer", "description": "distinct chunks"},
    "pins": {"type": "integer"},
    "digest": {"type": "string"},
    "hidden": {"type": "boolean", "description": "kept to be compared, and not looked up"},
    "journalOperations": {"type": "integer"},
    "heldOperations": {"type": "integer", "description": "behind a gap"},
    "fullSync": {
      "type": "object",
      "required": ["phase", "queuePosition", "batchCount", "batchesStored", "totalKeys",
        "keysStored", "runningMs", "remainingMs", "failures"],
      "properties": {
        "phase": {"type": "string",
          "enum": ["none", "queued", "asked", "running", "backing off"]},
        "queuePosition": {"type": "integer"},
        "batchCount": {"type": "integer"},
        "batchesStored": {"type": "integer"},
        "totalKeys": {"type": "integer"},
        "keysStored": {"type": "integer"},
        "runningMs": {"type": "integer"},
        "remainingMs": {"type": "integer", "description": "an estimate; 0: none yet"},
        "failures": {"type": "integer"}}}}})";

constexpr std::string_view kPin = R"({
  "type": "object",
  "required": ["instanceId", "workerId", "location", "eventId", "chunks", "pinnedMs", "expiresMs"],
  "properties": {
    "instanceId": {"type": "string"},
    "workerId": {"type": "integer"},
    "location": {"type": "string"},
    "eventId": {"type": "string", "description": "of the operation that pinned them"},
    "chunks": {"type": "integer"},
    "pinnedMs": {"type": "integer", "description": "ms since 1970-01-01 UTC"},
    "expiresMs": {"type": "integer", "description": "0: pinned for as long as they are held"},
    "hashes": {"type": "array", "items": {"type": ["integer", "string"]}}}})";

constexpr std::string_view kLatency = R"({
  "type": "object", "description": "inside the controller",
  "required": ["count", "p50Us", "p99Us", "p999Us", "maxUs"],
  "properties": {
    "count": {"type": "integer"},
    "p50Us": {"type": "integer"},
    "p99Us": {"type": "integer"},
    "p999Us": {"type": "integer"},
    "maxUs": {"type": "integer"}}})";

}  // namespace

void addQuerySchemas(RouteTable& routes) {
  routes.addSchema("Next", kNext);
  routes.addSchema("Instance", kInstance);
  routes.addSchema("Load", kLoad);
  routes.addSchema("Labels", kLabels);
  routes.addSchema("WorkerState", kWorkerState);
  routes.addSchema("Worker", kWorker);
  routes.addSchema("Location", kLocation);
  routes.addSchema("Pin", kPin);
  routes.addSchema("Latency", kLatency);
}

}  // namespace holdfast::http
