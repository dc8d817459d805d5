// The lines of a token file: "role name sha256-of-token [instances=PATTERN,...]".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "core/result.h"

namespace holdfast {

inline constexpr size_t kTokenFileBytesMax = size_t{1} << 20;
inline constexpr size_t kTokensMax = 4096;
inline constexpr size_t kTokenLineBytesMax = 4096;
inline constexpr size_t kTokenNameBytesMax = 64;

using TokenHash = std::array<uint8_t, 32>;  // SHA-256
TokenHash hashOfToken(std::string_view token);

struct TokenEntry {
  Role role = Role::kViewer;
  std::string name;  // letters, digits and . _ - @
  TokenHash sha256{};
  std::vector<std::string> instances;  // patterns; of workers only; none: all

  friend bool operator==(const TokenEntry&, const TokenEntry&) = default;
};

// What is wrong with a name, as a sentence; nothing if it is valid.
std::optional<std::string> invalidTokenName(std::string_view name);

// Nothing for a line that is empty or a comment. The error is a sentence without the place.
Result<std::optional<TokenEntry>> parseTokenLine(std::string_view line);

// At least one entry, names and hashes each once. The error names `file` and the line, and quotes
// nothing that may be a token.
Result<std::vector<TokenEntry>> parseTokenFile(std::string_view text, std::string_view file);

// Without a line end. parseTokenLine() reads it back, or says what is wrong with the entry.
std::string lineOf(const TokenEntry& entry);

}  // namespace holdfast
