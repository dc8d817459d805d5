#include "tokens/token_hasher.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <set>

#include "tokens/cbor.h"
#include "tokens/python_hash.h"

namespace holdfast {
namespace {

std::vector<uint32_t> firstTokens(size_t count) {
  std::vector<uint32_t> tokens(count);
  std::iota(tokens.begin(), tokens.end(), 100u);
  return tokens;
}

TEST(HashAlgorithmNames, RoundTrip) {
  for (const HashAlgorithm algorithm : kHashAlgorithms) {
    EXPECT_EQ(parseHashAlgorithm(hashAlgorithmName(algorithm)), algorithm);
  }
  EXPECT_EQ(parseHashAlgorithm("builtin"), HashSettings{}.algorithm);
  EXPECT_EQ(parseHashAlgorithm("sha256_cbor_64bit"), HashAlgorithm::sha256Cbor64);
  EXPECT_EQ(hashAlgorithmName(static_cast<HashAlgorithm>(9)), "unknown");
  EXPECT_EQ(parseHashAlgorithm("sha256"), std::nullopt);
  EXPECT_EQ(parseHashAlgorithm("Builtin"), std::nullopt);
  EXPECT_EQ(parseHashAlgorithm(""), std::nullopt);
}

TEST(NoneHash, IsSignedForBuiltinAndUnsignedForSha256) {
  const auto builtin = HashAlgorithm::builtin;
  const auto sha = HashAlgorithm::sha256Cbor64;
  EXPECT_EQ(parseNoneHash("-1", builtin), ~uint64_t{0});
  EXPECT_EQ(parseNoneHash("-9223372036854775808", builtin), uint64_t{1} << 63);
  EXPECT_EQ(parseNoneHash("9223372036854775808", builtin), std::nullopt);
  EXPECT_EQ(parseNoneHash("-1", sha), std::nullopt);
  EXPECT_EQ(parseNoneHash("18446744073709551615", sha), ~uint64_t{0});
  EXPECT_EQ(parseNoneHash("18446744073709551616", sha), std::nullopt);
  for (const char* bad : {"", " 1", "1 ", "0x10", "+1", "1.0", "ten"}) {
    EXPECT_EQ(parseNoneHash(bad, builtin), std::nullopt) << bad;
    EXPECT_EQ(parseNoneHash(bad, sha), std::nullopt) << bad;
  }
  EXPECT_EQ(noneHashText(~uint64_t{0}, builtin), "-1");
  EXPECT_EQ(noneHashText(~uint64_t{0}, sha), "18446744073709551615");
}

TEST(HashSettings, ValidateNamesTheSettingItsValueAndItsRange) {
  EXPECT_FALSE(HashSettings{}.validate());
  EXPECT_FALSE(HashSettings{.chunkSize = 1}.validate());
  EXPECT_FALSE(HashSettings{.chunkSize = HashSettings::kChunkSizeMax}.validate());
  EXPECT_EQ(HashSettings{.chunkSize = 0}.validate().value().message,
            "chunk size 0 is outside 1..1048576 tokens");
  EXPECT_EQ(HashSettings{.chunkSize = 1'048'577}.validate().value().message,
            "chunk size 1048577 is outside 1..1048576 tokens");
  const auto unknown = static_cast<HashAlgorithm>(9);
  EXPECT_TRUE(HashSettings{.algorithm = unknown}.validate());
}

TEST(TokenHasher, CountsAndEndsOfChunks) {
  TokenHasher full({.chunkSize = 4});
  TokenHasher unfull({.chunkSize = 4, .saveUnfullChunk = true});
  for (const auto& [tokens, fullChunks, unfullChunks] :
       std::vector<std::array<size_t, 3>>{{0, 0, 0}, {1, 0, 1}, {4, 1, 1}, {5, 1, 2}, {8, 2, 2}}) {
    EXPECT_EQ(full.chunkCount(tokens), fullChunks) << tokens;
    EXPECT_EQ(unfull.chunkCount(tokens), unfullChunks) << tokens;
  }
  EXPECT_EQ(unfull.chunkEnd(0, 5), 4u);
  EXPECT_EQ(unfull.chunkEnd(1, 5), 5u);
}

TEST(TokenHasher, PiecesOfAnySizeGiveTheSameHashes) {
  for (const HashAlgorithm algorithm : kHashAlgorithms) {
    TokenHasher hasher({.chunkSize = 4, .algorithm = algorithm, .saveUnfullChunk = true});
    std::vector<uint32_t> tokens(4 * 9 + 3);
    for (uint32_t i = 0; i < tokens.size(); ++i) tokens[i] = i * 7;
    std::vector<uint64_t> whole;
    hasher.hash(tokens, whole);
    for (const size_t piece : {0, 1, 4, 5, 20, 1000}) {
      std::vector<uint64_t> hashes;
      size_t pieces = 1;
      while (!hasher.extend(tokens, hashes, piece)) ++pieces;
      EXPECT_EQ(hashes, whole) << piece;
      EXPECT_EQ(pieces, piece == 1000 ? 1u : piece == 20 ? 2u : piece == 5 ? 5u : 10u);
    }
  }
}

TEST(TokenHasher, AHashStandsForTheWholePrefix) {
  for (const HashAlgorithm algorithm : kHashAlgorithms) {
    TokenHasher hasher({.chunkSize = 4, .algorithm = algorithm});
    std::vector<uint64_t> original, longer, changed;
    hasher.hash(firstTokens(12), original);
    hasher.hash(firstTokens(20), longer);
    auto tokens = firstTokens(12);
    ++tokens[5];
    hasher.hash(tokens, changed);
    ASSERT_EQ(original.size(), 3u);
    ASSERT_EQ(longer.size(), 5u);
    longer.resize(3);
    EXPECT_EQ(original, longer);
    EXPECT_EQ(original[0], changed[0]);
    EXPECT_NE(original[1], changed[1]);
    EXPECT_NE(original[2], changed[2]);
  }
}

TEST(TokenHasher, EverySettingChangesTheHash) {
  const HashSettings base{.chunkSize = 4};
  const auto firstHash = [](const HashSettings& settings) {
    std::vector<uint64_t> hashes;
    TokenHasher(settings).hash(firstTokens(8), hashes);
    return hashes.at(0);
  };
  HashSettings other = base;
  other.noneHash = 1;
  EXPECT_NE(firstHash(base), firstHash(other));
  other = base;
  other.chunkSize = 8;
  EXPECT_NE(firstHash(base), firstHash(other));
  std::set<uint64_t> hashes;
  for (const HashAlgorithm algorithm : kHashAlgorithms) {
    other = base;
    other.algorithm = algorithm;
    hashes.insert(firstHash(other));
  }
  EXPECT_EQ(hashes.size(), std::size(kHashAlgorithms));
}

TEST(TokenHasher, TheLargestChunkFitsTheBuffer) {
  TokenHasher hasher(
      {.chunkSize = HashSettings::kChunkSizeMax, .algorithm = HashAlgorithm::sha256Cbor64});
  const std::vector<uint32_t> tokens(HashSettings::kChunkSizeMax,
                                     std::numeric_limits<uint32_t>::max());
  std::vector<uint64_t> hashes;
  hasher.hash(tokens, hashes);
  EXPECT_EQ(hashes.size(), 1u);
}

TEST(PythonHash, OfInts) {
  const auto signedHash = [](int64_t value) {
    return static_cast<int64_t>(python_hash::ofInt(value));
  };
  constexpr int64_t kModulus = (int64_t{1} << 61) - 1;
  // What a CPython prints for hash(n).
  EXPECT_EQ(signedHash(0), 0);
  EXPECT_EQ(signedHash(-1), -2);
  EXPECT_EQ(signedHash(-2), -2);
  EXPECT_EQ(signedHash(kModulus - 1), kModulus - 1);
  EXPECT_EQ(signedHash(kModulus), 0);
  EXPECT_EQ(signedHash(-kModulus), 0);
  EXPECT_EQ(signedHash(kModulus + 1), 1);
  EXPECT_EQ(signedHash(-kModulus - 1), -2);
  EXPECT_EQ(signedHash(std::numeric_limits<int64_t>::max()), 3);
  EXPECT_EQ(signedHash(std::numeric_limits<int64_t>::min()), -4);
}

TEST(PythonHash, OfTuples) {
  // hash(()) and hash((1, 2, 3)) of a 64-bit CPython.
  EXPECT_EQ(python_hash::ofTokens({}), 5740354900026072187u);
  const std::vector<uint32_t> tokens{1, 2, 3};
  EXPECT_EQ(python_hash::ofTokens(tokens), 529344067295497451u);
}

TEST(Cbor, HeadsAreAsShortAsPossible) {
  const auto head = [](uint64_t argument) {
    uint8_t bytes[cbor::kHeadBytesMax];
    return std::vector<uint8_t>(bytes, cbor::putHead(bytes, cbor::kArray, argument));
  };
  using Bytes = std::vector<uint8_t>;
  EXPECT_EQ(head(23), (Bytes{0x97}));
  EXPECT_EQ(head(24), (Bytes{0x98, 24}));
  EXPECT_EQ(head(255), (Bytes{0x98, 255}));
  EXPECT_EQ(head(256), (Bytes{0x99, 1, 0}));
  EXPECT_EQ(head(65'535), (Bytes{0x99, 255, 255}));
  EXPECT_EQ(head(65'536), (Bytes{0x9A, 0, 1, 0, 0}));
  EXPECT_EQ(head(0xFFFFFFFF), (Bytes{0x9A, 255, 255, 255, 255}));
  EXPECT_EQ(head(0x100000000), (Bytes{0x9B, 0, 0, 0, 1, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace holdfast
