// Order-independent 128-bit digests of a whole registry; defined in schema/README.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/types.h"

namespace holdfast {

// The sum, modulo 2^64 in each half, of the XXH3-128 hashes of its locations' encodings.
struct RegistryDigest {
  uint64_t low = 0;
  uint64_t high = 0;

  // Content digest: call for every location with at least one key that is not hidden.
  void addContent(std::string_view instance, uint32_t worker, std::string_view location,
                  uint64_t count, const KeyDigest& keys);
  // Registry digest: call for every location, hidden and empty ones too.
  void addState(std::string_view instance, uint32_t worker, std::string_view location,
                uint64_t count, const KeyDigest& keys, uint64_t incarnation, uint64_t seq);
  // A digest is a sum: with the shares of its locations it can be kept as they change.
  RegistryDigest& operator+=(const RegistryDigest& share) {
    low += share.low;
    high += share.high;
    return *this;
  }
  RegistryDigest& operator-=(const RegistryDigest& share) {
    low -= share.low;
    high -= share.high;
    return *this;
  }
  std::string hex() const;  // 32 digits, high half first
  friend bool operator==(const RegistryDigest&, const RegistryDigest&) = default;
};

}  // namespace holdfast
