#include "core/index/prefix_match.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "core/check.h"

namespace holdfast {
namespace {

// Chunks found before the first look at whether anyone holds them; doubled while someone does.
constexpr size_t kFirstStep = 64;
constexpr size_t kStepMax = 1024;

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

void HolderDirectory::setLoad(uint32_t instance, Load load) {
  if (instance >= loads_.size()) loads_.resize(instance + 1, kLoadUnknown);
  loads_[instance] = load;
}

void HolderDirectory::setNameHash(uint32_t instance, uint64_t hash) {
  if (instance >= nameHashes_.size()) nameHashes_.resize(instance + 1);
  nameHashes_[instance] = hash;
}

void HolderDirectory::retireInstance(uint32_t instance) {
  if (instance >= instanceUses_.size()) instanceUses_.resize(instance + 1);
  ++instanceUses_[instance];
}

uint32_t HolderDirectory::takeRankSlot(const HolderInfo& info) {
  const auto [at, isNew] = slotOfRank_.try_emplace(rankKey(info.instance, info.rank), 0);
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
  slotOfRank_.erase(rankKey(info.instance, info.rank));
  freeRankSlots_.push_back(slot);
}

// --- PrefixMatcher ---

void PrefixMatcher::match(uint64_t salt, std::span<const ChunkHash> keys,
                          std::vector<InstanceMatch>& out, uint64_t spread) {
  begin(salt, keys, spread);
  advance(std::numeric_limits<size_t>::max());
  finish(out);
}

void PrefixMatcher::matchPeers(uint64_t salt, std::span<const ChunkHash> keys, uint32_t asker,
                               uint32_t rank, std::vector<InstanceMatch>& out,
                               std::optional<uint16_t> location) {
  beginPeers(salt, keys, asker, rank, location);
  advance(std::numeric_limits<size_t>::max());
  finish(out);
}

void PrefixMatcher::begin(uint64_t salt, std::span<const ChunkHash> keys, uint64_t spread) {
  begin(salt, keys, Filter{}, spread);
}

void PrefixMatcher::beginPeers(uint64_t salt, std::span<const ChunkHash> keys, uint32_t asker,
                               uint32_t rank, std::optional<uint16_t> location) {
  begin(salt, keys, Filter{true, asker, rank, location.has_value(), location.value_or(0)},
        fmix64(directory_.nameHash(asker) + rank));
}

void PrefixMatcher::nextStamp() {
  if (stamp_ == std::numeric_limits<uint32_t>::max()) {
    std::fill(candidateOf_.begin(), candidateOf_.end(), Stamped{});
    std::fill(touchedOf_.begin(), touchedOf_.end(), Stamped{});
    stamp_ = 0;
  }
  ++stamp_;
}

void PrefixMatcher::begin(uint64_t salt, std::span<const ChunkHash> keys, const Filter& filter,
                          uint64_t spread) {
  HOLDFAST_CHECK(keys.size() <= std::numeric_limits<uint32_t>::max(), "%zu keys", keys.size());
  nextStamp();
  candidates_.clear();
  touched_.clear();
  salt_ = salt;
  keys_ = keys;
  filter_ = filter;
  spread_ = spread;
  spent_ = 0;
  next_ = 0;
  step_ = kFirstStep;
  inPieces_ = false;
}

bool PrefixMatcher::advance(size_t workMax) {
  if (candidateOf_.size() < directory_.rankSlots()) candidateOf_.resize(directory_.rankSlots());
  size_t work = 0;
  const auto ended = [&](bool over) {
    spent_ = work;
    return over;
  };
  while (next_ < keys_.size()) {
    const size_t begin = next_;
    const size_t count = std::min(step_, keys_.size() - begin);
    if (sets_.size() < count) sets_.resize(count);
    index_.find(salt_, keys_.subspan(begin, count), sets_);
    work += count * kWorkOfKey;
    for (size_t from = 0; from < count;) {
      size_t to = from + 1;
      while (to < count && sets_[to] == sets_[from]) ++to;
      if (extend(sets_[from], static_cast<uint32_t>(begin + from),
                 static_cast<uint32_t>(begin + to), work) == 0) {
        next_ = keys_.size();
        return ended(true);
      }
      from = to;
      next_ = begin + to;
      if (work < workMax || next_ == keys_.size()) continue;
      // What was found is no longer valid in the next piece, so let it find few keys in vain.
      step_ = kFirstStep;
      inPieces_ = true;
      return ended(false);
    }
    step_ = std::min(2 * step_, kStepMax);
  }
  return ended(true);
}

size_t PrefixMatcher::extend(SetId set, uint32_t begin, uint32_t end, size_t& work) {
  HolderId single = kNoHolder;
  size_t going = 0;
  const std::span<const HolderId> members = index_.sets().members(set, single);
  work += members.size();
  for (const HolderId holder : members) {
    const uint32_t rankSlot = directory_.rankSlot(holder);
    if (rankSlot == HolderDirectory::kInvisible || index_.sets().isRetired(holder)) continue;
    const HolderInfo& info = directory_.get(holder);
    if (filter_.oneLocation && info.location != filter_.location) continue;
    Stamped& known = candidateOf_[rankSlot];
    if (known.stamp != stamp_) {
      if (begin != 0) continue;
      if (filter_.peersOnly && (info.instance == filter_.asker || info.rank != filter_.rank)) {
        continue;
      }
      known = {stamp_, static_cast<uint32_t>(candidates_.size())};
      candidates_.push_back(
          {info.instance, info.rank, 0, 0, directory_.instanceUse(info.instance), false});
    }
    Candidate& candidate = candidates_[known.value];
    if (candidate.chunks < begin) continue;  // missed one before
    if (candidate.instance != info.instance || candidate.rank != info.rank) {
      continue;  // the rank slot was given to another one since
    }
    if (candidate.chunks != end) {
      candidate.chunks = end;
      ++going;
    }
    if (holder >= touchedOf_.size()) touchedOf_.resize(holder + 1);
    Stamped& touched = touchedOf_[holder];
    // The holder's id may be another one's since.
    if (touched.stamp != stamp_ || touched_[touched.value].candidate != known.value ||
        touched_[touched.value].location != info.location) {
      touched = {stamp_, static_cast<uint32_t>(touched_.size())};
      touched_.push_back({known.value, 0, info.location, holder, candidate.firstHolder});
      candidate.firstHolder = static_cast<uint32_t>(touched_.size());
      candidate.unconfirmed |= info.unconfirmed;
    }
    touched_[touched.value].chunks += end - begin;
  }
  return going;
}

bool PrefixMatcher::isStillThere(const Candidate& candidate) const {
  return directory_.instanceUse(candidate.instance) == candidate.instanceUse &&
         directory_.isVisible(candidate.instance, candidate.rank);
}

void PrefixMatcher::describe(const Candidate& best, InstanceMatch& match) const {
  match.instance = best.instance;
  match.rank = best.rank;
  match.chunks = best.chunks;
  match.unconfirmed = best.unconfirmed;
  match.hits.clear();
  for (uint32_t at = best.firstHolder; at != 0; at = touched_[at - 1].next) {
    const Touched& touched = touched_[at - 1];
    // A location whose holder was replaced meanwhile was touched twice.
    const auto same =
        !inPieces_ ? match.hits.end()
                   : std::find_if(match.hits.begin(), match.hits.end(), [&](const auto& hit) {
                       return hit.location == touched.location;
                     });
    if (same == match.hits.end()) {
      match.hits.push_back({touched.location, touched.chunks});
    } else {
      same->chunks += touched.chunks;
    }
  }
  // The list is last reached first.
  std::reverse(match.hits.begin(), match.hits.end());
  if (match.hits.size() > 1) {
    std::stable_sort(match.hits.begin(), match.hits.end(),
                     [](const auto& a, const auto& b) { return a.chunks > b.chunks; });
  }
  match.location = match.hits.front().location;
}

void PrefixMatcher::finish(std::vector<InstanceMatch>& out) {
  // Candidates by instance, the best of each first.
  order_.clear();
  for (uint32_t i = 0; i < candidates_.size(); ++i) {
    if (!inPieces_ || isStillThere(candidates_[i])) order_.push_back(i);
  }
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
    match.allRanks = !filter_.peersOnly && worldSize > 0 && ranks == worldSize ? least : 0;
    match.loadStep = loadStepOf(directory_.load(best.instance));
    match.order = fmix64(directory_.nameHash(best.instance) ^ spread_);
    from = to;
  }
  out.resize(instances);
  std::sort(out.begin(), out.end(), [](const InstanceMatch& a, const InstanceMatch& b) {
    return std::tie(b.chunks, b.allRanks, a.unconfirmed, a.loadStep, a.order, a.instance) <
           std::tie(a.chunks, a.allRanks, b.unconfirmed, b.loadStep, b.order, b.instance);
  });
}

}  // namespace holdfast
