#include "tokens/block_hasher.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

#include "tokens/blake3.h"
#include "tokens/block_tuple.h"
#include "tokens/cbor.h"
#include "tokens/pickle.h"
#include "tokens/python_hash.h"

namespace holdfast {
namespace {

using enum HashScheme;

// vLLM's where PYTHONHASHSEED is not set.
constexpr std::string_view kUnseeded = "vllm-none-hash";
// SGLang's, of what it puts before others of its own.
constexpr std::string_view kSaltDomain = "sglang-cache-salt-v1";
constexpr std::string_view kEventDomain = "sglang-kv-event-namespace-v1";
constexpr uint64_t kDynamoSeed = 1337;

bool pickles(HashScheme scheme) {
  return scheme == kVllmSha256 || scheme == kVllmXxhash || scheme == kLmcacheSha256;
}

// Whose first hash follows F(S(seed)).
bool chainsTuples(HashScheme scheme) {
  return factsOf(scheme).family == HashFamily::kVllm || scheme == kLmcacheMpSha256Cbor;
}

void append(std::vector<uint8_t>& to, std::string_view text) {
  to.insert(to.end(), text.begin(), text.end());
}
void append(std::vector<uint8_t>& to, std::span<const uint8_t> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}
template <typename Int>
void appendLittle(std::vector<uint8_t>& to, Int value) {
  for (size_t i = 0; i < sizeof(Int); ++i) to.push_back(static_cast<uint8_t>(value >> (8 * i)));
}
void appendBig(std::vector<uint8_t>& to, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<uint8_t>(value >> shift));
}

template <typename Token>
bool isWide(std::span<const Token> tokens) {
  if constexpr (sizeof(Token) > sizeof(uint32_t)) {
    return std::any_of(tokens.begin(), tokens.end(),
                       [](Token token) { return token > std::numeric_limits<uint32_t>::max(); });
  } else {
    return false;
  }
}

template <typename Token>
uint64_t pythonHash(uint64_t before, std::span<const Token> tokens, uint64_t third) {
  python_hash::Tuple list;
  for (const Token token : tokens) list.add(python_hash::ofInt(static_cast<int64_t>(token)));
  python_hash::Tuple tuple;
  tuple.add(python_hash::ofInt(static_cast<int64_t>(before)));
  tuple.add(list.finish());
  tuple.add(third);
  return tuple.finish();
}

// Its media are known by numbers.
uint64_t numberOf(const MediaKey& media) {
  uint64_t number = 0;
  const char* end = media.identifier.data() + media.identifier.size();
  std::from_chars(media.identifier.data(), end, number);
  return number;
}

uint64_t dynamoSeed(const PromptKeys& keys) {
  uint64_t seed = kDynamoSeed;
  if (!keys.lora.empty()) seed += XXH3_64bits_withSeed(keys.lora.data(), keys.lora.size(), 0);
  if (!keys.salt.empty()) seed += XXH3_64bits_withSeed(keys.salt.data(), keys.salt.size(), 1);
  return seed;
}

}  // namespace

BlockHasher::BlockHasher(HashProfile profile) {
  use(std::move(profile));
}

void BlockHasher::use(HashProfile profile) {
  profile_ = std::move(profile);
  if (const auto wrong = profile_.validate()) {
    std::fprintf(stderr, "block hasher: %s\n", wrong->message.c_str());
    std::abort();
  }
  noneHash_ = noneHash();
}

