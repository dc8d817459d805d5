// Errors as LMCache's scripts read them, from "detail"; beside it stands what every error of the
// door has (http/error_reply.h).
#pragma once

#include <kj/exception.h>

#include <string_view>
#include <vector>

#include "http/route.h"

namespace holdfast::http::lmcache {

// For Route::failed. What cannot be read is a 422, as FastAPI has it; all else has the status that
// it has everywhere in Holdfast. (There whatever goes wrong with an operation, or with a question
// about an address, is a 500: scripts look at no more than that it is no 200.) A 500 here: a worker
// could not do it, or a fault of the program.
Reply failed(const kj::Exception& why);

// For Route::otherAnswers.
std::vector<Answer> failures();

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
