#include "wire/errors.h"

#include <string>

namespace holdfast {
namespace {

struct ErrorWord {
  ErrorCode code;
  std::string_view word;
};
constexpr ErrorWord kErrorWords[] = {
    {ErrorCode::kInvalid, "invalid:"},       {ErrorCode::kRefused, "refused:"},
    {ErrorCode::kSuperseded, "superseded:"}, {ErrorCode::kUnavailable, "unavailable:"},
    {ErrorCode::kNotFound, "unknown:"},      {ErrorCode::kUnauthenticated, "unauthenticated:"},
    {ErrorCode::kDenied, "denied:"},
};

std::string_view wordOf(ErrorCode code) {
  for (const ErrorWord& one : kErrorWords) {
    if (one.code == code) return one.word;
  }
  return "";
}

}  // namespace

kj::Exception wireError(const Error& error) {
  const auto type = error.code == ErrorCode::kUnavailable ? kj::Exception::Type::OVERLOADED
                                                          : kj::Exception::Type::FAILED;
  const std::string text = std::string(wordOf(error.code)) + " " + error.message;
  return {type, __FILE__, __LINE__, kj::heapString(text.data(), text.size())};
}

Description descriptionOf(const kj::Exception& exception) {
  constexpr std::string_view kHop = "remote exception: ";
  Description description{{exception.getDescription().begin(), exception.getDescription().size()}};
  while (description.text.starts_with(kHop)) {
    description.text.remove_prefix(kHop.size());
    description.remote = true;
  }
  return description;
}

std::optional<Error> errorOf(const kj::Exception& exception) {
  const std::string_view text = descriptionOf(exception).text;
  for (const ErrorWord& one : kErrorWords) {
    if (text.starts_with(one.word)) return Error{one.code, std::string(text)};
  }
  return std::nullopt;
}

OperationOutcome outcomeOf(const kj::Exception& exception) {
  if (exception.getType() == kj::Exception::Type::UNIMPLEMENTED) {
    return {.errorCode = kHealthUnexpected,
            .error = "the worker's client library knows no cache operations; update it"};
  }
  return {.errorCode = kHealthError, .error = std::string(descriptionOf(exception).text)};
}

}  // namespace holdfast
