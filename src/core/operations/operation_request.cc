#include "core/operations/operation_request.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

#include "core/ids.h"
#include "core/limits.h"

namespace holdfast {
namespace {

void put(std::string& out, uint64_t value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void put(std::string& out, const std::string& text) {
  put(out, text.size());
  out.append(text);
}

std::optional<std::string> invalidChunks(const OperationRequest& request) {
  if (request.allChunks) {
    if (request.kind != OperationKind::kPin) return std::nullopt;
    return "a pin names the chunks it is about: give tokens or hashes";
  }
  if (!request.chunks.empty() && request.chunks.size() <= kHashesPerLookupMax) return std::nullopt;
  if (request.chunks.empty()) {
    return "no chunks: a prompt shorter than a chunk names none; give more tokens, or hashes";
  }
  return "an operation on " + std::to_string(request.chunks.size()) + " chunks, at most " +
         std::to_string(kHashesPerLookupMax) + " are allowed; cut it into several";
}

}  // namespace

std::optional<std::string> invalidRequest(const OperationRequest& request) {
  if (auto bad = invalidText("event id", request.eventId, kEventIdBytesMax)) return bad;
  if (auto bad = invalidId("instance id", request.instance, kInstanceIdBytesMax)) return bad;
  if (request.kind == OperationKind::kHealth) return std::nullopt;
  if (auto bad = invalidId("location name", request.location, kLocationNameBytesMax)) return bad;
  if (auto bad = invalidChunks(request)) return bad;
  if (auto bad = invalidText("model", request.model, kModelBytesMax)) return bad;
  switch (request.kind) {
    case OperationKind::kPin:
      if (request.ttlSeconds <= kPinTtlSecondsMax) return std::nullopt;
      return "a time to live of " + std::to_string(request.ttlSeconds) + " seconds, at most " +
             std::to_string(kPinTtlSecondsMax) +
             " are allowed; 0 pins the chunks for as long as they are held";
    case OperationKind::kCompress:
    case OperationKind::kDecompress:
      return invalidId("method", request.method, kMethodBytesMax);
    case OperationKind::kMove:
      if (auto bad = invalidId("new instance id", request.toInstance, kInstanceIdBytesMax)) {
        return bad;
      }
      if (auto bad = invalidId("new location name", request.toLocation, kLocationNameBytesMax)) {
        return bad;
      }
      if (request.toInstance == request.instance && request.toLocation == request.location) {
        return "the old and the new position of the move are the same";
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

ArgumentsDigest digestOf(const OperationRequest& request) {
  // kind:u64 instance location allChunks:u64 method toInstance toLocation flags:u64 hash:u64...
  // Texts are preceded by their length; flags are copy + 2 * ttlSeconds, and 2^63 where a model is
  // named, which follows them.
  std::string encoding;
  put(encoding, static_cast<uint64_t>(request.kind));
  put(encoding, request.instance);
  put(encoding, request.location);
  put(encoding, uint64_t{request.allChunks});
  put(encoding, request.method);
  put(encoding, request.toInstance);
  put(encoding, request.toLocation);
  const uint64_t named = request.model.empty() ? 0 : uint64_t{1} << 63;
  put(encoding, (uint64_t{request.copy} + 2 * request.ttlSeconds) | named);
  if (named != 0) put(encoding, request.model);
  encoding.append(reinterpret_cast<const char*>(request.chunks.data()),
                  request.chunks.size() * sizeof(ChunkHash));
  const XXH128_hash_t hash = XXH3_128bits(encoding.data(), encoding.size());
  return {hash.low64, hash.high64};
}

}  // namespace holdfast
