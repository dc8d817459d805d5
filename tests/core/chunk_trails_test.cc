#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "core/index/chunk_index.h"
#include "tests/core/index_holders.h"

namespace holdfast {
namespace {

using Keys = std::vector<ChunkHash>;

Keys promptOf(uint64_t number, size_t length) {
  Keys keys;
  for (size_t i = 0; i < length; ++i) keys.push_back(splitmix64Finalise(number * 10000 + i));
  return keys;
}

void evictFrom(ChunkIndex& index, HolderId holder, const Keys& keys) {
  const std::vector<uint8_t> all(keys.size() / 8 + 1, 0xFF);
  index.apply(holder, 0, {keys, {all.data(), 0}});
}

class ChunkTrails : public testing::Test {
 protected:
  void admit(const Keys& keys) { index_.apply(holder_, 0, {keys, {}}); }
  // How many chunks it finds before the first that nobody holds.
  size_t lookUp(const Keys& keys, uint64_t salt = 0) {
    std::vector<SetId> sets(keys.size(), 12345);
    ChunkIndex::Trail trail;
    index_.findPrompt(salt, keys, sets, trail);
    remembered_ = trail.remembered;
    size_t found = 0;
    while (found < keys.size() && sets[found] != kEmptySet) {
      EXPECT_THAT(holdersOf(index_, sets[found]), testing::ElementsAre(holder_)) << found;
      ++found;
    }
    return found;
  }

  // What is asked for again is remembered.
  void lookUpUntilRemembered(const Keys& keys) {
    for (int i = 0; i < 1000; ++i) {
      lookUp(keys);
      if (remembered_ > 0) return;
    }
    FAIL() << "never remembered";
  }
  // Whether any of many look-ups remembers something.
  bool isEverRemembered(const Keys& keys) {
    bool ever = false;
    for (int i = 0; i < 100; ++i) {
      lookUp(keys);
      ever |= remembered_ > 0;
    }
    return ever;
  }

