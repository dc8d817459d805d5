// Distinct keys in ascending order, packed: the first one as it is, then the differences from each
// to the next, all in the same number of bytes, as few as the largest of them needs. Of a million
// random keys that is 6 bytes instead of 8.
#pragma once

#include <cstdint>
#include <span>

#include "core/types.h"

namespace holdfast {

// 1 to 8. `keys` is not empty.
uint32_t differenceWidth(std::span<const ChunkHash> keys);

// Little-endian. `out` has (keys.size() - 1) * width bytes.
void packDifferences(std::span<const ChunkHash> keys, uint32_t width, std::span<uint8_t> out);

// `out` has room for 1 + differences.size() / width keys. Whether they ascend: differences may be
// anything, and add up modulo 2^64.
bool unpackKeys(ChunkHash first, uint32_t width, std::span<const uint8_t> differences,
                std::span<ChunkHash> out);

}  // namespace holdfast
