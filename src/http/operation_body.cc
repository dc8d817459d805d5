#include "http/operation_body.h"

#include <utility>

#include "core/limits.h"

namespace holdfast::http {
namespace {

bool namesChunks(OperationKind kind) {
  return kind != OperationKind::kClear && kind != OperationKind::kHealth;
}

}  // namespace

std::vector<Field> fieldsOf(OperationBody& body, OperationKind kind) {
  std::vector<Field> fields = {{"eventId", &body.eventId},
                               {"instanceId", &body.instance, kRequired}};
  if (kind == OperationKind::kHealth) return fields;
  fields.push_back({"location", &body.location, kRequired});
  fields.push_back({"noWait", &body.noWait});
  if (namesChunks(kind)) {
    fields.push_back({"model", &body.model});
    fields.push_back({.name = "tokens",
                      .to = Numbers{&body.tokens, kTokensPerLookupMax},
                      .given = &body.hasTokens});
    fields.push_back({.name = "hashes",
                      .to = Hashes{&body.hashes, kHashesPerLookupMax},
                      .given = &body.hasHashes});
  }
  switch (kind) {
    case OperationKind::kPin:
      fields.push_back({"ttlSeconds", Number{&body.ttlSeconds, 0, kPinTtlSecondsMax}});
      break;
    case OperationKind::kCompress:
    case OperationKind::kDecompress:
      fields.push_back({"method", &body.method, kRequired});
      break;
    case OperationKind::kMove:
      fields.push_back({"newInstanceId", &body.toInstance, kRequired});
      fields.push_back({"newLocation", &body.toLocation, kRequired});
      fields.push_back({"copy", &body.copy});
      break;
    case OperationKind::kClear:
    case OperationKind::kHealth:
      break;
  }
  return fields;
}

Result<OperationRequest> requestOf(OperationKind kind, OperationBody& body) {
  if (body.hasTokens && body.hasHashes) {
    return Error{ErrorCode::kInvalid,
                 "an operation is on \"tokens\" or on \"hashes\", not on both"};
  }
  return OperationRequest{.eventId = std::move(body.eventId),
                          .kind = kind,
                          .instance = std::move(body.instance),
                          .location = std::move(body.location),
                          .allChunks = !body.hasTokens && !body.hasHashes,
                          .chunks = std::move(body.hashes),
                          .model = std::move(body.model),
                          .method = std::move(body.method),
                          .toInstance = std::move(body.toInstance),
                          .toLocation = std::move(body.toLocation),
                          .copy = body.copy,
                          .ttlSeconds = body.ttlSeconds};
}

std::string_view bodySchema(OperationKind kind) {
  switch (kind) {
    case OperationKind::kClear:
      return R"({
  "type": "object", "additionalProperties": false, "required": ["instanceId", "location"],
  "properties": {
    "eventId": {"$ref": "#/components/schemas/EventId"},
    "instanceId": {"$ref": "#/components/schemas/InstanceId"},
    "location": {"$ref": "#/components/schemas/LocationName"},
    "noWait": {"$ref": "#/components/schemas/NoWait"}}})";
    case OperationKind::kPin:
      return R"({
  "type": "object", "additionalProperties": false, "required": ["instanceId", "location"],
  "oneOf": [{"required": ["tokens"]}, {"required": ["hashes"]}],
  "properties": {
    "eventId": {"$ref": "#/components/schemas/EventId"},
    "instanceId": {"$ref": "#/components/schemas/InstanceId"},
    "location": {"$ref": "#/components/schemas/LocationName"},
    "noWait": {"$ref": "#/components/schemas/NoWait"},
    "model": {"$ref": "#/components/schemas/ModelOfChunks"},
    "tokens": {"$ref": "#/components/schemas/Tokens"},
    "hashes": {"$ref": "#/components/schemas/ChunkHashes"},
    "ttlSeconds": {"type": "integer", "minimum": 0, "maximum": 315360000, "default": 0,
      "description": "0: for as long as the chunks are held"}}})";
    case OperationKind::kCompress:
    case OperationKind::kDecompress:
      return R"({
  "type": "object", "additionalProperties": false, "required": ["instanceId", "location", "method"],
  "description": "without tokens and hashes: all chunks of the location",
  "not": {"required": ["tokens", "hashes"]},
  "properties": {
    "eventId": {"$ref": "#/components/schemas/EventId"},
    "instanceId": {"$ref": "#/components/schemas/InstanceId"},
    "location": {"$ref": "#/components/schemas/LocationName"},
    "noWait": {"$ref": "#/components/schemas/NoWait"},
    "model": {"$ref": "#/components/schemas/ModelOfChunks"},
    "tokens": {"$ref": "#/components/schemas/Tokens"},
    "hashes": {"$ref": "#/components/schemas/ChunkHashes"},
    "method": {"type": "string", "minLength": 1, "maxLength": 128}}})";
    case OperationKind::kMove:
      return R"({
  "type": "object", "additionalProperties": false,
  "required": ["instanceId", "location", "newInstanceId", "newLocation"],
  "description": "without tokens and hashes: all chunks of the location",
  "not": {"required": ["tokens", "hashes"]},
  "properties": {
    "eventId": {"$ref": "#/components/schemas/EventId"},
    "instanceId": {"$ref": "#/components/schemas/InstanceId"},
    "location": {"$ref": "#/components/schemas/LocationName"},
    "newInstanceId": {"$ref": "#/components/schemas/InstanceId"},
    "newLocation": {"$ref": "#/components/schemas/LocationName"},
    "noWait": {"$ref": "#/components/schemas/NoWait"},
    "model": {"$ref": "#/components/schemas/ModelOfChunks"},
    "tokens": {"$ref": "#/components/schemas/Tokens"},
    "hashes": {"$ref": "#/components/schemas/ChunkHashes"},
    "copy": {"type": "boolean", "default": false,
      "description": "the chunks stay where they are, too"}}})";
    case OperationKind::kHealth:
      return R"({
  "type": "object", "additionalProperties": false, "required": ["instanceId"],
  "properties": {
    "eventId": {"$ref": "#/components/schemas/EventId"},
    "instanceId": {"$ref": "#/components/schemas/InstanceId"}}})";
  }
  return {};
}

