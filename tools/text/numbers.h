// Lists of tokens or chunk hashes as people and programs write them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace holdfast::text {

// Numbers separated by white space, commas or the brackets of a JSON list. Tokens are decimal, 0 to
// 2^32 - 1; hashes are decimal, signed or unsigned, or hexadecimal with 0x. The error names what
// is no such number.
Result<std::vector<uint32_t>> parseTokens(std::string_view text);
Result<std::vector<uint64_t>> parseHashes(std::string_view text);

}  // namespace holdfast::text
