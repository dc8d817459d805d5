#include "core/index/grouped_sets.h"

#include <algorithm>
#include <tuple>

#include "core/index/holder_directory.h"

namespace holdfast {
namespace {

constexpr int kEntriesBits = 12;
constexpr size_t kGroupedEntries = size_t{1} << kEntriesBits;

}  // namespace

const GroupedSet::Instance* GroupedSet::find(uint32_t instance) const {
  const auto at =
      std::lower_bound(instances.begin(), instances.end(), instance,
                       [](const Instance& one, uint32_t wanted) { return one.instance < wanted; });
  return at != instances.end() && at->instance == instance ? &*at : nullptr;
}

uint64_t GroupedSet::memoryBytes() const {
  return instances.capacity() * sizeof(Instance) + ranks.capacity() * sizeof(Rank) +
         members.capacity() * sizeof(Member);
}

const GroupedSet& GroupedSets::of(SetId set, const HolderSets& sets,
                                  const HolderDirectory& directory, uint64_t version) {
  if (entries_.empty()) entries_.resize(kGroupedEntries);
  Entry& entry = entries_[(set * 0x9E3779B1u) >> (32 - kEntriesBits)];
  const uint32_t generation = sets.generation(set);
  if (entry.set == set && entry.generation == generation && entry.epoch == sets.epoch() &&
      entry.version == version && set != kEmptySet) {
    return entry.grouped;
  }
  const uint64_t before = entry.grouped.memoryBytes();
  group(set, sets, directory, entry.grouped);
  entry.set = set;
  entry.generation = generation;
  entry.epoch = sets.epoch();
  entry.version = version;
  bytes_ += entry.grouped.memoryBytes() - before;
  if (bytes_ > kBytesMax) makeRoom(entry);
  return entry.grouped;
}

void GroupedSets::makeRoom(const Entry& kept) {
  for (size_t i = 0; i < kGroupedEntries && bytes_ > kBytesMax; ++i) {
    Entry& entry = entries_[nextForgotten_++ % kGroupedEntries];
    if (&entry == &kept) continue;
    bytes_ -= entry.grouped.memoryBytes();
    entry = Entry{};
  }
}

void GroupedSets::group(SetId set, const HolderSets& sets, const HolderDirectory& directory,
                        GroupedSet& to) {
  ranked_.clear();
  HolderId single = kNoHolder;
  bool sorted = true;
  for (const HolderId holder : sets.members(set, single)) {
    if (directory.rankSlot(holder) == HolderDirectory::kInvisible || sets.isRetired(holder)) {
      continue;
    }
    const HolderInfo& info = directory.get(holder);
    ranked_.push_back({uint64_t{info.instance} << 32 | info.rank, holder});
    sorted &= ranked_.size() < 2 || ranked_[ranked_.size() - 2].rank <= ranked_.back().rank;
  }
  // Members ascend, and most holders are made in the order of their ranks.
  if (!sorted) {
    std::sort(ranked_.begin(), ranked_.end(), [](const Ranked& a, const Ranked& b) {
      return std::tie(a.rank, a.holder) < std::tie(b.rank, b.holder);
    });
  }
  to.instances.clear();
  to.ranks.clear();
  to.members.clear();
  for (const Ranked& one : ranked_) {
    const HolderInfo& info = directory.get(one.holder);
    if (to.instances.empty() || to.instances.back().instance != info.instance) {
      to.instances.push_back(
          {.instance = info.instance, .firstRank = static_cast<uint32_t>(to.ranks.size())});
    }
    GroupedSet::Instance& instance = to.instances.back();
    if (instance.ranks == 0 || to.ranks.back().rank != info.rank) {
      to.ranks.push_back({.rank = info.rank,
                          .slot = directory.rankSlot(one.holder),
                          .firstMember = static_cast<uint32_t>(to.members.size())});
      ++instance.ranks;
    }
    to.members.push_back({one.holder, info.location});
    ++to.ranks.back().members;
    to.ranks.back().unconfirmed |= info.unconfirmed;
  }
  for (GroupedSet::Instance& instance : to.instances) {
    const uint32_t worldSize = directory.worldSize(instance.instance);
    uint32_t ofWorld = 0;
    instance.best = instance.firstRank;
    for (uint32_t i = instance.firstRank; i < instance.firstRank + instance.ranks; ++i) {
      ofWorld += to.ranks[i].rank < worldSize;
      if (to.ranks[instance.best].unconfirmed && !to.ranks[i].unconfirmed) instance.best = i;
    }
    instance.whole = worldSize > 0 && ofWorld == worldSize;
  }
}

}  // namespace holdfast
