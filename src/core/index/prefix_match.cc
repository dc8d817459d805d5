#include "core/index/prefix_match.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "core/check.h"

namespace holdfast {
namespace {

// Chunks found before the first look at whether anyone holds them; doubled while someone does.
constexpr size_t kFirstStep = 64;
constexpr size_t kStepMax = 1024;
// As many instances are distributed before they are sorted.
constexpr size_t kDistributedMax = 64;
constexpr int kDistributedBits = 5;

}  // namespace

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
    std::fill(followedOf_.begin(), followedOf_.end(), 0);
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
  followed_.clear();
  salt_ = salt;
  keys_ = keys;
  filter_ = filter;
  spread_ = spread;
  spent_ = 0;
  next_ = 0;
  step_ = kFirstStep;
  trail_ = {};
  inPieces_ = false;
  firstSet_ = kEmptySet;
  firstEnd_ = 0;
  allFollowed_ = true;
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
    index_.findPrompt(salt_, keys_.subspan(begin), std::span(sets_).first(count), trail_);
    work += count * kWorkOfKey;
    for (size_t from = 0; from < count;) {
      size_t to = from + 1;
      while (to < count && sets_[to] == sets_[from]) ++to;
      const auto first = static_cast<uint32_t>(begin + from);
      const auto end = static_cast<uint32_t>(begin + to);
      // A run may go on from one step to the next.
      const bool atStart =
          first == 0 || (first == firstEnd_ && sets_[from] == firstSet_ && followed_.empty());
      const size_t going =
          atStart ? start(sets_[from], end, work) : extend(sets_[from], first, end, work);
      if (going == 0) {
        next_ = keys_.size();
        return ended(true);
      }
      from = to;
      next_ = begin + to;
      if (work < workMax || next_ == keys_.size()) continue;
      // What was found is no longer valid in the next piece, so let it find few keys in vain.
      step_ = kFirstStep;
      followAll();
      inPieces_ = true;
      return ended(false);
    }
    step_ = std::min(2 * step_, kStepMax);
  }
  return ended(true);
}

size_t PrefixMatcher::start(SetId set, uint32_t end, size_t& work) {
  if (set == kEmptySet) return 0;
  firstSet_ = set;
  firstEnd_ = end;
  allFollowed_ = false;
  const GroupedSet& all = first();
  work += all.members.size();
  if (!filter_.peersOnly && !filter_.oneLocation) return all.ranks.size();
  // Few of them: at most one rank of each instance, or those with the location.
  followAll();
  return candidates_.size();
}

void PrefixMatcher::follow(const GroupedSet& first, uint32_t instance) {
  if (isFollowed(instance)) return;
  if (instance >= followedOf_.size()) followedOf_.resize(instance + 1);
  followedOf_[instance] = stamp_;
  if (const GroupedSet::Instance* const found = first.find(instance)) follow(first, *found);
}

void PrefixMatcher::follow(const GroupedSet& first, const GroupedSet::Instance& instance) {
  const auto begin = static_cast<uint32_t>(candidates_.size());
  const uint32_t use = directory_.instanceUse(instance.instance);
  for (const GroupedSet::Rank& rank : first.ranksOf(instance)) {
    if (filter_.peersOnly && rank.rank != filter_.rank) continue;
    const auto number = static_cast<uint32_t>(candidates_.size());
    uint32_t last = 0;
    for (const GroupedSet::Member& member : first.membersOf(rank)) {
      if (filter_.oneLocation && member.location != filter_.location) continue;
      if (member.holder >= touchedOf_.size()) touchedOf_.resize(member.holder + 1);
      touchedOf_[member.holder] = {stamp_, static_cast<uint32_t>(touched_.size())};
      touched_.push_back({number, firstEnd_, member.location, member.holder, last});
      last = static_cast<uint32_t>(touched_.size());
    }
    if (last == 0) continue;
    candidateOf_[rank.slot] = {stamp_, number};
    candidates_.push_back({instance.instance, rank.rank, firstEnd_, last, use, rank.unconfirmed});
  }
  followed_.push_back({begin, static_cast<uint32_t>(candidates_.size())});
}

void PrefixMatcher::followAll() {
  if (allFollowed_) return;
  allFollowed_ = true;
  const GroupedSet& all = first();
  for (const GroupedSet::Instance& instance : all.instances) {
    if (isFollowed(instance.instance)) continue;
    if (filter_.peersOnly && instance.instance == filter_.asker) continue;
    follow(all, instance);
  }
}

