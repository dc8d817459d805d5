// Hashes of blocks as bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast {

// Of 8 (an integer, big-endian), 16 or 32 bytes.
struct BlockHash {
  static constexpr size_t kBytesMax = 32;

  std::array<uint8_t, kBytesMax> bytes{};  // beyond size: 0
  uint8_t size = 0;

  static BlockHash ofInteger(uint64_t value) {
    BlockHash hash;
    hash.size = 8;
    for (size_t i = 0; i < 8; ++i) hash.bytes[i] = static_cast<uint8_t>(value >> (56 - 8 * i));
    return hash;
  }
  // At most kBytesMax bytes of `from` are taken.
  static BlockHash ofBytes(std::span<const uint8_t> from) {
    BlockHash hash;
    for (const uint8_t byte : from.first(from.size() < kBytesMax ? from.size() : kBytesMax)) {
      hash.bytes[hash.size++] = byte;
    }
    return hash;
  }

  std::span<const uint8_t> view() const { return {bytes.data(), size}; }
  // 8 bytes as an unsigned integer, big-endian. `size` is at least 8.
  uint64_t first64() const { return bigEndian(0); }
  uint64_t last64() const { return bigEndian(size - size_t{8}); }

  friend bool operator==(const BlockHash&, const BlockHash&) = default;

 private:
  uint64_t bigEndian(size_t at) const {
    uint64_t value = 0;
    for (size_t i = at; i < at + 8; ++i) value = value << 8 | bytes[i];
    return value;
  }
};

}  // namespace holdfast