std::optional<Error> BlockHasher::refuses(const PromptKeys& keys) const {
  if (keys.lora.size() + keys.loraPath.size() + keys.salt.size() + keys.extraKey.size() >
      kKeyBytesMax) {
    return Error{ErrorCode::kInvalid, "adapter and cache salt are longer than " +
                                          std::to_string(kKeyBytesMax) + " bytes"};
  }
  const auto unknown = [&keys](const std::string& why) {
    return Error{ErrorCode::kInvalid, "the hashes of adapter '" + std::string(keys.lora) +
                                          "' cannot be computed: " + why};
  };
  switch (factsOf(profile_.scheme).family) {
    case HashFamily::kVllm:
      if (profile_.untagged) {
        if (!keys.lora.empty() && !keys.loraId) {
          return unknown("vLLM up to 0.11 hashes the number that it gave it");
        }
      } else if (!keys.lora.empty() && keys.loraPath.empty()) {
        return unknown("vLLM hashes the path that it was loaded from, too: name that as well");
      }
      return std::nullopt;
    case HashFamily::kSglang:
      if (!keys.lora.empty() && keys.extraKey.empty()) {
        return unknown("SGLang hashes an id that it drew when it loaded the adapter");
      }
      return std::nullopt;
    case HashFamily::kLmcache:  // neither is in its hashes
    case HashFamily::kDynamo:
      return std::nullopt;
  }
  return std::nullopt;
}

BlockHash BlockHasher::digest(HashScheme scheme) {
  switch (scheme) {
    case kVllmXxhash:
    case kVllmXxhashCbor: {
      XXH128_canonical_t canonical;
      XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes_.data(), bytes_.size()));
      return BlockHash::ofBytes(canonical.digest);
    }
    case kLmcacheMpBlake3:
      return BlockHash::ofBytes(blake3(bytes_));
    default:
      return BlockHash::ofBytes(sha256_.sumOf(bytes_));
  }
}

BlockHash BlockHasher::noneHash() {
  if (profile_.root) return *profile_.root;
  const HashSchemeFacts& facts = factsOf(profile_.scheme);
  if (facts.seeded) {
    const std::string_view seed = profile_.seed ? std::string_view(*profile_.seed) : kUnseeded;
    const auto write = [seed](auto to) {
      to.text(seed);
      to.finish();
    };
    if (pickles(profile_.scheme)) {
      write(Pickle(bytes_));
    } else {
      write(cbor::Writer(bytes_));
    }
    const BlockHash whole = digest(profile_.scheme);
    return facts.bytes == 8 ? BlockHash::ofInteger(whole.first64()) : whole;
  }
  constexpr uint32_t kZero[] = {0};
  switch (profile_.scheme) {
    case kLmcacheBuiltin:
      return BlockHash::ofInteger(0);
    case kLmcacheMpBuiltin:
      return BlockHash::ofInteger(
          pythonHash(0, std::span<const uint32_t>(kZero), python_hash::kNone));
    case kLmcacheMpBlake3:
      bytes_.assign(12, 0);  // 0 in 8 bytes, the token 0 in 4
      return digest(profile_.scheme);
    default:
      return {};
  }
}

BlockHash BlockHasher::begin(const PromptKeys& keys) {
  if (factsOf(profile_.scheme).family != HashFamily::kSglang || keys.salt.empty()) {
    return noneHash_;
  }
  bytes_.clear();
  append(bytes_, kSaltDomain);
  bytes_.push_back(0);
  append(bytes_, keys.salt);
  return digest(profile_.scheme);
}

