#include "http/error_reply.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "http/json.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

struct Status {
  uint32_t number;
  std::string_view reason;
  std::string_view code;  // empty: no error
};
constexpr Status kStatuses[] = {
    {200, "OK", ""},
    {201, "Created", ""},
    {202, "Accepted", ""},
    {204, "No Content", ""},
    {400, "Bad Request", "invalid"},
    {401, "Unauthorized", "unauthenticated"},
    {403, "Forbidden", "denied"},
    {404, "Not Found", "unknown"},
    {405, "Method Not Allowed", "method_not_allowed"},
    {409, "Conflict", "refused"},
    {413, "Payload Too Large", "too_large"},
    {422, "Unprocessable Content", "invalid"},
    {431, "Request Header Fields Too Large", "too_large"},
    {500, "Internal Server Error", "internal"},
    {503, "Service Unavailable", "unavailable"},
};

const Status& statusOf(uint32_t number) {
  const auto* found = std::find_if(std::begin(kStatuses), std::end(kStatuses),
                                   [&](const Status& one) { return one.number == number; });
  return found == std::end(kStatuses) ? statusOf(500) : *found;
}

uint32_t statusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return 400;
    case ErrorCode::kRefused:
    case ErrorCode::kSuperseded:
      return 409;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kUnauthenticated:
      return 401;
    case ErrorCode::kDenied:
      return 403;
  }
  return 500;
}

}  // namespace

Reply errorReply(uint32_t status, std::string_view code, std::string_view message,
                 std::string_view leader) {
  Reply reply{.status = status};
  JsonWriter json(reply.body);
  json.beginObject().key("error").beginObject().text("code", code).text("message", message);
  if (!leader.empty()) json.text("leader", leader);
  json.endObject().endObject();
  return reply;
}

Reply errorReply(const Error& error, std::string_view leader) {
  const uint32_t status = statusOf(error.code);
  const bool superseded = error.code == ErrorCode::kSuperseded;
  return errorReply(status, superseded ? "superseded" : codeOf(status), error.message, leader);
}

Reply errorReply(const kj::Exception& exception, std::string_view leader) {
  const auto error = errorWithin(exception);
  return error ? errorReply(*error, leader)
               : errorReply(500, "internal", descriptionOf(exception).text);
}

std::optional<Error> errorWithin(const kj::Exception& exception) {
  auto error = errorOf(exception);
  if (!error) return std::nullopt;
  // Without its word: that is the code.
  if (const size_t colon = error->message.find(": "); colon != std::string::npos) {
    error->message.erase(0, colon + 2);
  }
  return error;
}

std::string_view codeOf(uint32_t status) {
  return statusOf(status).code;
}

std::string_view reasonOf(uint32_t status) {
  return statusOf(status).reason;
}

}  // namespace holdfast::http
