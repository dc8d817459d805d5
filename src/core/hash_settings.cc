#include "core/hash_settings.h"

#include <charconv>

namespace holdfast {
namespace {

struct Name {
  HashAlgorithm algorithm;
  std::string_view name;
};
constexpr Name kHashAlgorithmNames[] = {
    {HashAlgorithm::builtin, "builtin"},
    {HashAlgorithm::sha256Cbor, "sha256_cbor"},
    {HashAlgorithm::builtinNone, "builtin_none"},
    {HashAlgorithm::sha256Cbor64, "sha256_cbor_64bit"},
};
constexpr std::string_view kUnknownAlgorithm = "unknown";

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
  for (const Name& one : kHashAlgorithmNames) {
    if (one.name == name) return one.algorithm;
  }
  return std::nullopt;
}

std::string_view hashAlgorithmName(HashAlgorithm algorithm) {
  for (const Name& one : kHashAlgorithmNames) {
    if (one.algorithm == algorithm) return one.name;
  }
  return kUnknownAlgorithm;
}

std::optional<uint64_t> parseNoneHash(std::string_view decimal, HashAlgorithm algorithm) {
  return isPythonHash(algorithm) ? parseWhole<int64_t>(decimal) : parseWhole<uint64_t>(decimal);
}

std::string noneHashText(uint64_t noneHash, HashAlgorithm algorithm) {
  return isPythonHash(algorithm) ? std::to_string(static_cast<int64_t>(noneHash))
                                 : std::to_string(noneHash);
}

std::optional<Error> HashSettings::validate() const {
  if (chunkSize < 1 || chunkSize > kChunkSizeMax) {
    return Error{ErrorCode::kInvalid, "chunk size " + std::to_string(chunkSize) +
                                          " is outside 1.." + std::to_string(kChunkSizeMax) +
                                          " tokens"};
  }
  if (hashAlgorithmName(algorithm) == kUnknownAlgorithm) {
    return Error{ErrorCode::kInvalid, "hash algorithm number " +
                                          std::to_string(static_cast<unsigned>(algorithm)) +
                                          " is none that this program knows (0 to 3)"};
  }
  return std::nullopt;
}

}  // namespace holdfast
