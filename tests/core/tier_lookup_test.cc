// What each rank holds of a prompt, tier by tier: against a model, one rank and chunk at a time.
#include "core/index/tier_lookup.h"

#include <gmock/gmock.h>

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/core/random_sequences.h"
#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

using TierChunks = std::array<uint32_t, kTiers>;
using RankOfInstance = std::pair<std::string, uint32_t>;

TEST(Tiers, AreToldByTheNamesOfLocations) {
  EXPECT_EQ(tierOf("GPU/1"), std::nullopt);
  for (const char* name : {"GPU", "gpu", "LocalGPU", "hbm-0"}) EXPECT_EQ(tierOf(name), Tier::kGpu);
  for (const char* name : {"CPU", "CPU_PINNED", "LocalCPUBackend", "host", "DRAM"}) {
    EXPECT_EQ(tierOf(name), Tier::kCpu) << name;
  }
  for (const char* name : {"DISK", "STORAGE", "EXTERNAL", "LocalDiskBackend", ""}) {
    EXPECT_EQ(tierOf(name), Tier::kDisk) << name;
  }
}

class TierLookupTest : public RegistryTest {
 protected:
  TierLookupTest() { renew(); }
  void renew() {
    open({});
    lookup_ = std::make_unique<TierLookup>(registry_->tree(), registry_->index());
  }

  SessionId join(const std::string& instance, uint32_t worker, const std::string& model = "") {
    Registration info = registration(instance, worker);
    info.model = model;
    info.locations.clear();
    for (const char* name : kNames) info.locations.push_back({name, 11, true, 0, 0, {}, 1});
    return registered(info);
  }
  void admit(SessionId session, const std::string& location, std::vector<ChunkHash> keys) {
    ASSERT_TRUE(report(session, 1, std::move(keys), 11, location).ok());
  }
  std::map<RankOfInstance, TierChunks> find(const std::vector<ChunkHash>& prompt,
                                            size_t work = SIZE_MAX, const std::string& model = "") {
    EXPECT_FALSE(lookup_->begin(model, prompt));
    while (!lookup_->advance(work)) {
    }
    std::map<RankOfInstance, TierChunks> found;
    for (const RankTiers& rank : lookup_->ranks()) {
      found[{std::string(rank.instance), rank.rank}] = rank.chunks;
    }
    return found;
  }

  static constexpr std::array<const char*, kTiers> kNames = {"GPU", "CPU", "DISK"};
  std::unique_ptr<TierLookup> lookup_;
};

TEST_F(TierLookupTest, TiersAreCumulativeAndNoneIsComeBackTo) {
  const SessionId session = join("llama", 0);
  admit(session, "GPU", {1, 2, 4});
  admit(session, "CPU", {3, 4});
  admit(session, "DISK", {5});
  using Found = std::map<RankOfInstance, TierChunks>;
  EXPECT_EQ(find({1, 2, 3, 4, 5, 6}), (Found{{{"llama", 0}, {2, 4, 5}}}));
  EXPECT_EQ(find({1, 2}), (Found{{{"llama", 0}, {2, 2, 2}}}));
  EXPECT_EQ(find({5, 1}), (Found{{{"llama", 0}, {0, 0, 1}}}));  // behind the disk: not loaded
  EXPECT_EQ(find({3, 1, 5}), (Found{{{"llama", 0}, {0, 1, 1}}}));
  EXPECT_EQ(find({9, 1}), Found{});
  EXPECT_EQ(find({}), Found{});
}

TEST_F(TierLookupTest, RanksAreApartAndModelsToo) {
  admit(join("a", 0), "GPU", {1, 2});
  admit(join("a", 1), "GPU", {1});
  admit(join("b", 0, "other"), "GPU", {1, 2, 3});
  using Found = std::map<RankOfInstance, TierChunks>;
  EXPECT_EQ(find({1, 2, 3}), (Found{{{"a", 0}, {2, 2, 2}}, {{"a", 1}, {1, 1, 1}}}));
  EXPECT_EQ(find({1, 2, 3}, SIZE_MAX, "other"), (Found{{{"b", 0}, {3, 3, 3}}}));
}

