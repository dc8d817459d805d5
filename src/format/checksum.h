// CRC-32C of bytes that come piece by piece.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast {

// `before`: of the bytes in front of these; 0 at the begin.
uint32_t extendCrc32c(uint32_t before, std::string_view bytes);

}  // namespace holdfast
