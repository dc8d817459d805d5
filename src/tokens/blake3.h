// BLAKE3, the hash of 32 bytes without a key, as its paper defines it: O'Connor, Aumasson, Neves,
// Wilcox-O'Hearn, "BLAKE3: one function, fast everywhere" (2020), section 2. Plain, as it hashes
// some kilobytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace holdfast {

std::array<uint8_t, 32> blake3(std::span<const uint8_t> bytes);

}  // namespace holdfast
