// What the answers of query_routes.h look like, as JSON Schema. Fields may be added: who reads an
// answer ignores what it does not know.
#pragma once

#include <string_view>

#include "http/route.h"

namespace holdfast::http {

// Those that others refer to.
void addQuerySchemas(RouteTable& routes);

inline constexpr std::string_view kInstancesSchema = R"({
  "type": "object", "required": ["instances"], "properties": {
    "instances": {"type": "array", "items": {"$ref": "#/components/schemas/Instance"}},
    "next": {"$ref": "#/components/schemas/Next"}}})";

inline constexpr std::string_view kWorkersSchema = R"({
  "type": "object", "required": ["workers"], "properties": {
    "workers": {"type": "array", "items": {"$ref": "#/components/schemas/Worker"}},
    "next": {"$ref": "#/components/schemas/Next"}}})";

inline constexpr std::string_view kDivergedSchema = R"({
  "type": "object", "required": ["locations"], "properties": {
    "locations": {"type": "array", "items": {
      "allOf": [{"$ref": "#/components/schemas/Location"}],
      "required": ["instanceId", "workerId"], "properties": {
        "instanceId": {"type": "string"},
        "workerId": {"type": "integer"}}}},
    "next": {"$ref": "#/components/schemas/Next"}}})";

inline constexpr std::string_view kPinsSchema = R"({
  "type": "object", "required": ["pins"], "properties": {
    "pins": {"type": "array", "items": {"$ref": "#/components/schemas/Pin"}},
    "next": {"$ref": "#/components/schemas/Next"}}})";

inline constexpr std::string_view kStatusSchema = R"({
  "type": "object",
  "required": ["version", "clusterId", "uptimeMs", "instances", "instancesContradicting",
    "workersActive", "workersLost", "workersRecovered", "workersQuarantined", "locations",
    "locationsInSync", "locationsCaughtUp", "locationsReplaying", "locationsDiverged",
    "locationsSyncing", "fullSyncsRunning", "fullSyncsQueued", "globalProgress",
    "eventsUnfinished", "eventsFinished", "chunks", "memberships", "pins", "indexBytes",
    "residentBytes", "diskBytes", "storeWritable", "storeReason", "storeQueueBytes",
    "contentDigest", "registryDigest", "committed", "counters", "limits", "lookups",
    "lookupWindow", "recoveryMs", "recoveredInstances", "recoveredWorkers", "recoveredChunks",
    "connections", "replica"],
  "properties": {
    "version": {"type": "string"},
    "clusterId": {"type": "string"},
    "uptimeMs": {"type": "integer"},
    "instances": {"type": "integer"},
    "instancesContradicting": {"type": "integer",
      "description": "whose ranks contradict each other about the world size"},
    "workersActive": {"type": "integer"},
    "workersLost": {"type": "integer"},
    "workersRecovered": {"type": "integer"},
    "workersQuarantined": {"type": "integer"},
    "locations": {"type": "integer"},
    "locationsInSync": {"type": "integer"},
    "locationsCaughtUp": {"type": "integer"},
    "locationsReplaying": {"type": "integer"},
    "locationsDiverged": {"type": "integer"},
    "locationsSyncing": {"type": "integer"},
    "fullSyncsRunning": {"type": "integer"},
    "fullSyncsQueued": {"type": "integer"},
    "globalProgress": {"type": "number", "minimum": 0, "maximum": 1},
    "eventsUnfinished": {"type": "integer", "description": "cache operations under way"},
    "eventsFinished": {"type": "integer", "description": "of those that are remembered"},
    "chunks": {"type": "integer", "description": "distinct ones"},
    "memberships": {"type": "integer", "description": "pairs of a location and a chunk it holds"},
    "pins": {"type": "integer"},
    "indexBytes": {"type": "integer"},
    "residentBytes": {"type": "integer"},
    "diskBytes": {"type": "integer"},
    "storeWritable": {"type": "boolean"},
    "storeReason": {"type": "string", "description": "why it cannot write; empty: it can"},
    "storeQueueBytes": {"type": "integer"},
    "contentDigest": {"type": "string"},
    "registryDigest": {"type": "string"},
    "committed": {"type": "boolean", "description": "everything applied is written to the store"},
    "counters": {"type": "object", "additionalProperties": {"type": "integer"}},
    "limits": {"type": "object", "additionalProperties": {"type": "object",
      "required": ["used", "max"],
      "properties": {"used": {"type": "integer"}, "max": {"type": "integer"}}}},
    "lookups": {"$ref": "#/components/schemas/Latency"},
    "lookupWindow": {"$ref": "#/components/schemas/Latency"},
    "recoveryMs": {"type": "integer"},
    "recoveredInstances": {"type": "integer"},
    "recoveredWorkers": {"type": "integer"},
    "recoveredChunks": {"type": "integer"},
    "connections": {"type": "integer"},
    "replica": {"type": "object", "description": "what it is in its group of controllers",
      "required": ["role", "epoch", "index", "ageMs", "lag", "leader", "log"], "properties": {
      "role": {"type": "string",
        "enum": ["alone", "bootstrapping", "follower", "candidate", "leader", "cutOff"]},
      "epoch": {"type": "integer"}, "index": {"type": "integer"},
      "ageMs": {"type": "integer",
        "description": "since the newest record of the log; 18446744073709551615: none came yet"},
      "lag": {"type": "integer"}, "leader": {"type": "string"}, "log": {"type": "string"}}}}})";

}  // namespace holdfast::http
