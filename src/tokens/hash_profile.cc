#include "tokens/hash_profile.h"

namespace holdfast {
namespace {

// In the order of HashScheme. LMCache takes what vLLM comes to for PYTHONHASHSEED, or 0 where there
// is no vLLM.
constexpr std::array<HashSchemeFacts, kHashSchemes> kSchemeFacts = {{
    {HashFamily::kVllm, "sha256", true, false, 32, true},
    {HashFamily::kVllm, "sha256_cbor", true, false, 32, true},
    {HashFamily::kVllm, "xxhash", true, true, 16, true},
    {HashFamily::kVllm, "xxhash_cbor", true, true, 16, true},
    {HashFamily::kSglang, "sha256", false, false, 32, false},
    {HashFamily::kSglang, "sha256, events in the format dynamo", false, false, 32, false},
    {HashFamily::kLmcache, "builtin", false, false, 8, false},
    {HashFamily::kLmcache, "sha256", true, false, 8, false},
    {HashFamily::kLmcache, "sha256_cbor", true, false, 8, false},
    {HashFamily::kLmcache, "mp builtin", false, false, 8, false},
    {HashFamily::kLmcache, "mp sha256_cbor", true, false, 32, false},
    {HashFamily::kLmcache, "mp blake3", false, false, 32, false},
    {HashFamily::kDynamo, "xxh3", false, false, 8, false},
}};

struct FamilyName {
  std::string_view id;
  std::string_view forPeople;
};
constexpr FamilyName kFamilyNames[] = {
    {"vllm", "vLLM"}, {"sglang", "SGLang"}, {"lmcache", "LMCache"}, {"dynamo", "Dynamo"}};

}  // namespace

std::string_view nameOf(HashFamily family) {
  return kFamilyNames[static_cast<size_t>(family)].id;
}

const HashSchemeFacts& factsOf(HashScheme scheme) {
  return kSchemeFacts[static_cast<size_t>(scheme)];
}

std::optional<Error> HashProfile::validate() const {
  if (blockSize < 1 || blockSize > kBlockSizeMax) {
    return Error{ErrorCode::kInvalid, "block size " + std::to_string(blockSize) +
                                          " is outside 1.." + std::to_string(kBlockSizeMax) +
                                          " tokens"};
  }
  const HashSchemeFacts& facts = factsOf(scheme);
  if (seed && seed->size() > kSeedBytesMax) {
    return Error{ErrorCode::kInvalid, "a seed of " + std::to_string(seed->size()) +
                                          " bytes, at most " + std::to_string(kSeedBytesMax) +
                                          " are allowed"};
  }
  if (root && root->size != facts.bytes) {
    return Error{ErrorCode::kInvalid, "a NONE_HASH of " + std::to_string(root->size) +
                                          " bytes, those of " + std::string(facts.name) + " have " +
                                          std::to_string(facts.bytes)};
  }
  if (facts.randomUnseeded && !seed && !root) {
    return Error{ErrorCode::kInvalid, "the hashes of " + std::string(facts.name) +
                                          " without PYTHONHASHSEED are random for each process"};
  }
  return std::nullopt;
}

std::string seedText(const HashProfile& profile) {
  return profile.seed ? "PYTHONHASHSEED=" + *profile.seed : "PYTHONHASHSEED not set";
}

std::string describe(const HashProfile& profile) {
  const HashSchemeFacts& facts = factsOf(profile.scheme);
  std::string text(kFamilyNames[static_cast<size_t>(facts.family)].forPeople);
  text += ' ';
  text += facts.name;
  if (profile.untagged) text += " (up to 0.11)";
  if (profile.root) {
    text += ", a NONE_HASH of its own";
  } else if (facts.seeded) {
    text += ", " + seedText(profile);
  }
  return text + ", " + std::to_string(profile.blockSize) + " tokens a block";
}

}  // namespace holdfast