size_t PrefixMatcher::extend(SetId set, uint32_t begin, uint32_t end, size_t& work) {
  HolderId single = kNoHolder;
  size_t going = 0;
  const std::span<const HolderId> members = index_.sets().members(set, single);
  const GroupedSet* const notFollowed = allFollowed_ ? nullptr : &first();
  work += members.size();
  for (const HolderId holder : members) {
    const uint32_t rankSlot = directory_.rankSlot(holder);
    if (rankSlot == HolderDirectory::kInvisible || index_.sets().isRetired(holder)) continue;
    const HolderInfo& info = directory_.get(holder);
    if (filter_.oneLocation && info.location != filter_.location) continue;
    if (notFollowed != nullptr) follow(*notFollowed, info.instance);
    const Stamped known = candidateOf_[rankSlot];
    if (known.stamp != stamp_) continue;
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
  match.rank = best.rank;
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

void PrefixMatcher::describe(const GroupedSet& first, const GroupedSet::Rank& best,
                             InstanceMatch& match) const {
  match.rank = best.rank;
  match.hits.clear();
  for (const GroupedSet::Member& member : first.membersOf(best)) {
    match.hits.push_back({member.location, match.chunks});
  }
  match.location = match.hits.front().location;
}

void PrefixMatcher::add(uint32_t instance, uint32_t chunks, uint32_t allRanks, bool unconfirmed,
                        uint32_t source) {
  found_.push_back({.lengths = uint64_t{~chunks} << 32 | ~allRanks,
                    .state = uint64_t{unconfirmed} << 32 | loadStepOf(directory_.load(instance)),
                    .order = fmix64(directory_.nameHash(instance) ^ spread_),
                    .instance = instance,
                    .source = source});
}

void PrefixMatcher::add(const Followed& followed) {
  const Candidate* best = nullptr;
  uint32_t ofWorld = 0;
  uint32_t least = std::numeric_limits<uint32_t>::max();
  for (uint32_t i = followed.first; i < followed.end; ++i) {
    const Candidate& candidate = candidates_[i];
    if (inPieces_ && !isStillThere(candidate)) continue;
    if (best == nullptr || candidate.chunks > best->chunks ||
        (candidate.chunks == best->chunks && best->unconfirmed && !candidate.unconfirmed)) {
      best = &candidate;
    }
    if (candidate.rank >= directory_.worldSize(candidate.instance)) continue;
    ++ofWorld;
    least = std::min(least, candidate.chunks);
  }
  if (best == nullptr) return;
  const bool whole =
      !filter_.peersOnly && ofWorld > 0 && ofWorld == directory_.worldSize(best->instance);
  add(best->instance, best->chunks, whole ? least : 0, best->unconfirmed,
      static_cast<uint32_t>(best - candidates_.data()));
}

// Most of an answer's instances are equal but for their order, which is a hash. Distributed by its
// first bits they are almost sorted, and the processor hardly ever guesses a comparison wrong:
// measured with 32 instances, that is a third of a look-up.
void PrefixMatcher::sortFound() {
  const size_t size = found_.size();
  if (size < 8 || size > kDistributedMax) {
    std::sort(found_.begin(), found_.end());
    return;
  }
  constexpr int kShift = 64 - kDistributedBits;
  uint8_t next[(size_t{1} << kDistributedBits) + 1] = {};
  for (const Found& found : found_) ++next[(found.order >> kShift) + 1];
  for (size_t i = 1; i < std::size(next); ++i) next[i] += next[i - 1];
  distributed_.resize(kDistributedMax);
  for (const Found& found : found_) distributed_[next[found.order >> kShift]++] = found;
  // By insertion, from there back to where they were.
  for (size_t i = 0; i < size; ++i) {
    const Found& found = distributed_[i];
    size_t at = i;
    for (; at > 0 && found < found_[at - 1]; --at) found_[at] = found_[at - 1];
    found_[at] = found;
  }
}

void PrefixMatcher::finish(std::vector<InstanceMatch>& out) {
  found_.clear();
  for (const Followed& followed : followed_) add(followed);
  const GroupedSet* const rest = allFollowed_ ? nullptr : &first();
  if (rest != nullptr) {
    for (uint32_t i = 0; i < rest->instances.size(); ++i) {
      const GroupedSet::Instance& instance = rest->instances[i];
      if (isFollowed(instance.instance)) continue;
      add(instance.instance, firstEnd_, instance.whole ? firstEnd_ : 0,
          rest->ranks[instance.best].unconfirmed, kOfFirst | i);
    }
  }
  sortFound();
  out.resize(found_.size());
  for (size_t i = 0; i < found_.size(); ++i) {
    const Found& found = found_[i];
    InstanceMatch& match = out[i];
    match.instance = found.instance;
    match.chunks = static_cast<uint32_t>(~found.lengths >> 32);
    match.allRanks = static_cast<uint32_t>(~found.lengths);
    match.unconfirmed = found.state >> 32 != 0;
    match.loadStep = static_cast<uint32_t>(found.state);
    match.order = found.order;
    if ((found.source & kOfFirst) == 0) {
      describe(candidates_[found.source], match);
    } else {
      describe(*rest, rest->ranks[rest->instances[found.source & ~kOfFirst].best], match);
    }
  }
}

}  // namespace holdfast
