#include "core/index/key_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/core/random_sequences.h"

namespace holdfast {
namespace {

std::set<ChunkHash> asSet(const KeySet& keys) {
  const std::vector<ChunkHash> all = keys.keys();
  std::set<ChunkHash> set(all.begin(), all.end());
  EXPECT_EQ(all.size(), set.size()) << "a key is listed twice";
  return set;
}

TEST(KeySet, AllValuesAreKeys) {
  KeySet keys;
  for (const ChunkHash key : {ChunkHash{0}, ~ChunkHash{0}, ChunkHash{1}, ChunkHash{1} << 63}) {
    EXPECT_FALSE(keys.contains(key));
    EXPECT_FALSE(keys.erase(key));
    EXPECT_TRUE(keys.insert(key));
    EXPECT_FALSE(keys.insert(key));
    EXPECT_TRUE(keys.contains(key));
  }
  EXPECT_EQ(keys.size(), 4u);
  EXPECT_TRUE(keys.erase(0));
  EXPECT_FALSE(keys.contains(0));
  EXPECT_EQ(asSet(keys), (std::set<ChunkHash>{1, ~ChunkHash{0}, ChunkHash{1} << 63}));
}

TEST(KeySet, AgreesWithStdSet) {
  test::forRandomSequences(300, [](test::Random& random) {
    // Few different keys, so that clusters form and are torn apart again.
    const uint64_t universe = 1 + random() % 300;
    const uint64_t stride = random() % 2 == 0 ? 1 : random();
    KeySet keys;
    std::set<ChunkHash> model;
    for (int i = 0; i < 1000; ++i) {
      const ChunkHash key = random() % universe * stride;
      switch (random() % 5) {
        case 0:
        case 1:
          ASSERT_EQ(keys.insert(key), model.insert(key).second);
          break;
        case 2:
        case 3:
          ASSERT_EQ(keys.erase(key), model.erase(key) == 1);
          break;
        default:
          ASSERT_EQ(keys.contains(key), model.contains(key));
      }
      ASSERT_EQ(keys.size(), model.size());
    }
    for (uint64_t i = 0; i < universe; ++i) {
      ASSERT_EQ(keys.contains(i * stride), model.contains(i * stride));
    }
    ASSERT_EQ(asSet(keys), model);
  });
}

TEST(KeySet, ACopyIsIndependent) {
  KeySet keys;
  for (ChunkHash key = 0; key < 1000; ++key) keys.insert(key);
  const KeySet copy = keys;
  for (ChunkHash key = 0; key < 1000; key += 2) keys.erase(key);
  EXPECT_EQ(copy.size(), 1000u);
  EXPECT_EQ(asSet(copy).size(), 1000u);
  EXPECT_EQ(keys.size(), 500u);
}

}  // namespace
}  // namespace holdfast
