// Errors as they cross the wire: as exceptions whose description begins with "invalid:",
// "refused:", "superseded:", "unavailable:", "unknown:", "unauthenticated:" or "denied:".
#pragma once

#include <kj/exception.h>

#include <optional>
#include <string_view>

#include "core/cache_operations.h"
#include "core/result.h"

namespace holdfast {

kj::Exception wireError(const Error& error);

// What an exception says, without what each hop through Cap'n Proto puts in front. Does not own.
struct Description {
  std::string_view text;
  bool remote = false;  // the other side threw it
};
Description descriptionOf(const kj::Exception& exception);

// The error that wireError() made an exception of, here or on the other side, with its word still
// in front of the message: people who read it know the words. Nothing for any other exception.
std::optional<Error> errorOf(const kj::Exception& exception);

// What an operation has come to when the call of a worker failed.
OperationOutcome outcomeOf(const kj::Exception& exception);

}  // namespace holdfast
