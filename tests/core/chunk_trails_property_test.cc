#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/index/chunk_index.h"
#include "core/index/key_mixer.h"
#include "tests/core/index_holders.h"
#include "tests/core/random_sequences.h"

namespace holdfast {
namespace {

using test::below;
using test::chance;
using test::Random;

// Prompts that share beginnings, in two models with hashes in common; reported in runs and with
// holes, evicted in any order, looked up whole and in pieces, beside a plain model of it all.
class Fleet {
 public:
  explicit Fleet(Random& random)
      : random_(random),
        index_({.placesMax = static_cast<uint32_t>(16 << below(random, 8))}),
        crowdedTables_(chance(random, 50)) {
    const size_t prompts = 2 + below(random, 8);
    for (size_t i = 0; i < prompts; ++i) addPrompt();
    for (size_t i = 0; i < 4; ++i) addHolder();
  }

  void step() {
    const uint64_t what = below(random_, 100);
    if (what < 2) {
      addPrompt();
    } else if (what < 5) {
      addHolder();
    } else if (what < 8) {
      retire();
    } else if (what < 20) {
      index_.sweep(1 + below(random_, chance(random_, 20) ? 200000 : 3000));
    } else if (what < 22) {
      checkAll();
    } else if (what < 55) {
      report();
    } else {
      lookUp();
    }
  }

  void finish() {
    checkAll();
    while (!index_.sweep(100000)) {
    }
    uint64_t chunks = 0;
    for (const auto& [key, holders] : model_) chunks += holders.empty() ? 0 : 1;
    EXPECT_EQ(index_.chunks(), chunks);
    while (!holders_.empty()) retire();
    while (!index_.sweep(1000000)) {
    }
    EXPECT_EQ(index_.chunks(), 0u);
    EXPECT_LE(index_.sets().internedSets(), HolderSets::kIdleSetsMax + 2);
  }

 private:
  using Prompt = std::vector<ChunkHash>;

  ChunkHash newKey() {
    // Of model 0 many meet in one table, so that it grows and its buckets overflow.
    if (crowdedTables_) return KeyMixer(0).inverse(random_() >> 12);
    return random_();
  }
  void addPrompt() {
    Prompt prompt;
    if (!prompts_.empty() && chance(random_, 60)) {
      const Prompt& other = prompts_[below(random_, prompts_.size())];
      prompt.assign(other.begin(),
                    other.begin() + static_cast<ptrdiff_t>(below(random_, other.size() + 1)));
    }
    const size_t length = prompt.size() + 1 + below(random_, chance(random_, 20) ? 600 : 90);
    while (prompt.size() < length) {
      // Sometimes one that it has already.
      prompt.push_back(!prompt.empty() && chance(random_, 1) ? prompt[below(random_, prompt.size())]
                                                             : newKey());
    }
    prompts_.push_back(prompt);
  }
  void addHolder() {
    if (holders_.size() < 12) holders_[index_.addHolder()] = below(random_, 5) == 0 ? 1 : 0;
  }
  void retire() {
    if (holders_.empty()) return;
    const auto [holder, salt] = anyHolder();
    ASSERT_TRUE(index_.retire(holder));
    holders_.erase(holder);
    for (auto& [key, members] : model_) members.erase(holder);
  }

  // One after the other, backwards or in any order, with or without holes.
  Prompt anyKeys() {
    const Prompt& prompt = prompts_[below(random_, prompts_.size())];
    const size_t begin = chance(random_, 60) ? 0 : below(random_, prompt.size());
    const size_t end = chance(random_, 60) ? prompt.size() : begin + below(random_, prompt.size());
    Prompt keys(prompt.begin() + static_cast<ptrdiff_t>(begin),
                prompt.begin() + static_cast<ptrdiff_t>(std::min(end, prompt.size())));
    if (chance(random_, 30)) {
      const uint32_t percent = chance(random_, 50) ? 5 : 50;
      std::erase_if(keys, [&](ChunkHash) { return chance(random_, percent); });
    }
    if (chance(random_, 10)) std::reverse(keys.begin(), keys.end());
    if (chance(random_, 10)) std::shuffle(keys.begin(), keys.end(), random_);
    return keys;
  }

  void report() {
    if (holders_.empty()) return;
    const auto [holder, salt] = anyHolder();
    const Prompt keys = anyKeys();
    const bool evict = chance(random_, 30);
    const std::vector<uint8_t> bits(keys.size() / 8 + 1, evict ? 0xFF : 0);
    int64_t expected = 0;
    for (const ChunkHash key : keys) {
      auto& members = model_[{salt, key}];
      if (evict) {
        expected -= static_cast<int64_t>(members.erase(holder));
      } else {
        expected += members.insert(holder).second ? 1 : 0;
      }
    }
    EXPECT_EQ(index_.apply(holder, salt, {keys, {bits.data(), 0}}).count, expected);
  }

  // Of a prompt, or of one that goes on in another way.
  void lookUp() {
    Prompt prompt = prompts_[below(random_, prompts_.size())];
    if (chance(random_, 10)) prompt = anyKeys();
    const uint64_t salt = chance(random_, 20) ? 1 : 0;
    const size_t piece = chance(random_, 50) ? prompt.size() : 1 + below(random_, 100);
    ChunkIndex::Trail trail;
    for (size_t begin = 0; begin < prompt.size(); begin += piece) {
      const auto keys = std::span(prompt).subspan(begin, std::min(piece, prompt.size() - begin));
      std::vector<SetId> sets(keys.size(), 12345);
      index_.findPrompt(salt, std::span(prompt).subspan(begin), sets, trail);
      ASSERT_LE(trail.remembered, keys.size());
      for (size_t i = 0; i < keys.size(); ++i) {
        ASSERT_THAT(holdersOf(index_, sets[i]), testing::ElementsAreArray(model_[{salt, keys[i]}]))
            << i << " of " << keys.size();
        if (sets[i] == kEmptySet) return;
      }
      // Between two pieces things go on.
      if (chance(random_, 20)) report();
      if (chance(random_, 5)) retire();
      if (chance(random_, 5)) index_.sweep(2000);
    }
  }

  void checkAll() {
    for (const uint64_t salt : {0, 1}) {
      for (const Prompt& prompt : prompts_) {
        std::vector<SetId> sets(prompt.size(), 12345);
        index_.find(salt, prompt, sets);
        for (size_t i = 0; i < prompt.size(); ++i) {
          ASSERT_THAT(holdersOf(index_, sets[i]),
                      testing::ElementsAreArray(model_[{salt, prompt[i]}]));
        }
      }
    }
  }

  std::pair<HolderId, uint64_t> anyHolder() {
    auto at = holders_.begin();
    std::advance(at, static_cast<ptrdiff_t>(below(random_, holders_.size())));
    return *at;
  }

  Random& random_;
  ChunkIndex index_;
  const bool crowdedTables_;
  std::vector<Prompt> prompts_;
  std::map<HolderId, uint64_t> holders_;  // and its salt
  std::map<std::pair<uint64_t, ChunkHash>, std::set<HolderId>> model_;
};

TEST(ChunkTrailsProperty, LookUpsAgreeWithAPlainModel) {
  test::forRandomSequences(10000, [](Random& random) {
    Fleet fleet(random);
    const size_t steps = 20 + below(random, 100);
    for (size_t i = 0; i < steps && !testing::Test::HasFailure(); ++i) fleet.step();
    if (!testing::Test::HasFailure()) fleet.finish();
  });
}

}  // namespace
}  // namespace holdfast
