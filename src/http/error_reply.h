// Errors as replies: {"error": {"code", "message"}}, with a "leader" where another controller of
// the group is to be asked.
#pragma once

#include <kj/exception.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/result.h"
#include "http/route.h"

namespace holdfast::http {

// The codes are those of the RPC door, "invalid", "refused", "superseded", "unavailable",
// "unknown", "unauthenticated" and "denied", and "method_not_allowed", "too_large",
// and "internal" for what only this door knows.
// `leader`: whom to ask instead, as the RPC door's clients find it; empty: nobody.
Reply errorReply(uint32_t status, std::string_view code, std::string_view message,
                 std::string_view leader = {});
Reply errorReply(const Error& error, std::string_view leader = {});
// Of what a handler failed with. What wireError() did not make is a fault of the program: 500.
Reply errorReply(const kj::Exception& exception, std::string_view leader = {});

// What wireError() made, without the word of its code in front; nothing: a fault of the program.
std::optional<Error> errorWithin(const kj::Exception& exception);

// The code of an error that only has a status; "internal" where there is none of its own.
std::string_view codeOf(uint32_t status);
// "Not Found"; static storage, ends with a null.
std::string_view reasonOf(uint32_t status);

// JSON Schema of such a reply.
inline constexpr std::string_view kErrorSchema =
    R"({"type":"object","required":["error"],)"
    R"("properties":{"error":{"type":"object","required":["code","message"],"properties":{)"
    R"("code":{"type":"string"},"message":{"type":"string"},)"
    R"("leader":{"type":"string","description":"host:port of the controller that does this"}}}}})";

// What a client waits before it asks again, where it is told to; seconds.
inline constexpr uint32_t kRetryAfterSeconds = 1;

}  // namespace holdfast::http
