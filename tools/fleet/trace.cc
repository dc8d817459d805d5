#include "fleet/trace.h"

#include <capnp/compat/json.h>
#include <capnp/message.h>
#include <kj/exception.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <istream>
#include <optional>

#include "core/limits.h"

namespace holdfast::fleet {

namespace {

using capnp::JsonValue;

// JSON numbers are doubles: above this, two ids may read as one.
constexpr double kWholeNumberMax = 9007199254740992.0;

std::optional<uint64_t> wholeNumber(JsonValue::Reader value) {
  if (!value.isNumber()) return std::nullopt;
  const double number = value.getNumber();
  if (!(number >= 0 && number < kWholeNumberMax)) return std::nullopt;
  const auto whole = static_cast<uint64_t>(number);
  if (static_cast<double>(whole) != number) return std::nullopt;
  return whole;
}

std::optional<JsonValue::Reader> member(JsonValue::Reader object, const char* name) {
  for (const auto field : object.getObject()) {
    if (field.getName() == name) return field.getValue();
  }
  return std::nullopt;
}

// What is wrong with the line; empty if nothing. Fills `request`.
std::string readRequest(JsonValue::Reader line, Request& request) {
  if (!line.isObject()) return "not a JSON object";
  const auto timestamp = member(line, "timestamp");
  if (!timestamp) return "no \"timestamp\"";
  const auto time = wholeNumber(*timestamp);
  if (!time) return "\"timestamp\" is no whole number of milliseconds";
  request.timestampMs = *time;

  const auto hashIds = member(line, "hash_ids");
  if (!hashIds) return "no \"hash_ids\"";
  if (!hashIds->isArray()) return "\"hash_ids\" is no array";
  const auto ids = hashIds->getArray();
  if (ids.size() < 1 || ids.size() > kHashesPerLookupMax) {
    return "\"hash_ids\" has " + std::to_string(ids.size()) + " entries, outside 1.." +
           std::to_string(kHashesPerLookupMax);
  }
  request.chunks.reserve(ids.size());
  for (const auto id : ids) {
    const auto hashId = wholeNumber(id);
    if (!hashId) return "\"hash_ids\" has an entry that is no whole number from 0 to 2^53-1";
    request.chunks.push_back(chunkHashOf(*hashId));
  }
  return "";
}

std::string parseLine(const capnp::JsonCodec& codec, const std::string& line, Request& request) {
  std::string error;
  const auto failure = kj::runCatchingExceptions([&] {
    capnp::MallocMessageBuilder arena;
    auto root = arena.initRoot<JsonValue>();
    codec.decodeRaw(kj::arrayPtr(line.data(), line.size()), root);
    error = readRequest(root.asReader(), request);
  });
  KJ_IF_MAYBE (exception, failure) {
    return std::string("not JSON: ") + exception->getDescription().cStr();
  }
  return error;
}

}  // namespace

Result<std::vector<Request>> readTrace(std::istream& in, const std::string& name) {
  const capnp::JsonCodec codec;
  std::vector<Request> requests;
  std::string line;
  size_t number = 0;
  const auto wrong = [&](const std::string& what) {
    return Error{ErrorCode::kInvalid, name + ":" + std::to_string(number) + ": " + what};
  };
  while (std::getline(in, line)) {
    ++number;
    if (line.size() > kTraceLineBytesMax) {
      return wrong("a line of " + std::to_string(line.size()) + " bytes, the limit is " +
                   std::to_string(kTraceLineBytesMax));
    }
    if (line.empty()) continue;
    if (requests.size() == kRequestsMax) {
      return wrong("more than " + std::to_string(kRequestsMax) + " requests");
    }
    Request request;
    if (const std::string error = parseLine(codec, line, request); !error.empty()) {
      return wrong(error);
    }
    if (!requests.empty() && request.timestampMs < requests.back().timestampMs) {
      return wrong("\"timestamp\" " + std::to_string(request.timestampMs) +
                   " is before the request above it, " +
                   std::to_string(requests.back().timestampMs));
    }
    requests.push_back(std::move(request));
  }
  if (in.bad()) return wrong("reading failed");
  if (requests.empty()) return Error{ErrorCode::kInvalid, name + ": no requests"};
  return requests;
}

Result<std::vector<Request>> readTrace(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return Error{ErrorCode::kInvalid, path + ": cannot open: " + std::strerror(errno)};
  }
  return readTrace(file, path);
}

}  // namespace holdfast::fleet
