#include "access/new_token.h"

#include <openssl/rand.h>

#include <array>

#include "access/token_file.h"

namespace holdfast {
namespace {

// What tells one that was published by mistake from any other text.
constexpr std::string_view kPrefix = "hf_";

Result<std::string> drawToken() {
  std::array<unsigned char, 32> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    return Error{ErrorCode::kUnavailable, "the system has no random numbers"};
  }
  std::string token(kPrefix);
  for (const unsigned char byte : random) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    token += kDigits[byte >> 4];
    token += kDigits[byte & 15];
  }
  return token;
}

}  // namespace

Result<NewToken> newToken(Role role, std::string_view name,
                          const std::vector<std::string>& instances) {
  if (auto bad = invalidTokenName(name)) return Error{ErrorCode::kInvalid, *std::move(bad)};
  auto token = drawToken();
  if (!token.ok()) return token.error();
  const TokenEntry entry{role, std::string(name), hashOfToken(token.value()), instances};
  std::string line = lineOf(entry);
  // Whoever reads the file decides: a blank in a name or a pattern would begin another field.
  const auto read = parseTokenLine(line);
  if (!read.ok()) return read.error();
  if (read.value() != entry) {
    return Error{ErrorCode::kInvalid, "a pattern of instances has a comma or a line end in it"};
  }
  return NewToken{std::move(token.value()), std::move(line)};
}

}  // namespace holdfast
