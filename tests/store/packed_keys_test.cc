// Packed keys come out as they went in, whatever they are, and nothing is read beyond them.
#include "format/packed_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "format/contents.h"
#include "format/words.h"
#include "tests/support/repetitions.h"

namespace holdfast {
namespace {

std::vector<ChunkHash> unpacked(std::span<const ChunkHash> keys, bool& ascending) {
  const uint32_t width = differenceWidth(keys);
  // Exactly as large, so that sanitizers see a read beyond it.
  const size_t bytes = (keys.size() - 1) * width;
  const std::unique_ptr<uint8_t[]> differences(new uint8_t[bytes]);
  packDifferences(keys, width, {differences.get(), bytes});
  std::vector<ChunkHash> out(keys.size());
  ascending = unpackKeys(keys.front(), width, {differences.get(), bytes}, out);
  return out;
}

std::vector<ChunkHash> throughSegment(const std::vector<ChunkHash>& keys) {
  const std::string value = encodeSegment(keys);
  std::vector<uint64_t> scratch;
  std::vector<ChunkHash> out;
  const auto read = readSegment(*alignedWords(value, scratch), out);
  return read ? std::vector<ChunkHash>(read->begin(), read->end()) : std::vector<ChunkHash>();
}

TEST(PackedKeys, TakeAsFewBytesAsTheLargestDifferenceNeeds) {
  EXPECT_EQ(differenceWidth(std::vector<ChunkHash>{7}), 1u);
  EXPECT_EQ(differenceWidth(std::vector<ChunkHash>{0, 255}), 1u);
  EXPECT_EQ(differenceWidth(std::vector<ChunkHash>{0, 256, 257}), 2u);
  EXPECT_EQ(differenceWidth(std::vector<ChunkHash>{0, 1, ChunkHash{1} << 56}), 7u);
  EXPECT_EQ(differenceWidth(std::vector<ChunkHash>{0, ChunkHash{1} << 56}), 8u);
  EXPECT_EQ(differenceWidth(std::vector<ChunkHash>{0, std::numeric_limits<ChunkHash>::max()}), 8u);
}

TEST(PackedKeys, ComeOutAsTheyWentIn) {
  const uint64_t seed = test::fromEnvironment("HOLDFAST_SEED", std::random_device{}());
  SCOPED_TRACE("replay with HOLDFAST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (uint64_t i = test::repetitions("HOLDFAST_SEQUENCES", 3000); i > 0; --i) {
    // Of every width, from dense to the whole range.
    const uint64_t mask = ~uint64_t{0} >> (random() % 60);
    const size_t count = 1 + random() % (i % 50 == 0 ? kSegmentKeysMax : 40);
    std::vector<ChunkHash> keys(count);
    const uint64_t base = random() & ~mask;
    for (ChunkHash& key : keys) key = base | (random() & mask);
    if (random() % 8 == 0) keys.push_back(std::numeric_limits<ChunkHash>::max());
    if (random() % 8 == 0) keys.push_back(0);
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    keys.resize(std::min(keys.size(), kSegmentKeysMax));
    bool ascending = false;
    ASSERT_EQ(unpacked(keys, ascending), keys);
    ASSERT_TRUE(ascending);
    ASSERT_EQ(throughSegment(keys), keys);
  }
}

TEST(PackedKeys, ThatDoNotAscendAreSeen) {
  for (const std::vector<ChunkHash>& keys :
       {std::vector<ChunkHash>{5, 5}, {1, 2, 3, 2}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 11}}) {
    bool ascending = true;
    EXPECT_EQ(unpacked(keys, ascending), keys);
    EXPECT_FALSE(ascending);
    EXPECT_TRUE(throughSegment(keys).empty());
  }
  // A sum beyond 2^64.
  const std::vector<uint8_t> differences(9, 0xff);
  std::vector<ChunkHash> out(10);
  EXPECT_FALSE(unpackKeys(~ChunkHash{0} - 100, 1, differences, out));
}

// Whatever a damaged value says, it is refused or read within its bounds.
TEST(PackedKeys, ADamagedSegmentIsNeverReadBeyond) {
  std::mt19937_64 random(test::fromEnvironment("HOLDFAST_SEED", 1));
  std::vector<ChunkHash> keys(500);
  for (ChunkHash& key : keys) key = random();
  std::sort(keys.begin(), keys.end());
  const std::string whole = encodeSegment(keys);
  std::vector<ChunkHash> out;
  for (int i = 0; i < 20'000; ++i) {
    const size_t words = i % 4 == 0 ? 1 + random() % (whole.size() / 8) : whole.size() / 8;
    const std::unique_ptr<uint64_t[]> value(new uint64_t[words]);
    auto* const bytes = reinterpret_cast<uint8_t*>(value.get());
    std::copy_n(reinterpret_cast<const uint8_t*>(whole.data()), words * 8, bytes);
    // Mostly in its head, where sizes and pointers are.
    const size_t at =
        i % 8 == 0 ? random() % (words * 8) : random() % std::min<size_t>(48, words * 8);
    bytes[at] = static_cast<uint8_t>(random());
    const auto read = readSegment({value.get(), words}, out);
    ASSERT_LE(read ? read->size() : 0, kSegmentKeysMax);
  }
}

}  // namespace
}  // namespace holdfast
