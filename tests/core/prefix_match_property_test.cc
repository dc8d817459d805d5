#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/index/prefix_match.h"
#include "tests/core/instance_match.h"
#include "tests/core/match_model.h"
#include "tests/core/random_sequences.h"

namespace holdfast {
namespace {

using test::below;
using test::chance;
using test::MatchModel;
using test::Random;

TEST(PrefixMatchProperty, AgreesWithABruteForceModel) {
  test::forRandomSequences(2000, [](Random& random) {
    ChunkIndex index({.placesMax = static_cast<uint32_t>(16 << below(random, 8))});
    HolderDirectory directory;
    PrefixMatcher matcher(index, directory);
    MatchModel model;
    for (uint32_t instance = 0; instance < 4; ++instance) {
      directory.setNameHash(instance, random());
    }
    // A tree of prefixes: hash = path.
    std::vector<std::vector<ChunkHash>> paths;
    const size_t pathCount = 1 + below(random, 6);
    for (size_t i = 0; i < pathCount; ++i) {
      std::vector<ChunkHash> path;
      if (!paths.empty() && chance(random, 70)) {
        const auto& from = paths[below(random, paths.size())];
        path.assign(from.begin(),
                    from.begin() + static_cast<ptrdiff_t>(below(random, from.size() + 1)));
      }
      const size_t length = path.size() + 1 + below(random, chance(random, 25) ? 200 : 12);
      while (path.size() < length) path.push_back(random());
      paths.push_back(path);
    }
    std::vector<InstanceMatch> out;
    const size_t steps = 10 + below(random, 40);
    for (size_t step = 0; step < steps; ++step) {
      const uint64_t what = below(random, 100);
      if (model.holders.empty() || what < 20) {
        const HolderInfo info{
            static_cast<uint32_t>(below(random, 4)), static_cast<uint32_t>(below(random, 3)),
            static_cast<uint16_t>(below(random, 3)), chance(random, 85), chance(random, 20)};
        // One holder for each (instance, rank, location).
        bool taken = false;
        for (const auto& [id, holder] : model.holders) {
          taken |= holder.info.instance == info.instance && holder.info.rank == info.rank &&
                   holder.info.location == info.location;
        }
        if (taken) continue;
        const HolderId id = index.addHolder();
        directory.set(id, info);
        model.holders[id] = {info, 9, {}};
      } else if (what < 25) {
        const auto instance = static_cast<uint32_t>(below(random, 4));
        model.worldSizes[instance] = static_cast<uint32_t>(below(random, 4));
        directory.setWorldSize(instance, model.worldSizes[instance]);
      } else if (what < 26) {
        const auto instance = static_cast<uint32_t>(below(random, 4));
        model.loads[instance] = static_cast<Load>(below(random, 400));
        directory.setLoad(instance, model.loads[instance]);
      } else if (what < 70) {
        auto at = model.holders.begin();
        std::advance(at, static_cast<ptrdiff_t>(below(random, model.holders.size())));
        auto& [id, holder] = *at;
        if (what < 29) {
          index.retire(id);
          directory.set(id, HolderInfo{});
          model.holders.erase(at);
          index.sweep(100000);
        } else if (what < 34) {
          holder.info.visible = !holder.info.visible;
          directory.set(id, holder.info);
        } else {
          const auto& path = paths[below(random, paths.size())];
          const size_t length = chance(random, 50) ? path.size() : below(random, path.size() + 1);
          const std::vector<ChunkHash> keys(path.begin(),
                                            path.begin() + static_cast<ptrdiff_t>(length));
          const bool evict = chance(random, 25);
          const std::vector<uint8_t> bits(keys.size() / 8 + 1, evict ? 0x52 : 0x00);
          index.apply(id, 9, {keys, {bits.data(), 0}});
          for (size_t i = 0; i < keys.size(); ++i) {
            if ((bits[i / 8] >> (i % 8)) & 1) {
              holder.keys.erase(keys[i]);
            } else {
              holder.keys.insert(keys[i]);
            }
          }
        }
      } else {
        const auto& path = paths[below(random, paths.size())];
        const bool peers = chance(random, 30);
        const auto asker = static_cast<uint32_t>(below(random, 4));
        const auto rank = static_cast<uint32_t>(below(random, 3));
        const uint64_t spread = random();
        if (peers) {
          matcher.matchPeers(9, path, asker, rank, out);
        } else {
          matcher.match(9, path, out, spread);
        }
        // Equal ones are in any order, which lookup_order_test looks at.
        const std::vector<InstanceMatch> expected = model.match(9, path, peers, asker, rank);
        ASSERT_TRUE(std::is_sorted(out.begin(), out.end(), MatchModel::isBetter));
        ASSERT_THAT(MatchModel::canonical(out), testing::ElementsAreArray(expected));
        // In pieces of any size it is the same, in the same order.
        const std::vector<InstanceMatch> whole = out;
        if (peers) {
          matcher.beginPeers(9, path, asker, rank);
        } else {
          matcher.begin(9, path, spread);
        }
        while (!matcher.advance(below(random, 20))) {
        }
        matcher.finish(out);
        ASSERT_THAT(out, testing::ElementsAreArray(whole));
      }
    }
  });
}

}  // namespace
}  // namespace holdfast
