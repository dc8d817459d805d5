// CRC-32C (Castagnoli; RFC 3720, appendix B.4), with the processor's instruction where it has one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast {

uint32_t crc32c(const void* data, size_t bytes);

}  // namespace holdfast
