#include "http/lmcache/failures.h"

#include <cstdint>
#include <string_view>

#include "core/result.h"
#include "http/error_reply.h"
#include "http/json.h"
#include "wire/errors.h"

namespace holdfast::http::lmcache {
namespace {

constexpr std::string_view kFailure = R"({"$ref":"#/components/schemas/LmcacheFailure"})";
constexpr std::string_view kInvalid = R"({"$ref":"#/components/schemas/LmcacheInvalid"})";

constexpr Answer kUnreadable = {422, "The body or a parameter is not as it must be", kInvalid};
constexpr Answer kNotHere = {404, "What was asked for is not there", kFailure};
constexpr Answer kRefused = {409, "Not as things stand", kFailure};
constexpr Answer kFailed = {500, "It failed; the detail says why", kFailure};
constexpr Answer kLater = {503, "Not now: ask again", kFailure};

Reply replyOf(uint32_t status, std::string_view message) {
  Reply reply{.status = status};
  JsonWriter json(reply.body);
  json.beginObject();
  if (status == kUnreadable.status) {
    json.key("detail").beginList().beginObject();
    json.key("loc").beginList().text("request").endList();
    json.text("msg", message).text("type", "value_error");
    json.endObject().endList();
  } else {
    json.text("detail", message);
  }
  json.key("error")
      .beginObject()
      .text("code", codeOf(status))
      .text("message", message)
      .endObject()
      .endObject();
  return reply;
}

}  // namespace

Reply failed(const kj::Exception& why) {
  const auto error = errorWithin(why);
  if (!error) return replyOf(kFailed.status, descriptionOf(why).text);
  const bool unreadable = error->code == ErrorCode::kInvalid;
  return replyOf(unreadable ? kUnreadable.status : errorReply(*error).status, error->message);
}

std::vector<Answer> failures() {
  return {kUnreadable, kNotHere, kRefused, kFailed, kLater};
}

}  // namespace holdfast::http::lmcache
