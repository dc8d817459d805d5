#include "core/hash_settings.h"

#include <charconv>

namespace holdfast {
namespace {

constexpr std::string_view kBuiltinName = "builtin";
constexpr std::string_view kSha256Cbor64Name = "sha256_cbor_64bit";

template <typename Int>
std::optional<uint64_t> parseWhole(std::string_view decimal) {
  Int value = 0;
  const char* end = decimal.data() + decimal.size();
  const auto [stop, error] = std::from_chars(decimal.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return static_cast<uint64_t>(value);
}

}  // namespace

std::optional<HashAlgorithm> parseHashAlgorithm(std::string_view name) {
  if (name == kBuiltinName) return HashAlgorithm::builtin;
  if (name == kSha256Cbor64Name) return HashAlgorithm::sha256Cbor64;
  return std::nullopt;
}

std::string_view hashAlgorithmName(HashAlgorithm algorithm) {
  switch (algorithm) {
    case HashAlgorithm::builtin:
      return kBuiltinName;
    case HashAlgorithm::sha256Cbor64:
      return kSha256Cbor64Name;
  }
  return "unknown";
}

std::optional<uint64_t> parseNoneHash(std::string_view decimal, HashAlgorithm algorithm) {
  return algorithm == HashAlgorithm::builtin ? parseWhole<int64_t>(decimal)
                                             : parseWhole<uint64_t>(decimal);
}

std::string noneHashText(uint64_t noneHash, HashAlgorithm algorithm) {
  return algorithm == HashAlgorithm::builtin ? std::to_string(static_cast<int64_t>(noneHash))
                                             : std::to_string(noneHash);
}

std::optional<Error> HashSettings::validate() const {
  if (chunkSize < 1 || chunkSize > kChunkSizeMax) {
    return Error{ErrorCode::kInvalid, "chunk size " + std::to_string(chunkSize) +
                                          " is outside 1.." + std::to_string(kChunkSizeMax) +
                                          " tokens"};
  }
  if (algorithm != HashAlgorithm::builtin && algorithm != HashAlgorithm::sha256Cbor64) {
    return Error{ErrorCode::kInvalid, "hash algorithm number " +
                                          std::to_string(static_cast<unsigned>(algorithm)) +
                                          " is neither builtin (0) nor sha256_cbor_64bit (1)"};
  }
  return std::nullopt;
}

}  // namespace holdfast