template <typename Token>
BlockHash BlockHasher::next(const BlockHash& before, bool first, std::span<const Token> tokens,
                            const PromptKeys& keys, const BlockKeys& block) {
  const HashScheme scheme = profile_.scheme;
  if (chainsTuples(scheme)) {
    if (pickles(scheme)) {
      block_tuple::ofVllm(Pickle(bytes_), before, tokens, profile_.untagged, first, keys, block);
    } else if (scheme == kLmcacheMpSha256Cbor) {
      block_tuple::ofVllm(cbor::Writer(bytes_), before, tokens, false, first, {}, {});
    } else {
      block_tuple::ofVllm(cbor::Writer(bytes_), before, tokens, profile_.untagged, first, keys,
                          block);
    }
    return digest(scheme);
  }
  switch (scheme) {
    case kLmcacheBuiltin:
      return BlockHash::ofInteger(pythonHash(before.first64(), tokens, python_hash::kEmptyTuple));
    case kLmcacheMpBuiltin:
      return BlockHash::ofInteger(pythonHash(before.first64(), tokens, python_hash::kNone));
    case kLmcacheSha256:
      block_tuple::ofLmcache(Pickle(bytes_), before.first64(), tokens);
      return BlockHash::ofInteger(digest(scheme).first64());
    case kLmcacheSha256Cbor:
      block_tuple::ofLmcache(cbor::Writer(bytes_), before.first64(), tokens);
      return BlockHash::ofInteger(digest(scheme).first64());
    case kLmcacheMpBlake3:
      bytes_.assign(before.view().begin(), before.view().end());
      for (const Token token : tokens) appendBig(bytes_, static_cast<uint32_t>(token));
      return digest(scheme);
    case HashScheme::kDynamo: {
      bytes_.clear();
      for (const Token token : tokens) appendLittle(bytes_, static_cast<uint32_t>(token));
      std::vector<uint64_t> media;
      for (const MediaKey& one : block.media) media.push_back(numberOf(one));
      std::sort(media.begin(), media.end());
      for (const uint64_t one : media) appendLittle(bytes_, one);
      const uint64_t own = XXH3_64bits_withSeed(bytes_.data(), bytes_.size(), dynamoSeed(keys));
      if (before.size == 0) return BlockHash::ofInteger(own);
      bytes_.clear();
      appendLittle(bytes_, before.first64());
      appendLittle(bytes_, own);
      return BlockHash::ofInteger(XXH3_64bits_withSeed(bytes_.data(), bytes_.size(), kDynamoSeed));
    }
    default:  // SGLang's
      bytes_.assign(before.view().begin(), before.view().end());
      if (isWide(tokens)) {
        bytes_.push_back(0xFF);
        for (const Token token : tokens) appendLittle(bytes_, uint64_t{token});
      } else {
        for (const Token token : tokens) appendLittle(bytes_, static_cast<uint32_t>(token));
      }
      return digest(scheme);
  }
}

template BlockHash BlockHasher::next(const BlockHash&, bool, std::span<const uint32_t>,
                                     const PromptKeys&, const BlockKeys&);
template BlockHash BlockHasher::next(const BlockHash&, bool, std::span<const uint64_t>,
                                     const PromptKeys&, const BlockKeys&);

std::optional<BlockHash> BlockHasher::namespaceOf(const PromptKeys& keys) {
  const bool dynamo = profile_.scheme == kSglangDynamo;
  if (dynamo ? keys.extraKey.empty() && keys.salt.empty() : keys.lora.empty()) return std::nullopt;
  bytes_.clear();
  append(bytes_, kEventDomain);
  const auto part = [this](std::string_view text) {
    bytes_.push_back(text.empty() ? 0 : 1);
    if (text.empty()) return;
    appendLittle(bytes_, uint64_t{text.size()});
    append(bytes_, text);
  };
  part(keys.extraKey);
  part(dynamo ? keys.salt : std::string_view());
  return digest(profile_.scheme);
}

uint64_t BlockHasher::published(const BlockHash& hash, const PromptKeys& keys) {
  const HashSchemeFacts& facts = factsOf(profile_.scheme);
  const uint64_t key = facts.publishesLast ? hash.last64() : hash.first64();
  if (facts.family != HashFamily::kSglang || keys.empty()) return key;
  const auto space = namespaceOf(keys);
  if (!space) return key;
  bytes_.assign(space->view().begin(), space->view().end());
  append(bytes_, BlockHash::ofInteger(key).view());
  return digest(profile_.scheme).first64();
}

bool BlockHasher::extend(std::span<const uint32_t> tokens, const PromptKeys& keys, BlockHash& last,
                         std::vector<uint64_t>& hashes, size_t tokensMax) {
  const size_t size = profile_.blockSize;
  const size_t blocks = tokens.size() / size;
  const size_t end = std::min(blocks, hashes.size() + std::max<size_t>(tokensMax / size, 1));
  for (size_t i = hashes.size(); i < end; ++i) {
    last = next(last, i == 0, tokens.subspan(i * size, size), keys, {});
    hashes.push_back(published(last, keys));
  }
  return end == blocks;
}

}  // namespace holdfast
