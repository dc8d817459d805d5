// The hash of CPython (3.8 and later, 64-bit) for the values that chunk hashes are made of.
// Written from its documented algorithm: xxHash's rounds over 64-bit lanes for tuples, reduction
// modulo the Mersenne prime 2^61-1 for ints.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace holdfast::python_hash {

// hash(None) is an address before CPython 3.12 and this constant from then on.
inline constexpr uint64_t kNone = 0xFCA86420;

// hash() of an int: its value modulo 2^61-1 with its sign kept; -1 means "error" in CPython's
// C API and gives way to -2.
constexpr uint64_t ofInt(int64_t value) {
  constexpr uint64_t kModulus = (uint64_t{1} << 61) - 1;
  const bool negative = value < 0;
  const uint64_t magnitude =
      negative ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const uint64_t reduced = magnitude % kModulus;
  if (!negative) return reduced;
  return reduced == 1 ? static_cast<uint64_t>(int64_t{-2}) : uint64_t{0} - reduced;
}

// hash() of a tuple, fed with the hashes of its items in order.
class Tuple {
 public:
  constexpr void add(uint64_t itemHash) {
    accumulator_ += itemHash * 0xC2B2AE3D27D4EB4Fu;
    accumulator_ = std::rotl(accumulator_, 31) * 0x9E3779B185EBCA87u;
    ++length_;
  }
  constexpr uint64_t finish() const {
    const uint64_t hash = accumulator_ + (length_ ^ (kSeed ^ 3527539u));
    return hash == ~uint64_t{0} ? 1546275796u : hash;
  }

 private:
  static constexpr uint64_t kSeed = 0x27D4EB2F165667C5u;
  uint64_t accumulator_ = kSeed;
  uint64_t length_ = 0;
};

// hash(()).
inline constexpr uint64_t kEmptyTuple = Tuple().finish();

// Tokens are below the modulus: each is its own hash.
constexpr uint64_t ofTokens(std::span<const uint32_t> tokens) {
  Tuple tuple;
  for (const uint32_t token : tokens) tuple.add(token);
  return tuple.finish();
}

}  // namespace holdfast::python_hash