void addOperationSchemas(RouteTable& routes) {
  routes.addSchema("EventId", R"({
  "type": "string", "maxLength": 256,
  "description": "names the operation: asked for again with the same arguments it is the same one; left out: one is drawn"})");
  routes.addSchema("InstanceId", R"({"type": "string", "minLength": 1, "maxLength": 256})");
  routes.addSchema("LocationName", R"({"type": "string", "minLength": 1, "maxLength": 128})");
  routes.addSchema("NoWait", R"({
  "type": "boolean", "default": false,
  "description": "answer when the operation is recorded, not when it has ended"})");
  routes.addSchema("ModelOfChunks", R"({
  "type": "string", "maxLength": 256, "description": "left out: the instance's"})");
  routes.addSchema("Tokens", R"({
  "type": "array", "maxItems": 4194304, "description": "of a prompt: its chunks",
  "items": {"type": "integer", "minimum": 0, "maximum": 4294967295}})");
  routes.addSchema("ChunkHashes", R"({
  "type": "array", "maxItems": 65536, "items": {"$ref": "#/components/schemas/Hash"}})");
  routes.addSchema("Rank", R"({
  "type": "object", "required": ["workerId", "status", "numTokens", "errorCode", "error"],
  "properties": {
    "workerId": {"type": "integer"},
    "status": {"type": "string", "enum": ["pending", "running", "unknown", "done", "failed",
      "timed out", "lost", "never run"]},
    "numTokens": {"type": "integer"},
    "errorCode": {"type": "integer"},
    "error": {"type": "string"}}})");
  routes.addSchema("Operation", R"({
  "type": "object",
  "required": ["eventId", "kind", "instanceId", "location", "newInstanceId", "newLocation",
    "method", "copy", "chunks", "ttlSeconds", "status", "numTokens", "error", "createdMs",
    "finishedMs"],
  "properties": {
    "eventId": {"type": "string"},
    "kind": {"type": "string",
      "enum": ["clear", "pin", "compress", "decompress", "move", "health"]},
    "instanceId": {"type": "string"},
    "location": {"type": "string"},
    "newInstanceId": {"type": "string", "description": "of a move"},
    "newLocation": {"type": "string"},
    "method": {"type": "string", "description": "of compress and decompress"},
    "copy": {"type": "boolean"},
    "chunks": {"type": "integer", "description": "that were asked for; 0: all"},
    "ttlSeconds": {"type": "integer", "description": "of a pin"},
    "status": {"type": "string", "enum": ["running", "unknown", "done", "failed"]},
    "numTokens": {"type": "integer", "description": "done: as every rank answered"},
    "error": {"type": "string", "description": "failed: who answered what"},
    "createdMs": {"type": "integer", "description": "ms since 1970-01-01 UTC"},
    "finishedMs": {"type": "integer", "description": "0: not yet"},
    "ranks": {"type": "array", "items": {"$ref": "#/components/schemas/Rank"},
      "description": "not in lists"}}})");
}

}  // namespace holdfast::http
