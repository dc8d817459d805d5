// Errors as LMCache's scripts read them, from "detail"; beside it stands what every error of the
// door has (http/error_reply.h).
#pragma once

#include <kj/exception.h>

#include <string_view>
#include <vector>

#include "http/route.h"

namespace holdfast::http::lmcache {

// For Route::failed. What cannot be read is a 422, as FastAPI has it.
//
// Of cache operations: whatever else goes wrong is a 500, an unknown instance included: so it is
// there, and scripts look at no more than that.
Reply operationFailed(const kj::Exception& why);
// Of questions: what is not there is a 404. (There it is a 500 where a question is about an
// address, and a 404 where it is about a worker.)
Reply questionFailed(const kj::Exception& why);

// For Route::otherAnswers.
std::vector<Answer> operationFailures();
std::vector<Answer> questionFailures();

// {"detail": text, "error": ...}; "detail" is missing where the door itself refuses.
inline constexpr std::string_view kFailureSchema = R"({
  "type": "object", "required": ["error"],
  "properties": {
    "detail": {"type": "string"},
    "error": {"type": "object", "required": ["code", "message"], "properties": {
      "code": {"type": "string"}, "message": {"type": "string"}}}}})";
// The same with FastAPI's list, which has one entry.
inline constexpr std::string_view kInvalidSchema = R"({
  "type": "object", "required": ["detail", "error"],
  "properties": {
    "detail": {"type": "array", "items": {
      "type": "object", "required": ["loc", "msg", "type"],
      "properties": {
        "loc": {"type": "array", "items": {"type": "string"}},
        "msg": {"type": "string"}, "type": {"type": "string"}}}},
    "error": {"type": "object", "required": ["code", "message"], "properties": {
      "code": {"type": "string"}, "message": {"type": "string"}}}}})";

}  // namespace holdfast::http::lmcache
