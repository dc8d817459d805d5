// The vocabulary of the registry: ids, key digests, operations of a report.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast {

static_assert(std::endian::native == std::endian::little,
              "segments, journals and digests are defined on little-endian machines only");

// Hash of a chunk: it stands for the whole prefix up to the chunk's end. All 2^64 values are legal.
using ChunkHash = uint64_t;

// A (worker, location) pair, dense, given by ChunkIndex. 0 is never a holder.
using HolderId = uint32_t;
inline constexpr HolderId kNoHolder = 0;

// Finaliser of splitmix64 (Steele, Lea, Flood 2014; constants of Vigna's public-domain version).
constexpr uint64_t splitmix64Finalise(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// Finaliser of MurmurHash3's 64-bit variant (Appleby, public domain).
constexpr uint64_t fmix64(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCDu;
  x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53u;
  return x ^ (x >> 33);
}

// Order-independent digest of a set of distinct keys: two sums modulo 2^64. See schema/README.md.
struct KeyDigest {
  uint64_t a = 0;
  uint64_t b = 0;

  constexpr void add(ChunkHash key) {
    a += splitmix64Finalise(key + 0x9E3779B97F4A7C15u);
    b += fmix64(key ^ 0xC2B2AE3D27D4EB4Fu);
  }
  constexpr void remove(ChunkHash key) {
    a -= splitmix64Finalise(key + 0x9E3779B97F4A7C15u);
    b -= fmix64(key ^ 0xC2B2AE3D27D4EB4Fu);
  }
  // Sums of disjoint sets, or of a set and a signed difference.
  constexpr KeyDigest& operator+=(const KeyDigest& other) {
    a += other.a;
    b += other.b;
    return *this;
  }
  friend constexpr bool operator==(const KeyDigest&, const KeyDigest&) = default;
};

// Which operations of a report are evicts: bit i of the bitmap, least significant bit of a byte
// first, shifted by `offset` bits. A null bitmap means that all are admits. Does not own.
struct EvictBits {
  const uint8_t* bits = nullptr;
  size_t offset = 0;

  bool allAdmits() const { return bits == nullptr; }
  bool test(size_t i) const {
    if (bits == nullptr) return false;
    const size_t at = offset + i;
    return ((bits[at >> 3] >> (at & 7)) & 1) != 0;
  }
};

// A run of operations of one location in the order they happened; operation i has sequence number
// firstSeq + i. Does not own; valid for the call that it is passed to.
struct Operations {
  std::span<const ChunkHash> keys;
  EvictBits evicts;

  size_t size() const { return keys.size(); }
  // How many are evicts.
  size_t evicted() const {
    if (evicts.allAdmits()) return 0;
    size_t count = 0;
    size_t at = evicts.offset;
    const size_t end = at + size();
    for (; at < end && (at & 7) != 0; ++at) count += (evicts.bits[at >> 3] >> (at & 7)) & 1;
    for (; at + 8 <= end; at += 8) {
      count += static_cast<size_t>(std::popcount(evicts.bits[at >> 3]));
    }
    for (; at < end; ++at) count += (evicts.bits[at >> 3] >> (at & 7)) & 1;
    return count;
  }
  // What is left after the first n operations, n <= size().
  Operations dropFirst(size_t n) const {
    return {keys.subspan(n), {evicts.bits, evicts.offset + n}};
  }
};

}  // namespace holdfast
