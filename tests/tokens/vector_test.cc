// Runs vector files: vectors.json beside this file (make_vectors.py made it) and, if the
// environment variable HOLDFAST_TOKEN_VECTORS names one, a further file of the same format, or one
// made with LMCache up to 0.3.15, whose "builtin" is builtin_none here.
#include <capnp/compat/json.h>
#include <capnp/message.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tokens/token_hasher.h"

namespace holdfast {
namespace {

using capnp::JsonValue;

struct VectorCase {
  HashSettings settings;
  std::vector<uint32_t> tokens;
  std::vector<TokenChunk> chunks;
};

JsonValue::Reader member(JsonValue::Reader object, const char* name) {
  if (!object.isObject()) throw std::runtime_error(std::string("no object around ") + name);
  for (const auto field : object.getObject()) {
    if (field.getName() == name) return field.getValue();
  }
  throw std::runtime_error(std::string("missing member ") + name);
}

uint32_t number(JsonValue::Reader value) {
  if (!value.isNumber()) throw std::runtime_error("not a number");
  const double number = value.getNumber();
  if (number < 0 || number > std::numeric_limits<uint32_t>::max() ||
      number != static_cast<uint32_t>(number)) {
    throw std::runtime_error("not an unsigned 32-bit integer: " + std::to_string(number));
  }
  return static_cast<uint32_t>(number);
}

std::string text(JsonValue::Reader value) {
  if (!value.isString()) throw std::runtime_error("not a string");
  return value.getString().cStr();
}

uint64_t hash(JsonValue::Reader value, HashAlgorithm algorithm) {
  const auto parsed = parseNoneHash(text(value), algorithm);
  if (!parsed) throw std::runtime_error("not a hash: " + text(value));
  return *parsed;
}

VectorCase readCase(JsonValue::Reader json) {
  VectorCase result;
  const auto algorithm = parseHashAlgorithm(text(member(json, "algorithm")));
  if (!algorithm) throw std::runtime_error("unknown algorithm");
  result.settings.algorithm = *algorithm;
  result.settings.chunkSize = number(member(json, "chunk_size"));
  result.settings.noneHash = hash(member(json, "none_hash"), *algorithm);
  result.settings.saveUnfullChunk = member(json, "save_unfull_chunk").getBoolean();
  for (const auto token : member(json, "tokens").getArray()) {
    result.tokens.push_back(number(token));
  }
  for (const auto chunk : member(json, "chunks").getArray()) {
    result.chunks.push_back({number(member(chunk, "start")), number(member(chunk, "end")),
                             hash(member(chunk, "hash"), *algorithm)});
  }
  return result;
}

std::vector<VectorCase> readVectors(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  capnp::MallocMessageBuilder arena;
  auto root = arena.initRoot<JsonValue>();
  capnp::JsonCodec().decodeRaw(kj::arrayPtr(content.data(), content.size()), root);
  std::vector<VectorCase> cases;
  bool older = false;
  bool ofToday = false;
  for (const auto json : member(root.asReader(), "cases").getArray()) {
    cases.push_back(readCase(json));
    const HashAlgorithm algorithm = cases.back().settings.algorithm;
    older |= algorithm == HashAlgorithm::sha256Cbor64;
    ofToday |= algorithm == HashAlgorithm::sha256Cbor || algorithm == HashAlgorithm::builtinNone;
  }
  // What the other algorithm of a file is called tells which LMCache's names it has.
  if (older && !ofToday) {
    for (VectorCase& each : cases) {
      if (each.settings.algorithm == HashAlgorithm::builtin) {
        each.settings.algorithm = HashAlgorithm::builtinNone;
      }
    }
  }
  return cases;
}

void run(const std::vector<VectorCase>& cases) {
  for (size_t i = 0; i < cases.size(); ++i) {
    const VectorCase& expected = cases[i];
    SCOPED_TRACE("case " + std::to_string(i) + ": " +
                 std::string(hashAlgorithmName(expected.settings.algorithm)) + ", chunk size " +
                 std::to_string(expected.settings.chunkSize) + ", none hash " +
                 noneHashText(expected.settings.noneHash, expected.settings.algorithm) + ", " +
                 std::to_string(expected.tokens.size()) + " tokens");
    ASSERT_FALSE(expected.settings.validate());
    TokenHasher hasher(expected.settings);
    // Twice, over left-overs: nothing of an earlier call may show.
    std::vector<TokenChunk> chunks{{7, 8, 9}};
    std::vector<uint64_t> hashes{1, 2, 3};
    for (int round = 0; round < 2; ++round) {
      hasher.hash(expected.tokens, chunks);
      hasher.hash(expected.tokens, hashes);
      ASSERT_EQ(chunks.size(), expected.chunks.size());
      ASSERT_EQ(hashes.size(), expected.chunks.size());
      for (size_t j = 0; j < chunks.size(); ++j) {
        EXPECT_EQ(chunks[j].start, expected.chunks[j].start) << "chunk " << j;
        EXPECT_EQ(chunks[j].end, expected.chunks[j].end) << "chunk " << j;
        EXPECT_EQ(chunks[j].hash, expected.chunks[j].hash) << "chunk " << j;
        EXPECT_EQ(hashes[j], expected.chunks[j].hash) << "chunk " << j;
      }
    }
  }
}

TEST(TokenVectors, Own) {
  const auto cases = readVectors(HOLDFAST_OWN_TOKEN_VECTORS);
  // A mistake in the file must not make the test vacuous.
  std::map<HashAlgorithm, size_t> chunks;
  size_t negativeNoneHashes = 0;
  for (const VectorCase& each : cases) {
    chunks[each.settings.algorithm] += each.chunks.size();
    negativeNoneHashes +=
        isPythonHash(each.settings.algorithm) && static_cast<int64_t>(each.settings.noneHash) < 0;
  }
  for (const HashAlgorithm algorithm : kHashAlgorithms) {
    EXPECT_GE(chunks[algorithm], 100u) << hashAlgorithmName(algorithm);
  }
  EXPECT_GE(negativeNoneHashes, 5u);
  run(cases);
}

TEST(TokenVectors, OfTheEnvironment) {
  const char* path = std::getenv("HOLDFAST_TOKEN_VECTORS");
  if (path == nullptr || *path == '\0') GTEST_SKIP() << "HOLDFAST_TOKEN_VECTORS is not set";
  const auto cases = readVectors(path);
  ASSERT_FALSE(cases.empty());
  run(cases);
}

}  // namespace
}  // namespace holdfast
