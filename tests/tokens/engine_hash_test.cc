// Runs files of engines' hashes: engine_hashes.json beside this file (make_engine_hashes.py made
// it) and, if the environment variable HOLDFAST_ENGINE_HASHES names one, a further file of the same
// format. And BLAKE3 over the inputs of its official test vectors.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <charconv>
#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tokens/blake3.h"
#include "tokens/block_hasher.h"

namespace holdfast {
namespace {

using simdjson::dom::element;

std::vector<uint8_t> unhex(std::string_view text) {
  std::vector<uint8_t> bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, bytes[i], 16);
  }
  return bytes;
}

template <typename Int>
Int numberIn(std::string_view text) {
  Int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::runtime_error("not a number: " + std::string(text));
  }
  return value;
}

// Decimal, signed or not.
uint64_t hashIn(std::string_view text) {
  return text.starts_with('-') ? static_cast<uint64_t>(numberIn<int64_t>(text))
                               : numberIn<uint64_t>(text);
}

// Nothing where it is absent or null.
std::string textIn(element from, std::string_view name) {
  element value;
  if (from.at_key(name).get(value) != simdjson::SUCCESS || value.is_null()) return {};
  return std::string(std::string_view(value));
}

std::vector<uint64_t> tokensOf(element json) {
  std::vector<uint64_t> tokens;
  simdjson::dom::array list;
  if (json["tokens"].get(list) == simdjson::SUCCESS) {
    for (const element one : list) tokens.push_back(uint64_t(one));
    return tokens;
  }
  const element generator = json["generator"];
  const uint64_t count = uint64_t(generator["n"]);
  const uint64_t mod = uint64_t(generator["mod"]);
  uint64_t x = uint64_t(generator["seed"]);
  for (uint64_t i = 0; i < count; ++i) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    tokens.push_back((x >> 33) % mod);
  }
  return tokens;
}

// As a file has them, which is not how events do.
struct KeysOfCase {
  std::string lora;
  std::string loraPath;
  std::string salt;
  std::string extraKey;
  std::optional<int64_t> loraId;
  std::vector<std::vector<MediaKey>> media;  // by block
  std::string embeddings;

  PromptKeys prompt() const {
    return {
        .lora = lora, .loraPath = loraPath, .loraId = loraId, .salt = salt, .extraKey = extraKey};
  }
  BlockKeys ofBlock(size_t index) const {
    return {.media = index < media.size() ? std::span<const MediaKey>(media[index])
                                          : std::span<const MediaKey>(),
            .embeddings = embeddings};
  }
};

struct CaseOfEngine {
  std::string id;
  HashProfile profile;
  KeysOfCase keys;
  size_t window = 0;  // tokens of a block that are hashed, if not those of a block
  std::vector<uint64_t> tokens;
  std::vector<std::vector<uint8_t>> hashes;  // empty: they are not those of the chain
  std::vector<uint64_t> published;
};

HashScheme schemeOf(std::string_view engine, std::string_view algorithm, element json) {
  if (engine == "sglang") {
    return textIn(json, "event_format") == "dynamo" ? HashScheme::kSglangDynamo
                                                    : HashScheme::kSglang;
  }
  if (engine == "dynamo") return HashScheme::kDynamo;
  if (engine == "lmcache" && textIn(json, "hash_func") == "builtins.hash") {
    return HashScheme::kLmcacheBuiltin;  // whatever was asked for: there was no vLLM
  }
  static const std::map<std::string, HashScheme, std::less<>> kSchemes = {
      {"vllm sha256", HashScheme::kVllmSha256},
      {"vllm sha256_cbor", HashScheme::kVllmSha256Cbor},
      {"vllm xxhash", HashScheme::kVllmXxhash},
      {"vllm xxhash_cbor", HashScheme::kVllmXxhashCbor},
      {"lmcache tokendb:sha256", HashScheme::kLmcacheSha256},
      {"lmcache tokendb:sha256_cbor", HashScheme::kLmcacheSha256Cbor},
      {"lmcache tokendb:sha256_cbor_64bit", HashScheme::kLmcacheSha256Cbor},
      {"lmcache mp:builtin", HashScheme::kLmcacheMpBuiltin},
      {"lmcache mp:sha256_cbor", HashScheme::kLmcacheMpSha256Cbor},
      {"lmcache mp:blake3", HashScheme::kLmcacheMpBlake3},
  };
  const auto found = kSchemes.find(std::string(engine) + " " + std::string(algorithm));
  if (found == kSchemes.end()) throw std::runtime_error("unknown " + std::string(algorithm));
  return found->second;
}

