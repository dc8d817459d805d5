// What the routes of the neutral API say alike.
#pragma once

#include <kj/exception.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/source_table.h"
#include "http/json.h"
#include "http/route.h"
#include "serving/services.h"

namespace holdfast::http::neutral {

// {"error": "what is wrong"}: as the API has it, for Route::failed.
Reply errorReply(const kj::Exception& why);
inline constexpr std::string_view kErrorSchema =
    R"({"type":"object","required":["error"],"properties":{"error":{"type":"string"}}})";

// The answers with that error that a route may have besides `statuses` of its own: 400 and 503.
std::vector<Answer> errorsOf(std::initializer_list<uint32_t> statuses);

// As a number where the name is one, as clients that register numbers expect it.
void writeInstanceId(JsonWriter& json, std::string_view instance);

// "default" is the group of whoever has none, which sources keep as an empty text.
inline constexpr std::string_view kDefaultGroup = "default";
inline std::string_view groupKept(std::string_view asked) {
  return asked == kDefaultGroup ? std::string_view() : asked;
}
inline std::string_view groupShown(std::string_view kept) {
  return kept.empty() ? kDefaultGroup : kept;
}

inline std::string_view modelShown(const Services& services, std::string_view model) {
  return model.empty() ? services.registry.tree().defaultModel() : model;
}

// How many tokens a chunk of the source has.
inline uint32_t blockSizeOf(const Services& services, const EngineSource* source) {
  if (source != nullptr && source->blockSize != 0) return source->blockSize;
  return services.options.hashing.chunkSize;
}

}  // namespace holdfast::http::neutral
