#include "hashing/candidates.h"

#include <array>
#include <string_view>

namespace holdfast {
namespace {

constexpr std::array<std::string_view, 10> kTyped = {
    "1", "123", "1234", "12345", "123456", "2024", "2025", "2026", "4294967295", "1234567"};

// An engine publishes a hash of its chain in whole, or 64 bits of it.
bool mayPublish(HashScheme scheme, size_t bytes) {
  return bytes == 8 || bytes == factsOf(scheme).bytes;
}

// Where a block has none of these, both of vLLM's ways are the same.
bool hasKeys(const StoredBlocks& blocks) {
  return !blocks.extraKeys.empty() || blocks.loraId || !blocks.loraName.empty();
}

}  // namespace

bool anySeeded(const StoredBlocks& blocks, const Seed& seed,
               const std::function<bool(const HashProfile&)>& take) {
  const size_t bytes = blocks.hashes.front().size;
  for (size_t i = 0; i < kHashSchemes; ++i) {
    const auto scheme = static_cast<HashScheme>(i);
    const HashSchemeFacts& facts = factsOf(scheme);
    if (!facts.seeded || !mayPublish(scheme, bytes) || (facts.randomUnseeded && !seed)) continue;
    // Its hashes of plain tokens are vLLM's: only their 64 bits differ.
    if (scheme == HashScheme::kLmcacheMpSha256Cbor && bytes != 8) continue;
    HashProfile profile{.scheme = scheme, .blockSize = blocks.blockSize, .seed = seed};
    if (take(profile)) return true;
    if (facts.family != HashFamily::kVllm || !hasKeys(blocks)) continue;
    profile.untagged = true;
    if (take(profile)) return true;
  }
  return false;
}

bool anyCandidate(const StoredBlocks& blocks, std::span<const Seed> seeds,
                  const std::function<bool(const HashProfile&)>& take) {
  for (const Seed& seed : seeds) {
    if (anySeeded(blocks, seed, take)) return true;
  }
  const size_t bytes = blocks.hashes.front().size;
  for (size_t i = 0; i < kHashSchemes; ++i) {
    const auto scheme = static_cast<HashScheme>(i);
    if (factsOf(scheme).seeded || !mayPublish(scheme, bytes)) continue;
    // Without a salt both of SGLang's formats are the same.
    if (scheme == HashScheme::kSglangDynamo && blocks.cacheSalt.empty()) continue;
    if (take({.scheme = scheme, .blockSize = blocks.blockSize})) return true;
  }
  return false;
}

std::string searchedSeed(uint32_t number) {
  if (number < kTyped.size()) return std::string(kTyped[number]);
  return std::to_string(number - kTyped.size());
}

}  // namespace holdfast
