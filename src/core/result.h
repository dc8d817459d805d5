// Errors an operator or a peer can meet are values.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace holdfast {

enum class ErrorCode {
  kInvalid,          // the message is malformed or over a limit; sending it again will not help
  kRefused,          // well-formed, but not acceptable here (settings differ, a limit of the fleet)
  kSuperseded,       // a newer registration of the same worker exists
  kUnavailable,      // cannot be done now (the store cannot write); try again later
  kNotFound,         // a worker, instance, location or event that was named is not there
  kUnauthenticated,  // a token is needed, or the one that was sent is not known
  kDenied,           // the token's role, or the instances it is bound to, do not include this
};

struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;  // what, where, what to do
};

// Of what is wrong by itself, whatever else there is.
inline Error invalidError(std::string message) {
  return {ErrorCode::kInvalid, std::move(message)};
}

// A value or an Error.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(std::move(error)) {}

  bool ok() const { return std::holds_alternative<T>(state_); }
  // ok() must hold.
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }
  // ok() must not hold.
  const Error& error() const { return std::get<Error>(state_); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace holdfast
