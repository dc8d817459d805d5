// Look-ups as prefix_match.h says them, one rank at a time.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "core/index/prefix_match.h"

namespace holdfast::test {

// Who holds what, as sets; a look-up goes through all of it.
struct MatchModel {
  struct Holder {
    HolderInfo info;
    uint64_t salt = 0;
    std::set<ChunkHash> keys;
  };
  std::map<HolderId, Holder> holders;
  std::map<uint32_t, uint32_t> worldSizes;
  std::map<uint32_t, Load> loads;

  // As the header says it, one rank at a time.
  std::vector<InstanceMatch> match(uint64_t salt, const std::vector<ChunkHash>& keys, bool peers,
                                   uint32_t asker, uint32_t rank) const {
    std::map<uint32_t, std::map<uint32_t, std::vector<const std::pair<const HolderId, Holder>*>>>
        instances;
    for (const auto& entry : holders) {
      const HolderInfo& info = entry.second.info;
      if (entry.second.salt != salt || !info.visible) continue;
      if (peers && (info.instance == asker || info.rank != rank)) continue;
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

}  // namespace holdfast::test
