// Decides who comes in: the token file, and what addresses need one.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/caller.h"
#include "core/result.h"

namespace holdfast {

// Where a connection came in. Loopback addresses and Unix sockets are trusted: they need no token,
// but one that is sent must be right.
enum class Trust : uint8_t { kLocal, kNetwork };

enum class AuthFailure : uint8_t { kMissing, kUnknown, kDenied, kInstance, kLate, kCertificate };
std::string_view nameOf(AuthFailure failure);  // "missing_token", "unknown_token", ...: for metrics
inline constexpr size_t kAuthFailures = 6;

// On the loop's thread.
class AccessControl {
 public:
  struct Options {
    std::string tokenFile;  // empty: none
    bool off = false;       // the network is trusted too
  };
  // Reads the file. The error names file and line.
  static Result<AccessControl> open(const Options& options);

  // `token` empty: none was sent. The error's code is kUnauthenticated or kDenied (core/result.h).
  // Tokens are compared by their SHA-256, in a time that does not depend on them.
  Result<Principal> authenticate(std::string_view token, Trust trust) const;
  // Whether the principal's token is still in the file, as it was.
  bool isValid(const Principal& principal) const;

  // Reads the file anew. A malformed or unreadable one changes nothing.
  std::optional<Error> reload();

  bool off() const { return options_.off; }
  size_t tokens() const { return entries_.size(); }

 private:
  struct Entry {
    Principal principal;
    std::array<uint8_t, 32> sha256;  // of the token
  };
  explicit AccessControl(Options options);

  Options options_;
  std::vector<Entry> entries_;
};

}  // namespace holdfast