TEST_F(TierLookupTest, WhoLeavesBetweenThePiecesIsNotNamed) {
  const SessionId leaves = join("a", 0);
  admit(leaves, "GPU", {1, 2, 3});
  admit(join("b", 0), "GPU", {1, 2});
  const std::vector<ChunkHash> prompt = {1, 2, 3};
  ASSERT_FALSE(lookup_->begin("", prompt));
  ASSERT_FALSE(lookup_->advance(1));
  ASSERT_TRUE(registry_->registration().deregister(leaves).ok());
  while (!lookup_->advance(1)) {
  }
  ASSERT_EQ(lookup_->ranks().size(), 1u);
  EXPECT_EQ(lookup_->ranks()[0].instance, "b");
}

TEST_F(TierLookupTest, LimitsAreErrors) {
  const std::vector<ChunkHash> many(kHashesPerLookupMax + 1);
  EXPECT_TRUE(lookup_->begin("", many));
  EXPECT_TRUE(lookup_->begin(std::string(kModelBytesMax + 1, 'x'), {}));
}

// Workers with all tiers, random contents, prompts that share beginnings.
TEST_F(TierLookupTest, AgreesWithAModel) {
  const std::vector<RankOfInstance> ranks = {{"a", 0}, {"a", 1}, {"b", 0}};
  forRandomSequences(100, [&](Random& random) {
    renew();
    struct Held {
      SessionId session;
      std::array<uint64_t, kTiers> nextSeq = {1, 1, 1};
      std::array<std::set<ChunkHash>, kTiers> chunks;
    };
    std::map<RankOfInstance, Held> held;
    for (const RankOfInstance& rank : ranks) {
      held[rank] = {.session = join(rank.first, rank.second), .chunks = {}};
    }
    for (int round = 0; round < 10; ++round) {
      std::vector<ChunkHash> prompt(1 + below(random, 200));
      const uint64_t stride = 1 + below(random, 3);
      for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = 1 + i * stride;
      for (auto& [rank, worker] : held) {
        for (size_t tier = 0; tier < kTiers; ++tier) {
          const size_t from = below(random, prompt.size());
          const size_t count = 1 + below(random, prompt.size() - from);
          const std::vector<ChunkHash> keys(prompt.begin() + static_cast<ptrdiff_t>(from),
                                            prompt.begin() + static_cast<ptrdiff_t>(from + count));
          const bool evict = chance(random, 30);
          const std::vector<uint8_t> bits(keys.size() / 8 + 1, evict ? 0xFF : 0);
          const Report says{kNames[tier], 11, worker.nextSeq[tier], {keys, {bits.data(), 0}}};
          ASSERT_TRUE(registry_->kv().handleBatchedKvOperations(worker.session, says).ok());
          settle();
          worker.nextSeq[tier] += keys.size();
          for (const ChunkHash key : keys) {
            if (evict) {
              worker.chunks[tier].erase(key);
            } else {
              worker.chunks[tier].insert(key);
            }
          }
        }
      }
      std::map<RankOfInstance, TierChunks> expected;
      for (const auto& [rank, worker] : held) {
        TierChunks chunks = {};
        uint32_t reach = 0;
        for (size_t tier = 0; tier < kTiers; ++tier) {
          while (reach < prompt.size() && worker.chunks[tier].contains(prompt[reach])) ++reach;
          chunks[tier] = reach;
        }
        if (reach > 0) expected[rank] = chunks;
      }
      ASSERT_EQ(find(prompt), expected);
      ASSERT_EQ(find(prompt, 1 + below(random, 60)), expected);
    }
  });
}

}  // namespace
}  // namespace holdfast::test