std::vector<MediaKey> mediaOf(element hashedKeys, bool untagged, bool salted, bool sameObject) {
  std::vector<MediaKey> media;
  simdjson::dom::array keys;
  if (hashedKeys.get(keys) != simdjson::SUCCESS) return media;
  size_t left = keys.size() - (salted ? 1 : 0);
  for (const element key : keys) {
    if (left-- == 0) break;
    if (untagged) {
      if (key.is_string()) media.push_back({std::string(std::string_view(key)), 0, false});
    } else if (std::string_view(key.at(0)) == "mm") {
      const std::string identifier(std::string_view(key.at(1)));
      const bool again = sameObject && !media.empty() && media.back().identifier == identifier;
      media.push_back({identifier, int64_t(key.at(2)), again});
    }
  }
  return media;
}

void readVllmKeys(element json, element extra, CaseOfEngine& to) {
  KeysOfCase& keys = to.keys;
  to.profile.untagged = textIn(json, "version") == "0.11.0";
  element lora;
  if (extra["lora"].get(lora) == simdjson::SUCCESS && lora.is_object()) {
    keys.lora = textIn(lora, "name");
    keys.loraPath = textIn(lora, "path");
    if (to.profile.untagged) keys.loraId = int64_t(lora["int_id"]);
  }
  for (const uint8_t byte : unhex(textIn(extra, "prompt_embeds"))) {
    keys.embeddings.push_back(static_cast<char>(byte));
  }
  bool sameObject = false;
  if (json["same_object"].get(sameObject) != simdjson::SUCCESS) {
    sameObject = textIn(json, "id").find("same-object") != std::string::npos;
  }
  for (const element block : json["hashed_extra_keys"]) {
    const bool salted = keys.media.empty() && !keys.salt.empty();
    keys.media.push_back(mediaOf(block, to.profile.untagged, salted, sameObject));
  }
}

void readDynamoMedia(element extra, KeysOfCase& to) {
  for (const element block : extra["mm"]) {
    auto& media = to.media.emplace_back();
    if (block.is_null()) continue;
    for (const element one : block["mm_objects"]) {
      media.push_back({std::to_string(uint64_t(one["mm_hash"])), 0, false});
    }
  }
}

CaseOfEngine readEngineCase(element json) {
  CaseOfEngine to;
  to.id = textIn(json, "id");
  const std::string engine = textIn(json, "engine");
  to.profile.scheme = schemeOf(engine, textIn(json, "algorithm"), json);
  to.profile.blockSize = static_cast<uint32_t>(uint64_t(json["block_size"]));
  if (json["seed"].is_string()) to.profile.seed = textIn(json, "seed");
  if (to.profile.scheme == HashScheme::kLmcacheBuiltin) {
    to.profile.root = BlockHash::ofInteger(hashIn(textIn(json, "none_hash")));
  }
  to.window = to.profile.blockSize;
  to.tokens = tokensOf(json);
  element extra;
  if (json["extra"].get(extra) == simdjson::SUCCESS) {
    to.keys.salt = textIn(extra, "cache_salt");
    to.keys.extraKey = textIn(extra, "extra_key");
    if (engine == "vllm") readVllmKeys(json, extra, to);
    if (engine == "sglang" && extra["lora"].is_object()) {
      to.keys.lora = textIn(extra["lora"], "name");
    }
    if (engine == "dynamo") {
      to.keys.lora = textIn(extra, "lora");
      readDynamoMedia(extra, to.keys);
      if (bool(extra["eagle"])) ++to.window;
    }
  }
  if (engine != "dynamo") {
    for (const element one : json["hashes_hex"]) to.hashes.push_back(unhex(std::string_view(one)));
  }
  for (const char* name : {"published_int", "published_int64", "published"}) {
    simdjson::dom::array list;
    if (json[name].get(list) != simdjson::SUCCESS) continue;
    for (const element one : list) {
      const std::string_view text(one);
      const bool bytes = to.id.find("mp") != std::string::npos && engine == "lmcache";
      to.published.push_back(bytes ? BlockHash::ofBytes(unhex(text)).first64() : hashIn(text));
    }
  }
  return to;
}

