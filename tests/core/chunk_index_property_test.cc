#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

// The index beside a plain model of it.
class Twin {
 public:
  explicit Twin(Random& random) : random_(random), index_(options(random)) {
    const size_t universe = 20 + below(random, 600);
    const size_t salts = 1 + below(random, 3);
    for (size_t s = 0; s < salts; ++s) {
      const uint64_t salt = below(random, 2) == 0 ? s : random();
      const KeyMixer mix(salt);
      auto& keys = universe_[salt];
      for (size_t i = 0; i < universe; ++i) keys.push_back(mix.inverse(crowdedKey()));
    }
  }

  void step() {
    const uint64_t what = below(random_, 100);
    if (holders_.empty() || what < 4) {
      addHolder();
    } else if (what < 7) {
      retire();
    } else if (what < 25) {
      sweep();
    } else if (what < 27) {
      checkAll();
    } else if (what < 28 && chance(random_, 3)) {
      index_.reserve(index_.chunks() * 2);
    } else {
      report();
    }
  }

  void finish() {
    checkAll();
    for (int calls = 0; !index_.sweep(1 + below(random_, 500000)); ++calls) {
      ASSERT_LT(calls, 1000000);
    }
    retired_.clear();
    checkAll();
    uint64_t chunks = 0;
    for (const auto& [key, holders] : model_) chunks += holders.empty() ? 0 : 1;
    EXPECT_EQ(index_.chunks(), chunks);
    // Nothing is left of anyone after everyone went.
    while (!holders_.empty()) retire();
    while (!index_.sweep(1000000)) {
    }
    EXPECT_EQ(index_.chunks(), 0u);
  }

 private:
  static ChunkIndex::Options options(Random& random) {
    ChunkIndex::Options options;
    if (chance(random, 10)) options.tableBits = static_cast<uint32_t>(12 + below(random, 3));
    // Touches every table, which takes time.
    if (chance(random, 3)) options.expectedChunks = below(random, 5000);
    return options;
  }

  // Mixed keys that meet in few tables and few buckets, many at the end of a table, and that
  // differ in few bits.
  uint64_t crowdedKey() {
    const uint64_t table = below(random_, 3) == 0 ? 0xFFF : 0;
    uint64_t order = random_() & 0xFFFFFFFF;
    const uint64_t shape = below(random_, 4);
    if (shape == 0) order |= 0xFF000000;
    if (shape == 1) order &= 0x00FFFFFF;
    const uint64_t low = below(random_, 2) == 0 ? below(random_, 4) : random_() & 0xFFFFF;
    return table << 52 | order << 20 | low;
  }

  void addHolder() {
    if (holders_.size() > 12) return;
    const HolderId holder = index_.addHolder();
    ASSERT_NE(holder, kNoHolder);
    ASSERT_FALSE(holders_.contains(holder)) << holder;
    if (retired_.contains(holder)) {
      // Its sweep is over: nobody may remember it.
      retired_.erase(holder);
    }
    auto at = universe_.begin();
    std::advance(at, static_cast<ptrdiff_t>(below(random_, universe_.size())));
    holders_[holder] = {at->first, 0, {}};
  }

  void retire() {
    const HolderId holder = anyHolder();
    ASSERT_TRUE(index_.retire(holder));
    holders_.erase(holder);
    retired_.insert(holder);
    for (auto& [key, holders] : model_) holders.erase(holder);
  }

  void sweep() {
    const bool done = index_.sweep(1 + below(random_, chance(random_, 30) ? 100000 : 2000));
    EXPECT_EQ(done, index_.retiredHolders() == 0);
    EXPECT_LE(index_.retiredHolders(), retired_.size());
  }

  void report() {
    const HolderId id = anyHolder();
    Holder& holder = holders_[id];
    const auto& universe = universe_[holder.salt];
    const size_t count = below(random_, chance(random_, 10) ? 600 : 40);
    const size_t offset = below(random_, 20);
    const uint32_t evictPercent = static_cast<uint32_t>(below(random_, 101));
    std::vector<ChunkHash> keys;
    std::vector<uint8_t> bits((count + offset) / 8 + 1, 0);
    const bool allAdmits = chance(random_, 20);
    int64_t expected = 0;
    KeyDigest digest;
    for (size_t i = 0; i < count; ++i) {
      // Often one of the last few again.
      const bool again = !keys.empty() && chance(random_, 20);
      const ChunkHash key =
          again ? keys[keys.size() - 1 - below(random_, std::min<size_t>(keys.size(), 4))]
                : universe[below(random_, universe.size())];
      keys.push_back(key);
      auto& members = model_[{holder.salt, key}];
      if (!allAdmits && chance(random_, evictPercent)) {
        bits[(i + offset) / 8] |= static_cast<uint8_t>(1 << ((i + offset) % 8));
        if (members.erase(id) > 0) {
          --expected;
          digest.remove(key);
        }
      } else if (members.insert(id).second) {
        ++expected;
        digest.add(key);
      }
    }
    const EvictBits evicts = allAdmits ? EvictBits{} : EvictBits{bits.data(), offset};
    const auto change = index_.apply(id, holder.salt, {keys, evicts});
    EXPECT_EQ(change.count, expected);
    EXPECT_EQ(change.digest, digest);
    holder.count += change.count;
    holder.digest += change.digest;
  }

  void checkAll() {
    std::map<HolderId, std::pair<int64_t, KeyDigest>> totals;
    uint64_t held = 0;
    for (const auto& [salt, keys] : universe_) {
      std::vector<SetId> sets(keys.size());
      index_.find(salt, keys, sets);
      const std::set<ChunkHash> distinct(keys.begin(), keys.end());
      for (size_t i = 0; i < keys.size(); ++i) {
        const auto& expected = model_[{salt, keys[i]}];
        ASSERT_THAT(holdersOf(index_, sets[i]), testing::ElementsAreArray(expected));
      }
      for (const ChunkHash key : distinct) {
        for (const HolderId holder : model_[{salt, key}]) {
          ++totals[holder].first;
          totals[holder].second.add(key);
        }
        held += model_[{salt, key}].empty() ? 0 : 1;
      }
    }
    for (const auto& [id, holder] : holders_) {
      EXPECT_EQ(holder.count, totals[id].first);
      EXPECT_EQ(holder.digest, totals[id].second);
    }
    EXPECT_GE(index_.chunks(), held);
    EXPECT_GE(index_.slots(), index_.chunks());
  }

  HolderId anyHolder() {
    auto at = holders_.begin();
    std::advance(at, static_cast<ptrdiff_t>(below(random_, holders_.size())));
    return at->first;
  }

  struct Holder {
    uint64_t salt = 0;
    int64_t count = 0;
    KeyDigest digest;
  };
  Random& random_;
  ChunkIndex index_;
  std::map<uint64_t, std::vector<ChunkHash>> universe_;  // by salt
  std::map<std::pair<uint64_t, ChunkHash>, std::set<HolderId>> model_;
  std::map<HolderId, Holder> holders_;
  std::set<HolderId> retired_;
};

TEST(ChunkIndexProperty, AgreesWithAPlainModel) {
  test::forRandomSequences(2000, [](Random& random) {
    Twin twin(random);
    const size_t steps = 20 + below(random, 100);
    for (size_t i = 0; i < steps && !testing::Test::HasFailure(); ++i) twin.step();
    if (!testing::Test::HasFailure()) twin.finish();
  });
}

}  // namespace
}  // namespace holdfast
