// How an engine hashes blocks: everything that two of them must have in common for equal prompts to
// have equal hashes.
//
// What each scheme hashes is told in block_hasher.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "tokens/digest.h"

namespace holdfast {

// Whose way it is. Engines of different families never share hashes.
enum class HashFamily : uint8_t { kVllm, kSglang, kLmcache, kDynamo };
inline constexpr HashFamily kHashFamilies[] = {HashFamily::kVllm, HashFamily::kSglang,
                                               HashFamily::kLmcache, HashFamily::kDynamo};
std::string_view nameOf(HashFamily family);  // "vllm"

enum class HashScheme : uint8_t {
  kVllmSha256,  // over pickle: vLLM's default
  kVllmSha256Cbor,
  kVllmXxhash,      // XXH3-128 over pickle
  kVllmXxhashCbor,  // over CBOR
  kSglang,          // a chain of SHA-256
  kSglangDynamo,    // the same in its event format "dynamo"
  kLmcacheBuiltin,  // CPython's hash()
  kLmcacheSha256,   // over pickle
  kLmcacheSha256Cbor,
  kLmcacheMpBuiltin,  // mp: the process of LMCache that several engines share
  kLmcacheMpSha256Cbor,
  kLmcacheMpBlake3,
  kDynamo,  // a chain of XXH3-64
};
inline constexpr size_t kHashSchemes = 13;

// What is known of a scheme.
struct HashSchemeFacts {
  HashFamily family;
  std::string_view name;  // as its engine's setting has it: "sha256_cbor"
  bool seeded;            // begins with what PYTHONHASHSEED comes to
  bool randomUnseeded;    // without PYTHONHASHSEED each process draws its beginning
  uint8_t bytes;          // of a hash in the chain
  bool publishesLast;     // as 64 bits, its last 8 bytes; else the first
};
const HashSchemeFacts& factsOf(HashScheme scheme);

struct HashProfile {
  // More tokens than a block of any engine has.
  static constexpr uint32_t kBlockSizeMax = 4'096;
  static constexpr size_t kSeedBytesMax = 64;

  HashScheme scheme = HashScheme::kVllmSha256;
  uint32_t blockSize = 16;  // tokens, 1..kBlockSizeMax
  // vLLM up to 0.11: extra keys without tags, an adapter by its number, images without offsets.
  bool untagged = false;
  std::optional<std::string> seed = {};  // PYTHONHASHSEED; nothing: it is not set
  std::optional<BlockHash> root = {};    // what comes before the first block, where it is told so

  // kInvalid: what of it cannot be.
  std::optional<Error> validate() const;

  friend bool operator==(const HashProfile&, const HashProfile&) = default;
};

// For people: "vLLM sha256, PYTHONHASHSEED=0, 16 tokens a block".
std::string describe(const HashProfile& profile);
// "PYTHONHASHSEED=0", "PYTHONHASHSEED not set"
std::string seedText(const HashProfile& profile);

}  // namespace holdfast
