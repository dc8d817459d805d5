// How token lists become chunk hashes (src/tokens): what controller and workers must agree on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace holdfast {

// LMCache's: H(hash of the chunk before, tokens, extra keys). Up to its version 0.3.15 "no extra
// keys" was None, from 0.4.1 on it is (). Numbers are stored and sent: never reuse one.
enum class HashAlgorithm : uint8_t {
  // CPython's (>= 3.8, 64-bit) hash() of the tuple (int, tuple of ints, None), with the hash of
  // None that CPython has from 3.12 on. Hashes are signed.
  builtinNone = 0,
  // Low 64 bits, big-endian, of SHA-256 over the canonical CBOR of [int, [ints], null]. Unsigned.
  sha256Cbor64 = 1,
  // hash() of the tuple (int, tuple of ints, ()). Signed.
  builtin = 2,
  // First 8 bytes, big-endian, of SHA-256 over the canonical CBOR of [int, [ints], []]. Unsigned.
  sha256Cbor = 3,
};
inline constexpr HashAlgorithm kHashAlgorithms[] = {
    HashAlgorithm::builtin, HashAlgorithm::sha256Cbor, HashAlgorithm::builtinNone,
    HashAlgorithm::sha256Cbor64};
constexpr bool isPythonHash(HashAlgorithm algorithm) {
  return algorithm == HashAlgorithm::builtin || algorithm == HashAlgorithm::builtinNone;
}

// The names of options: "builtin", "sha256_cbor", and of the older forms "builtin_none",
// "sha256_cbor_64bit".
std::optional<HashAlgorithm> parseHashAlgorithm(std::string_view name);
std::string_view hashAlgorithmName(HashAlgorithm algorithm);  // "unknown" for a number without one

// NONE_HASH as people write it, in decimal: -2^63..2^63-1 for CPython's hashes, 0..2^64-1 for
// SHA-256. Nothing if it is no number or out of range. The low 64 bits, two's complement.
std::optional<uint64_t> parseNoneHash(std::string_view decimal, HashAlgorithm algorithm);
std::string noneHashText(uint64_t noneHash, HashAlgorithm algorithm);

struct HashSettings {
  static constexpr uint32_t kChunkSizeMax = 1'048'576;

  uint32_t chunkSize = 256;  // tokens, 1..kChunkSizeMax
  HashAlgorithm algorithm = HashAlgorithm::builtin;
  uint64_t noneHash = 0;         // read as int64 by CPython's hashes, as uint64 by SHA-256
  bool saveUnfullChunk = false;  // whether a last, shorter chunk counts

  // kInvalid: names the setting, its value and its range. Nothing if all are valid.
  std::optional<Error> validate() const;

  friend bool operator==(const HashSettings&, const HashSettings&) = default;
};

}  // namespace holdfast
