#include "core/index/holder_directory.h"

#include <utility>

#include "core/check.h"

namespace holdfast {

const HolderInfo HolderDirectory::kNobody{};

void HolderDirectory::set(HolderId holder, const HolderInfo& info) {
  if (holder >= infos_.size()) {
    infos_.resize(holder + 1);
    rankSlots_.resize(holder + 1, kInvisible);
  }
  if (infos_[holder] == info) return;
  ++version_;
  const HolderInfo old = infos_[holder];
  const uint32_t oldSlot = rankSlots_[holder];
  infos_[holder] = info;
  // Taken before the old one is dropped: a change of flags keeps the slot.
  rankSlots_[holder] = info.visible ? takeRankSlot(info) : kInvisible;
  if (oldSlot != kInvisible) dropRankSlot(oldSlot, old);
}

void HolderDirectory::setWorldSize(uint32_t instance, uint32_t worldSize) {
  if (instance >= worldSizes_.size()) worldSizes_.resize(instance + 1);
  if (std::exchange(worldSizes_[instance], worldSize) != worldSize) ++version_;
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

}  // namespace holdfast
