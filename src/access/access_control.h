// Decides who comes in: the token file, and what addresses need one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/caller.h"
#include "access/token_file.h"
#include "core/result.h"

namespace holdfast {

// Where a connection came in, by the address that was listened on. Loopback addresses and Unix
// sockets are trusted: they need no token, but one that is sent must be right.
enum class Trust : uint8_t { kLocal, kNetwork };

enum class AuthFailure : uint8_t {
  kMissing,      // no token, where one is needed
  kUnknown,      // a token that is not in the file
  kDenied,       // the role does not include what was asked for
  kInstance,     // the token is bound to other instances
  kLate,         // a connection from the network that did not authenticate in time
  kCertificate,  // of the client: none, expired, of another authority
};
inline constexpr size_t kAuthFailures = 6;
std::string_view nameOf(AuthFailure failure);  // "missing_token", "unknown_token", ...: for metrics

// Whoever sends a longer one need not have it hashed.
inline constexpr size_t kTokenBytesMax = 1024;
// Of one connection; what each of them granted may be kept by its peer.
inline constexpr uint32_t kAuthenticationsPerConnectionMax = 16;

// On the loop's thread.
class AccessControl {
 public:
  struct Options {
    std::string tokenFile;  // empty: none
    bool off = false;       // the network is trusted too
  };
  // Reads the file. The error names file and line.
  static Result<AccessControl> open(Options options);

  // `token` empty: none was sent. The error is kUnauthenticated; failureOf() says which it is.
  // Tokens are compared by their SHA-256, in a time that does not depend on them.
  Result<Principal> authenticate(std::string_view token, Trust trust) const;
  // Of a token that authenticate() did not take.
  static AuthFailure failureOf(std::string_view token) {
    return token.empty() ? AuthFailure::kMissing : AuthFailure::kUnknown;
  }
  // Whether the principal's token is still in the file, as it was. Always, where none was needed.
  bool isValid(const Principal& principal) const;

  // Reads the file anew. A malformed or unreadable one changes nothing; nor does it if there is
  // none. Takes some milliseconds for the longest file.
  std::optional<Error> reload();

  bool off() const { return options_.off; }
  size_t tokens() const { return entries_.size(); }
  // "off": whoever connects has every right. "tokens": who comes over the network needs one.
  // "local": without any, nobody comes in over the network.
  std::string_view mode() const;
  // What people should know of the file as it was read, as sentences: it can be read by others.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Entry {
    TokenEntry line;
    uint64_t id;  // Principal::token; never used again
  };
  explicit AccessControl(Options options) : options_(std::move(options)) {}

  Options options_;
  std::vector<Entry> entries_;  // ids ascend
  uint64_t nextId_ = 1;
  std::vector<std::string> warnings_;
};

}  // namespace holdfast
