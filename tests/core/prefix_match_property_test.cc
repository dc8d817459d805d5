#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "core/index/prefix_match.h"
#include "tests/core/instance_match.h"
#include "tests/core/random_sequences.h"

namespace holdfast {
namespace {

using test::below;
using test::chance;
using test::Random;

struct Model {
  struct Holder {
    HolderInfo info;
    std::set<ChunkHash> keys;
  };
  std::map<HolderId, Holder> holders;
  std::map<uint32_t, uint32_t> worldSizes;
  std::map<uint32_t, Load> loads;

  // As the header says it, one rank at a time.
  std::vector<InstanceMatch> match(const std::vector<ChunkHash>& keys, bool peers, uint32_t asker,
                                   uint32_t rank) const {
    std::map<uint32_t, std::map<uint32_t, std::vector<const std::pair<const HolderId, Holder>*>>>
        instances;
    for (const auto& entry : holders) {
      const HolderInfo& info = entry.second.info;
      if (!info.visible || (peers && (info.instance == asker || info.rank != rank))) continue;
      instances[info.instance][info.rank].push_back(&entry);
    }
    std::vector<InstanceMatch> out;
    for (const auto& [instance, ranks] : instances) {
      InstanceMatch best;
      best.instance = instance;
      std::map<uint32_t, uint32_t> lengths;
      for (const auto& [rankId, members] : ranks) {
        uint32_t length = 0;
        struct Reached {
          uint32_t first;
          HolderId holder;
          LocationHits hits;
        };
        std::map<HolderId, Reached> reached;
        bool unconfirmed = false;
        for (const ChunkHash key : keys) {
          bool any = false;
          for (const auto* member : members) {
            if (!member->second.keys.contains(key)) continue;
            any = true;
            auto& r =
                reached
                    .try_emplace(member->first,
                                 Reached{length, member->first, {member->second.info.location, 0}})
                    .first->second;
            ++r.hits.chunks;
            unconfirmed |= member->second.info.unconfirmed;
          }
          if (!any) break;
          ++length;
        }
        lengths[rankId] = length;
        const bool confirms = length == best.chunks && best.unconfirmed && !unconfirmed;
        if (length < best.chunks || length == 0 || (length == best.chunks && !confirms)) continue;
        best.rank = rankId;
        best.chunks = length;
        best.unconfirmed = unconfirmed;
        std::vector<Reached> order;
        for (const auto& [id, r] : reached) order.push_back(r);
        std::sort(order.begin(), order.end(), [](const Reached& a, const Reached& b) {
          return std::tuple(b.hits.chunks, a.first, a.holder) <
                 std::tuple(a.hits.chunks, b.first, b.holder);
        });
        best.hits.clear();
        for (const Reached& r : order) best.hits.push_back(r.hits);
        best.location = best.hits[0].location;
      }
      if (best.chunks == 0) continue;
      const auto world = worldSizes.find(instance);
      if (!peers && world != worldSizes.end() && world->second > 0) {
        best.allRanks = best.chunks;
        for (uint32_t r = 0; r < world->second; ++r) {
          best.allRanks = std::min(best.allRanks, lengths[r]);
        }
      }
      const auto load = loads.find(instance);
      best.loadStep = load == loads.end() ? 10 : load->second / 100;
      out.push_back(best);
    }
    return canonical(out);
  }

  // Before all that match equally: who of two comes first.
  static bool isBetter(const InstanceMatch& a, const InstanceMatch& b) {
    return std::tuple(b.chunks, b.allRanks, a.unconfirmed, a.loadStep) <
           std::tuple(a.chunks, a.allRanks, b.unconfirmed, b.loadStep);
  }
  // Equal ones by slot.
  static std::vector<InstanceMatch> canonical(std::vector<InstanceMatch> matches) {
    std::sort(matches.begin(), matches.end(),
              [](const auto& a, const auto& b) { return a.instance < b.instance; });
    std::stable_sort(matches.begin(), matches.end(), isBetter);
    return matches;
  }
};

TEST(PrefixMatchProperty, AgreesWithABruteForceModel) {
  test::forRandomSequences(2000, [](Random& random) {
    ChunkIndex index;
    HolderDirectory directory;
    PrefixMatcher matcher(index, directory);
    Model model;
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
      const size_t length = path.size() + 1 + below(random, chance(random, 10) ? 200 : 12);
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
        model.holders[id] = {info, {}};
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
        const std::vector<InstanceMatch> expected = model.match(path, peers, asker, rank);
        ASSERT_TRUE(std::is_sorted(out.begin(), out.end(), Model::isBetter));
        ASSERT_THAT(Model::canonical(out), testing::ElementsAreArray(expected));
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