  ChunkIndex index_{{.placesMax = 1024}};
  const HolderId holder_ = index_.addHolder();
  size_t remembered_ = 0;
};

TEST_F(ChunkTrails, RememberAPromptThatIsAskedForAgain) {
  const Keys prompt = promptOf(1, 500);
  admit(prompt);
  lookUp(prompt);
  EXPECT_EQ(remembered_, 0u);
  lookUp(prompt);
  EXPECT_EQ(remembered_, 500u);
  EXPECT_FALSE(isEverRemembered(prompt));
  EXPECT_EQ(lookUp(prompt), 500u);
}

TEST_F(ChunkTrails, LeaveFewChunksToTheTable) {
  const Keys prompt = promptOf(1, 10);
  admit(prompt);
  EXPECT_FALSE(isEverRemembered(prompt));
  EXPECT_EQ(lookUp(prompt), 10u);
}

TEST_F(ChunkTrails, OfAPromptThatGoesOnDifferentlyRememberTheRest) {
  Keys prompt = promptOf(1, 200);
  const Keys rest = promptOf(2, 100);
  admit(prompt);
  admit(rest);
  lookUpUntilRemembered(prompt);
  std::copy(rest.begin(), rest.end(), prompt.begin() + 100);
  lookUpUntilRemembered(prompt);
  EXPECT_EQ(remembered_, 100u);
  EXPECT_EQ(lookUp(prompt), 200u);
}

TEST_F(ChunkTrails, RememberOfAPromptInPiecesEachWithItsOwnCall) {
  const Keys prompt = promptOf(1, 300);
  admit(prompt);
  const auto lookUpInPieces = [&] {
    std::vector<size_t> remembered;
    ChunkIndex::Trail trail;
    for (size_t begin = 0; begin < prompt.size(); begin += 100) {
      std::vector<SetId> sets(101, 12345);
      index_.findPrompt(0, std::span(prompt).subspan(begin), std::span(sets).first(100), trail);
      EXPECT_EQ(std::count(sets.begin(), sets.end(), holder_), 100) << begin;
      EXPECT_EQ(sets.back(), 12345u) << begin;
      remembered.push_back(trail.remembered);
    }
    return remembered;
  };
  EXPECT_THAT(lookUpInPieces(), testing::ElementsAre(0, 0, 0));
  EXPECT_THAT(lookUpInPieces(), testing::ElementsAre(100, 100, 100));
  EXPECT_THAT(lookUpInPieces(), testing::ElementsAre(0, 0, 0));
  EXPECT_EQ(lookUp(prompt), 300u);
}

TEST_F(ChunkTrails, EndWhereNobodyHoldsAChunk) {
  const Keys prompt = promptOf(1, 300);
  admit(prompt);
  lookUpUntilRemembered(prompt);
  evictFrom(index_, holder_, {prompt[123]});
  EXPECT_EQ(lookUp(prompt), 123u);
}

TEST_F(ChunkTrails, TakeChunksThatComeBackToWhereTheyWere) {
  const Keys prompt = promptOf(1, 300);
  admit(prompt);
  lookUpUntilRemembered(prompt);
  const Keys some(prompt.begin() + 100, prompt.begin() + 200);
  evictFrom(index_, holder_, some);
  EXPECT_EQ(lookUp(prompt), 100u);
  admit({some.rbegin(), some.rend()});
  EXPECT_EQ(lookUp(prompt), 300u);
  EXPECT_FALSE(isEverRemembered(prompt));
}

TEST_F(ChunkTrails, KeepModelsApart) {
  const Keys prompt = promptOf(1, 300);
  admit(prompt);
  lookUpUntilRemembered(prompt);
  EXPECT_EQ(lookUp(prompt, 8), 0u);
}

// The same chunks come and go in an index in which they are looked up, and in one where they are
// not: what look-ups take.
uint64_t memoryOfLookUps(ChunkIndex& index, bool go) {
  ChunkIndex untouched;
  const HolderId holder = index.addHolder();
  const HolderId other = untouched.addHolder();
  for (uint64_t number = 0; number < 1000; ++number) {
    const Keys prompt = promptOf(number, 100);
    index.apply(holder, 0, {prompt, {}});
    untouched.apply(other, 0, {prompt, {}});
    std::vector<SetId> sets(prompt.size());
    for (int again = 0; again < 100; ++again) {
      ChunkIndex::Trail trail;
      index.findPrompt(0, prompt, sets, trail);
    }
    EXPECT_EQ(std::count(sets.begin(), sets.end(), holder), 100);
    if (!go) continue;
    evictFrom(index, holder, prompt);
    evictFrom(untouched, other, prompt);
  }
  return index.memoryBytes() - untouched.memoryBytes();
}

// What was asked for once.
constexpr uint64_t kMarks = uint64_t{1} << 20;

TEST(ChunkTrailsMemory, IsBounded) {
  ChunkIndex index({.placesMax = 1024});
  // 12 bytes each, in blocks.
  EXPECT_LE(memoryOfLookUps(index, false), kMarks + 16384u);
}

TEST(ChunkTrailsMemory, FollowsTheChunksThatThereAre) {
  ChunkIndex some;
  const uint64_t ofSome = memoryOfLookUps(some, false);
  EXPECT_GE(ofSome, kMarks + size_t{100'000} * 12);
  EXPECT_LE(ofSome, kMarks + size_t{100'000} * 12 + 8192);
  ChunkIndex few;
  EXPECT_LE(memoryOfLookUps(few, true), kMarks + 8192);
}

// Brings memory only when it is told to.
class SlowFaulter : public PageFaulter {
 public:
  void populate(char*, size_t) override { asked = true; }
  bool isComing(const char*, size_t) override { return !here; }
  void forget(char*, size_t) override {}

  bool asked = false;
  bool here = false;
};

TEST(ChunkTrailsMemory, IsNotWaitedFor) {
  SlowFaulter faulter;
  ChunkIndex index({.faulter = &faulter});
  const HolderId holder = index.addHolder();
  const Keys prompt = promptOf(1, 100);
  index.apply(holder, 0, {prompt, {}});
  std::vector<SetId> sets(prompt.size());
  const auto remembered = [&] {
    size_t chunks = 0;
    for (int again = 0; again < 100; ++again) {
      ChunkIndex::Trail trail;
      index.findPrompt(0, prompt, sets, trail);
      EXPECT_EQ(std::count(sets.begin(), sets.end(), holder), 100);
      chunks += trail.remembered;
    }
    return chunks;
  };
  faulter.asked = false;
  EXPECT_EQ(remembered(), 0u);
  EXPECT_TRUE(faulter.asked);
  faulter.here = true;
  EXPECT_EQ(remembered(), 100u);
}

}  // namespace
}  // namespace holdfast
