#include "core/prefix_match.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "core/check.h"

namespace holdfast {
namespace {

// Chunks found before the first look at whether anyone holds them; doubled while someone does.
constexpr size_t kFirstStep = 64;
constexpr size_t kStepMax = 1024;

uint64_t rankKey(const HolderInfo& info) {
  return uint64_t{info.instance} << 32 | info.rank;
}

}  // namespace

// --- HolderDirectory ---

const HolderInfo HolderDirectory::kNobody{};

void HolderDirectory::set(HolderId holder, const HolderInfo& info) {
  if (holder >= infos_.size()) {
    infos_.resize(holder + 1);
    rankSlots_.resize(holder + 1, kInvisible);
  }
  const HolderInfo old = infos_[holder];
  const uint32_t oldSlot = rankSlots_[holder];
  infos_[holder] = info;
  // Taken before the old one is dropped: a change of flags keeps the slot.
  rankSlots_[holder] = info.visible ? takeRankSlot(info) : kInvisible;
  if (oldSlot != kInvisible) dropRankSlot(oldSlot, old);
}

void HolderDirectory::setWorldSize(uint32_t instance, uint32_t worldSize) {
  if (instance >= worldSizes_.size()) worldSizes_.resize(instance + 1);
  worldSizes_[instance] = worldSize;
}

uint32_t HolderDirectory::takeRankSlot(const HolderInfo& info) {
  const auto [at, isNew] = slotOfRank_.try_emplace(rankKey(info), 0);
  if (isNew) {
    if (freeRankSlots_.empty()) {
      at->second = static_cast<uint32_t>(holdersOfRank_.size());
      holdersOfRank_.push_back(0);
    } else {
      at->second = freeRankSlots_.back();
      freeRankSlots_.pop_back();
    }
  }
  ++holdersOfRank_[at->second];
  return at->second;
}

void HolderDirectory::dropRankSlot(uint32_t slot, const HolderInfo& info) {
  HOLDFAST_CHECK(holdersOfRank_[slot] > 0, "rank %u of instance %u has no holder", info.rank,
                 info.instance);
  if (--holdersOfRank_[slot] > 0) return;
  slotOfRank_.erase(rankKey(info));
  freeRankSlots_.push_back(slot);
}

// --- PrefixMatcher ---

void PrefixMatcher::match(uint64_t salt, std::span<const ChunkHash> keys,
                          std::vector<InstanceMatch>& out) {
  const Filter everyone;
  walk(salt, keys, everyone);
  collect(everyone, out);
}

void PrefixMatcher::matchPeers(uint64_t salt, std::span<const ChunkHash> keys, uint32_t asker,
                               uint32_t rank, std::vector<InstanceMatch>& out) {
  const Filter peers{true, asker, rank};
  walk(salt, keys, peers);
  collect(peers, out);
}

void PrefixMatcher::nextStamp() {
  if (stamp_ == std::numeric_limits<uint32_t>::max()) {
    std::fill(candidateOf_.begin(), candidateOf_.end(), Stamped{});
    std::fill(touchedOf_.begin(), touchedOf_.end(), Stamped{});
    stamp_ = 0;
  }
  ++stamp_;
}

void PrefixMatcher::walk(uint64_t salt, std::span<const ChunkHash> keys, const Filter& filter) {
  HOLDFAST_CHECK(keys.size() <= std::numeric_limits<uint32_t>::max(), "%zu keys", keys.size());
  nextStamp();
  candidates_.clear();
  touched_.clear();
  if (candidateOf_.size() < directory_.rankSlots()) candidateOf_.resize(directory_.rankSlots());
  size_t step = kFirstStep;
  for (size_t begin = 0; begin < keys.size(); step = std::min(2 * step, kStepMax)) {
    const size_t count = std::min(step, keys.size() - begin);
    if (sets_.size() < count) sets_.resize(count);
    index_.find(salt, keys.subspan(begin, count), sets_);
    for (size_t from = 0; from < count;) {
      size_t to = from + 1;
      while (to < count && sets_[to] == sets_[from]) ++to;
      if (extend(sets_[from], static_cast<uint32_t>(begin + from),
                 static_cast<uint32_t>(begin + to), filter) == 0) {
        return;
      }
      from = to;
    }
    begin += count;
  }
}

size_t PrefixMatcher::extend(SetId set, uint32_t begin, uint32_t end, const Filter& filter) {
  HolderId single = kNoHolder;
  size_t going = 0;
  for (const HolderId holder : index_.sets().members(set, single)) {
    const uint32_t rankSlot = directory_.rankSlot(holder);
    if (rankSlot == HolderDirectory::kInvisible || index_.sets().isRetired(holder)) continue;
    const HolderInfo& info = directory_.get(holder);
    Stamped& known = candidateOf_[rankSlot];
    if (known.stamp != stamp_) {
      if (begin != 0) continue;
      if (filter.peersOnly && (info.instance == filter.asker || info.rank != filter.rank)) continue;
      known = {stamp_, static_cast<uint32_t>(candidates_.size())};
      candidates_.push_back({info.instance, info.rank, 0, 0, false});
    }
    Candidate& candidate = candidates_[known.value];
    if (candidate.chunks < begin) continue;  // missed one before
    if (candidate.chunks != end) {
      candidate.chunks = end;
      ++going;
    }
    if (holder >= touchedOf_.size()) touchedOf_.resize(holder + 1);
    Stamped& touched = touchedOf_[holder];
    if (touched.stamp != stamp_) {
      touched = {stamp_, static_cast<uint32_t>(touched_.size())};
      touched_.push_back({0, info.location, holder, candidate.firstHolder});
      candidate.firstHolder = static_cast<uint32_t>(touched_.size());
      candidate.unconfirmed |= info.unconfirmed;
    }
    touched_[touched.value].chunks += end - begin;
  }
  return going;
}

void PrefixMatcher::describe(const Candidate& best, InstanceMatch& match) const {
  match.instance = best.instance;
  match.rank = best.rank;
  match.chunks = best.chunks;
  match.unconfirmed = best.unconfirmed;
  match.hits.clear();
  for (uint32_t at = best.firstHolder; at != 0; at = touched_[at - 1].next) {
    match.hits.push_back({touched_[at - 1].location, touched_[at - 1].chunks});
  }
  // The list is last reached first.
  std::reverse(match.hits.begin(), match.hits.end());
  if (match.hits.size() > 1) {
    std::stable_sort(match.hits.begin(), match.hits.end(),
                     [](const auto& a, const auto& b) { return a.chunks > b.chunks; });
  }
  match.location = match.hits.front().location;
}

void PrefixMatcher::collect(const Filter& filter, std::vector<InstanceMatch>& out) {
  // Candidates by instance, the best of each first.
  order_.resize(candidates_.size());
  for (uint32_t i = 0; i < order_.size(); ++i) order_[i] = i;
  std::sort(order_.begin(), order_.end(), [this](uint32_t left, uint32_t right) {
    const Candidate& a = candidates_[left];
    const Candidate& b = candidates_[right];
    return std::tie(a.instance, b.chunks, a.unconfirmed, a.rank) <
           std::tie(b.instance, a.chunks, b.unconfirmed, b.rank);
  });
  size_t instances = 0;
  for (size_t from = 0; from < order_.size();) {
    const Candidate& best = candidates_[order_[from]];
    const uint32_t worldSize = directory_.worldSize(best.instance);
    uint32_t ranks = 0;
    uint32_t least = best.chunks;
    size_t to = from;
    for (; to < order_.size() && candidates_[order_[to]].instance == best.instance; ++to) {
      const Candidate& candidate = candidates_[order_[to]];
      if (candidate.rank >= worldSize) continue;
      ++ranks;
      least = std::min(least, candidate.chunks);
    }
    if (instances == out.size()) out.emplace_back();
    InstanceMatch& match = out[instances++];
    describe(best, match);
    match.allRanks = !filter.peersOnly && worldSize > 0 && ranks == worldSize ? least : 0;
    from = to;
  }
  out.resize(instances);
  std::sort(out.begin(), out.end(), [](const InstanceMatch& a, const InstanceMatch& b) {
    return std::tie(b.chunks, b.allRanks, a.unconfirmed, a.instance) <
           std::tie(a.chunks, a.allRanks, b.unconfirmed, b.instance);
  });
}

}  // namespace holdfast
