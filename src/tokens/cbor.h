// The little of canonical CBOR (RFC 8949, section 4.2.1) that chunk hashes need: every integer
// and length in its shortest form, lengths definite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace holdfast::cbor {

inline constexpr uint8_t kUnsigned = 0 << 5;
inline constexpr uint8_t kNegative = 1 << 5;
inline constexpr uint8_t kBytes = 2 << 5;
inline constexpr uint8_t kText = 3 << 5;
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

// Writes values one after the other; takes the same calls as Pickle (pickle.h).
class Writer {
 public:
  // Replaces `to`, which outlives it.
  explicit Writer(std::vector<uint8_t>& to) : to_(to) { to_.clear(); }

  void integer(uint64_t value) { head(kUnsigned, value); }
  void integer(int64_t value) {
    if (value >= 0) {
      head(kUnsigned, static_cast<uint64_t>(value));
    } else {
      head(kNegative, ~static_cast<uint64_t>(value));  // -1 - value
    }
  }
  void bytes(std::span<const uint8_t> value) {
    head(kBytes, value.size());
    to_.insert(to_.end(), value.begin(), value.end());
  }
  size_t text(std::string_view value) {
    head(kText, value.size());
    to_.insert(to_.end(), value.begin(), value.end());
    return 0;
  }
  void textAgain(size_t, std::string_view value) { text(value); }
  void none() { to_.push_back(kNull); }
  void beginTuple(size_t items) { head(kArray, items); }
  void endTuple(size_t) {}
  void finish() {}

 private:
  void head(uint8_t major, uint64_t argument) {
    uint8_t bytes[kHeadBytesMax];
    to_.insert(to_.end(), bytes, putHead(bytes, major, argument));
  }

  std::vector<uint8_t>& to_;
};

}  // namespace holdfast::cbor
