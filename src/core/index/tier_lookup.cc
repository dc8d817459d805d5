#include "core/index/tier_lookup.h"

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>

#include "core/check.h"
#include "core/ids.h"
#include "core/limits.h"

namespace holdfast {
namespace {

// As in PrefixMatcher: hashes found before the first look at whether anyone holds them; doubled
// while someone does.
constexpr size_t kFirstHashes = 64;
constexpr size_t kHashesMax = 1024;

bool contains(std::string_view name, std::string_view word) {
  const auto same = [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
  };
  return std::search(name.begin(), name.end(), word.begin(), word.end(), same) != name.end();
}

}  // namespace

std::optional<Tier> tierOf(std::string_view location) {
  if (location.find('/') != std::string_view::npos) return std::nullopt;
  if (contains(location, "gpu") || contains(location, "hbm")) return Tier::kGpu;
  if (contains(location, "cpu") || contains(location, "host") || contains(location, "dram")) {
    return Tier::kCpu;
  }
  return Tier::kDisk;
}

std::optional<Error> TierLookup::begin(std::string_view model, std::span<const ChunkHash> hashes) {
  if (hashes.size() > kHashesPerLookupMax) {
    return Error{ErrorCode::kInvalid, "a look-up has at most " +
                                          std::to_string(kHashesPerLookupMax) + " hashes, not " +
                                          std::to_string(hashes.size())};
  }
  if (auto bad = invalidText("model", model, kModelBytesMax)) {
    return Error{ErrorCode::kInvalid, *bad};
  }
  if (stamp_ == std::numeric_limits<uint32_t>::max()) {
    std::fill(candidateOf_.begin(), candidateOf_.end(), Stamped{});
    std::fill(tierOfLocation_.begin(), tierOfLocation_.end(), Stamped{});
    stamp_ = 0;
  }
  ++stamp_;
  candidates_.clear();
  salt_ = tree_.salt(model);
  hashes_ = hashes;
  next_ = 0;
  step_ = kFirstHashes;
  trail_ = {};
  over_ = hashes.empty();
  return std::nullopt;
}

bool TierLookup::advance(size_t workMax) {
  const size_t slots = tree_.directory().rankSlots();
  if (candidateOf_.size() < slots) candidateOf_.resize(slots);
  size_t work = 0;
  while (!over_ && work < workMax) {
    const size_t begin = next_;
    const size_t count = std::min(step_, hashes_.size() - begin);
    if (sets_.size() < count) sets_.resize(count);
    index_.findPrompt(salt_, hashes_.subspan(begin), std::span(sets_).first(count), trail_);
    work += count * PrefixMatcher::kWorkOfKey;
    step_ = std::min(2 * step_, kHashesMax);
    size_t from = 0;
    while (from < count) {
      size_t to = from + 1;
      while (to < count && sets_[to] == sets_[from]) ++to;
      const size_t going = extend(sets_[from], static_cast<uint32_t>(begin + from),
                                  static_cast<uint32_t>(begin + to), work);
      from = to;
      next_ = begin + to;
      over_ = going == 0 || next_ == hashes_.size();
      if (over_) break;
      if (work < workMax) continue;
      // What was found is no longer valid in the next piece, so let it find few hashes in vain.
      step_ = kFirstHashes;
      break;
    }
  }
  return over_;
}

size_t TierLookup::extend(SetId set, uint32_t begin, uint32_t end, size_t& work) {
  const HolderDirectory& directory = tree_.directory();
  HolderId single = kNoHolder;
  const std::span<const HolderId> members = index_.sets().members(set, single);
  work += members.size();
  touched_.clear();
  for (const HolderId holder : members) {
    const uint32_t rankSlot = directory.rankSlot(holder);
    if (rankSlot == HolderDirectory::kInvisible || index_.sets().isRetired(holder)) continue;
    const HolderInfo& info = directory.get(holder);
    const std::optional<Tier> tier = tierOfLocation(info.location);
    if (!tier) continue;
    Stamped& known = candidateOf_[rankSlot];
    if (known.stamp != stamp_) {
      if (begin != 0) continue;
      known = {stamp_, static_cast<uint32_t>(candidates_.size())};
      candidates_.push_back({info.instance, info.rank, directory.instanceUse(info.instance)});
    }
    Candidate& candidate = candidates_[known.value];
    if (candidate.reach != begin || candidate.tier == kTiers) continue;  // missed one before
    if (candidate.instance != info.instance || candidate.rank != info.rank) {
      continue;  // the rank slot was given to another one since
    }
    if (candidate.run != begin + 1) {
      candidate.run = begin + 1;
      candidate.held = 0;
      touched_.push_back(known.value);
    }
    candidate.held |= static_cast<uint8_t>(1u << static_cast<uint8_t>(*tier));
  }
  size_t going = 0;
  for (const uint32_t index : touched_) {
    Candidate& candidate = candidates_[index];
    while (candidate.tier < kTiers && (candidate.held >> candidate.tier & 1) == 0) {
      candidate.chunks[candidate.tier++] = begin;
    }
    if (candidate.tier == kTiers) continue;
    candidate.reach = end;
    ++going;
  }
  return going;
}

std::optional<Tier> TierLookup::tierOfLocation(uint16_t location) {
  constexpr uint32_t kNone = kTiers;
  if (location >= tierOfLocation_.size()) tierOfLocation_.resize(location + 1u);
  Stamped& known = tierOfLocation_[location];
  if (known.stamp != stamp_) {
    const std::optional<Tier> tier = tierOf(tree_.locationNames().name(location));
    known = {stamp_, tier ? static_cast<uint32_t>(*tier) : kNone};
  }
  if (known.value == kNone) return std::nullopt;
  return static_cast<Tier>(known.value);
}

const Worker* TierLookup::workerOf(const Candidate& candidate) const {
  const HolderDirectory& directory = tree_.directory();
  if (directory.instanceUse(candidate.instance) != candidate.instanceUse ||
      !directory.isVisible(candidate.instance, candidate.rank)) {
    return nullptr;
  }
  const Instance& instance = *tree_.instanceBySlot(candidate.instance);
  return instance.workers.at(candidate.rank).get();
}

std::span<const RankTiers> TierLookup::ranks() {
  HOLDFAST_CHECK(over_, "a look-up that is not over");
  ranks_.clear();
  for (Candidate& candidate : candidates_) {
    const Worker* worker = workerOf(candidate);
    if (worker == nullptr) continue;
    while (candidate.tier < kTiers) candidate.chunks[candidate.tier++] = candidate.reach;
    ranks_.push_back({worker->instance->record.instance, candidate.rank, candidate.chunks});
  }
  std::sort(ranks_.begin(), ranks_.end(), [](const RankTiers& a, const RankTiers& b) {
    return std::tie(a.instance, a.rank) < std::tie(b.instance, b.rank);
  });
  return ranks_;
}

}  // namespace holdfast
