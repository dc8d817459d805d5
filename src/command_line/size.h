// Sizes as people write them: "64MiB", "1g", "4096" (bytes).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// Bytes; nothing if the text is no size, or one of 2^63 bytes or more. Units are powers of 1024
// whether the "i" is there or not ("k", "KB" and "KiB" are the same), in upper or lower case, up to
// E.
std::optional<uint64_t> parseSize(std::string_view text);

// The same, written, in the largest unit that has it exactly: "64MiB".
std::string sizeText(uint64_t bytes);

}  // namespace holdfast