void runEngineCase(const CaseOfEngine& each) {
  SCOPED_TRACE(each.id + ": " + describe(each.profile));
  BlockHasher hasher(each.profile);
  const PromptKeys keys = each.keys.prompt();
  ASSERT_FALSE(hasher.refuses(keys));
  const std::span<const uint64_t> tokens(each.tokens);
  const bool narrow = std::all_of(tokens.begin(), tokens.end(),
                                  [](uint64_t token) { return token <= 0xFFFF'FFFF; });
  BlockHash last = hasher.begin(keys);
  size_t i = 0;
  // A last, shorter chunk is LMCache's business with its own settings: token_hasher.h.
  for (; i * each.profile.blockSize + each.window <= tokens.size(); ++i) {
    const auto block = tokens.subspan(i * each.profile.blockSize, each.window);
    const BlockHash before = last;
    last = hasher.next(before, i == 0, block, keys, each.keys.ofBlock(i));
    ASSERT_LT(i, each.published.size());
    EXPECT_EQ(hasher.published(last, keys), each.published[i]) << "block " << i;
    if (!each.hashes.empty()) {
      EXPECT_EQ(last, BlockHash::ofBytes(each.hashes[i])) << "block " << i;
    }
    if (narrow) {
      const std::vector<uint32_t> same(block.begin(), block.end());
      EXPECT_EQ(
          hasher.next(before, i == 0, std::span<const uint32_t>(same), keys, each.keys.ofBlock(i)),
          last);
    }
  }
  EXPECT_LE(each.published.size() - i, 1u);
}

std::vector<CaseOfEngine> readEngineCases(const char* path) {
  simdjson::dom::parser parser;
  std::vector<CaseOfEngine> cases;
  for (const element json : parser.load(path)["cases"]) cases.push_back(readEngineCase(json));
  return cases;
}

TEST(engineHashes, Own) {
  const auto cases = readEngineCases(HOLDFAST_OWN_ENGINE_HASHES);
  // A mistake in the file must not make the test vacuous.
  std::map<HashScheme, size_t> hashes;
  for (const CaseOfEngine& each : cases) hashes[each.profile.scheme] += each.published.size();
  EXPECT_EQ(hashes.size(), kHashSchemes);
  for (const auto& [scheme, count] : hashes) EXPECT_GE(count, 9u) << factsOf(scheme).name;
  for (const CaseOfEngine& each : cases) runEngineCase(each);
}

TEST(engineHashes, OfTheEnvironment) {
  const char* path = std::getenv("HOLDFAST_ENGINE_HASHES");
  if (path == nullptr || *path == '\0') GTEST_SKIP() << "HOLDFAST_ENGINE_HASHES is not set";
  const auto cases = readEngineCases(path);
  ASSERT_FALSE(cases.empty());
  for (const CaseOfEngine& each : cases) runEngineCase(each);
}

// A prompt in pieces is what it is at once, whatever the pieces.
TEST(engineHashes, InPieces) {
  for (const CaseOfEngine& each : readEngineCases(HOLDFAST_OWN_ENGINE_HASHES)) {
    const bool plain = each.keys.media.empty() && each.window == each.profile.blockSize &&
                       std::all_of(each.tokens.begin(), each.tokens.end(),
                                   [](uint64_t token) { return token <= 0xFFFF'FFFF; });
    if (!plain) continue;
    SCOPED_TRACE(each.id);
    const std::vector<uint32_t> tokens(each.tokens.begin(), each.tokens.end());
    const PromptKeys keys = each.keys.prompt();
    BlockHasher hasher(each.profile);
    for (const size_t piece : {size_t{0}, size_t{1}, size_t{40}, tokens.size() + 1}) {
      BlockHash last = hasher.begin(keys);
      std::vector<uint64_t> hashes;
      while (!hasher.extend(tokens, keys, last, hashes, piece)) {
      }
      const size_t whole = tokens.size() / each.profile.blockSize;
      EXPECT_EQ(hashes, std::vector<uint64_t>(each.published.begin(),
                                              each.published.begin() + static_cast<long>(whole)));
    }
  }
}

TEST(engineHashes, WhatCannotBeComputedSaysWhy) {
  BlockHasher vllm(HashProfile{});
  EXPECT_FALSE(vllm.refuses({.salt = "s"}));
  const auto why = vllm.refuses({.lora = "sql"});
  ASSERT_TRUE(why);
  EXPECT_NE(why->message.find("'sql'"), std::string::npos) << why->message;
  EXPECT_NE(why->message.find("path"), std::string::npos) << why->message;
  EXPECT_FALSE(vllm.refuses({.lora = "sql", .loraPath = "/a"}));
  EXPECT_TRUE(BlockHasher({.scheme = HashScheme::kSglang}).refuses({.lora = "sql"}));
  const HashProfile random{.scheme = HashScheme::kVllmXxhash};
  ASSERT_TRUE(random.validate());
  EXPECT_NE(random.validate()->message.find("random"), std::string::npos);
}

TEST(engineHashes, Blake3) {
  simdjson::dom::parser parser;
  std::set<size_t> sizes;
  for (const element json : parser.load(HOLDFAST_BLAKE3_VECTORS)["cases"]) {
    const auto size = static_cast<size_t>(uint64_t(json["size"]));
    std::vector<uint8_t> input(size);
    for (size_t i = 0; i < size; ++i) input[i] = static_cast<uint8_t>(i % 251);
    const auto sum = blake3(input);
    EXPECT_EQ(std::vector<uint8_t>(sum.begin(), sum.end()), unhex(textIn(json, "hash"))) << size;
    sizes.insert(size);
  }
  EXPECT_EQ(sizes.size(), 35u);
}

}  // namespace
}  // namespace holdfast
