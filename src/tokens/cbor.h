// The little of canonical CBOR (RFC 8949, section 4.2.1) that chunk hashes need: every integer
// and length in its shortest form, lengths definite.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::cbor {

inline constexpr uint8_t kUnsigned = 0 << 5;
inline constexpr uint8_t kArray = 4 << 5;
inline constexpr uint8_t kNull = 0xF6;
inline constexpr uint8_t kEmptyArray = kArray;
inline constexpr size_t kHeadBytesMax = 9;

// Writes a head of major type `major` (shifted into place) with its argument at `to`, which has
// room for kHeadBytesMax bytes. Returns where the next byte goes.
inline uint8_t* putHead(uint8_t* to, uint8_t major, uint64_t argument) {
  int argumentBytes = 0;
  if (argument < 24) {
    *to++ = static_cast<uint8_t>(major | argument);
    return to;
  }
  if (argument <= 0xFF) {
    *to++ = major | 24;
    argumentBytes = 1;
  } else if (argument <= 0xFFFF) {
    *to++ = major | 25;
    argumentBytes = 2;
  } else if (argument <= 0xFFFFFFFF) {
    *to++ = major | 26;
    argumentBytes = 4;
  } else {
    *to++ = major | 27;
    argumentBytes = 8;
  }
  for (int shift = (argumentBytes - 1) * 8; shift >= 0; shift -= 8) {
    *to++ = static_cast<uint8_t>(argument >> shift);
  }
  return to;
}

}  // namespace holdfast::cbor
