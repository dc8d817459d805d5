#include "hashing/differences.h"

#include <string_view>

#include "hashing/candidates.h"

namespace holdfast {
namespace {

constexpr std::string_view kSetSeed =
    "start every engine with the same environment variable PYTHONHASHSEED";

std::string_view algorithmSetting(HashFamily family) {
  switch (family) {
    case HashFamily::kVllm:
      return "--prefix-caching-hash-algo";
    case HashFamily::kLmcache:
      return "pre_caching_hash_algorithm";
    case HashFamily::kSglang:
      return "the format of its KV events";
    case HashFamily::kDynamo:
      break;
  }
  return "the engine's version";
}

std::string_view blockSizeSetting(HashFamily family) {
  switch (family) {
    case HashFamily::kVllm:
      return "--block-size";
    case HashFamily::kLmcache:
      return "chunk_size";
    case HashFamily::kSglang:
      return "--page-size";
    case HashFamily::kDynamo:
      break;
  }
  return "the block size";
}

std::string sizeText(const HashProfile& profile) {
  return std::to_string(profile.blockSize) + " tokens";
}

std::string seedValue(const HashProfile& profile) {
  if (profile.root) return "one of its own";
  return profile.seed ? *profile.seed : "not set";
}

void add(std::string& to, const std::string& sentence) {
  if (!to.empty()) to += "; ";
  to += sentence;
}

}  // namespace

std::string differenceOf(const HashProfile& is, const HashProfile& others) {
  const HashSchemeFacts& facts = factsOf(is.scheme);
  const HashSchemeFacts& theirs = factsOf(others.scheme);
  std::string text;
  if (is.blockSize != others.blockSize) {
    add(text, "its block size is " + sizeText(is) + ", the others' " + sizeText(others) +
                  ": set the same " + std::string(blockSizeSetting(facts.family)));
  }
  if (is.scheme != others.scheme) {
    add(text, "its algorithm is " + std::string(facts.name) + ", the others' " +
                  std::string(theirs.name) + ": set the same " +
                  std::string(algorithmSetting(facts.family)));
  }
  if (is.seed != others.seed || is.root != others.root) {
    add(text, "its PYTHONHASHSEED is " + seedValue(is) + ", the others' " + seedValue(others) +
                  ": " + std::string(kSetSeed));
  }
  if (is.untagged != others.untagged) {
    add(text, std::string("its extra keys (adapters, salts, images) are hashed as vLLM ") +
                  (is.untagged ? "up to 0.11 does" : "since 0.12 does") +
                  ", the others' not: run the same version of vLLM");
  }
  return text;
}

std::string whyNoneFits(const StoredBlocks& blocks, const HashScheme* algorithm,
                        const HashProfile* others) {
  std::string text;
  if (others != nullptr && others->blockSize != blocks.blockSize) {
    add(text, "its block size is " + std::to_string(blocks.blockSize) +
                  " tokens, the others' of its model " + sizeText(*others) + ": set the same " +
                  std::string(blockSizeSetting(factsOf(others->scheme).family)));
  }
  if (algorithm != nullptr) {
    const bool random = factsOf(*algorithm).randomUnseeded;
    add(text, "its algorithm is " + std::string(factsOf(*algorithm).name) +
                  (random ? ", which without PYTHONHASHSEED is random for each process" : "") +
                  ", and its PYTHONHASHSEED none of those tried (not set, 0 to " +
                  searchedSeed(kSeedsSearched - 1) + "): " + std::string(kSetSeed));
  } else if (blocks.hashes.front().size == 16) {
    add(text,
        "its hashes are xxhash's, which without PYTHONHASHSEED are random for each process and "
        "cannot be learned: " +
            std::string(kSetSeed));
  } else {
    add(text, "its PYTHONHASHSEED is none of those tried (not set, 0 to " +
                  searchedSeed(kSeedsSearched - 1) +
                  "), or its --prefix-caching-hash-algo is xxhash without one, which is random for "
                  "each process and cannot be learned: " +
                  std::string(kSetSeed) + "; SGLang before 0.5.4 is not known here either");
  }
  if (others != nullptr) add(text, "the others of its model hash as " + describe(*others));
  return text;
}

}  // namespace holdfast
