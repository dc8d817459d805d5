// What look-ups need to know of holders and of the instances they belong to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/index/grouped_sets.h"
#include "core/load.h"
#include "core/types.h"

namespace holdfast {

// What a look-up needs to know of a holder. Kept by the registry, dense by HolderId.
struct HolderInfo {
  uint32_t instance = 0;     // dense slot of the instance
  uint32_t rank = 0;         // worker id inside the instance
  uint16_t location = 0;     // interned location name
  bool visible = false;      // false: hidden (building, diverged incarnation, worker LOST)
  bool unconfirmed = false;  // worker RECOVERED and not yet registered again

  friend bool operator==(const HolderInfo&, const HolderInfo&) = default;
};

class HolderDirectory {
 public:
  // Grows as needed. A holder never set is not visible. Before a holder's id is used for another
  // one it must be set anew (to HolderInfo{} when it is retired, to drop what it occupies here).
  void set(HolderId holder, const HolderInfo& info);
  const HolderInfo& get(HolderId holder) const {
    return holder < infos_.size() ? infos_[holder] : kNobody;
  }
  // Ranks that make the instance whole, by instance slot; 0: it is not known, nothing is held by
  // all.
  void setWorldSize(uint32_t instance, uint32_t worldSize);
  uint32_t worldSize(uint32_t instance) const {
    return instance < worldSizes_.size() ? worldSizes_[instance] : 0;
  }

  // How busy the instance says it is, by slot.
  void setLoad(uint32_t instance, Load load);
  Load load(uint32_t instance) const {
    return instance < loads_.size() ? loads_[instance] : kLoadUnknown;
  }
  // A hash of the instance's name, by slot: what orders instances that match equally must not
  // depend on slots, which are others after a restart.
  void setNameHash(uint32_t instance, uint64_t hash);
  uint64_t nameHash(uint32_t instance) const {
    return instance < nameHashes_.size() ? nameHashes_[instance] : 0;
  }

  // The instance is gone; its slot may be given to another one.
  void retireInstance(uint32_t instance);
  // Counts the instances that had this slot before.
  uint32_t instanceUse(uint32_t instance) const {
    return instance < instanceUses_.size() ? instanceUses_[instance] : 0;
  }

  // Whether the rank has a visible holder.
  bool isVisible(uint32_t instance, uint32_t rank) const {
    return slotOfRank_.contains(rankKey(instance, rank));
  }
  // Dense number of a (instance, rank) that has a visible holder; kInvisible for other holders.
  static constexpr uint32_t kInvisible = ~0u;
  uint32_t rankSlot(HolderId holder) const {
    return holder < rankSlots_.size() ? rankSlots_[holder] : kInvisible;
  }
  size_t rankSlots() const { return holdersOfRank_.size(); }

  // A set of the index whose holders these are. Valid until the next call, or change of either.
  const GroupedSet& grouped(SetId set, const HolderSets& sets) const {
    return grouped_->of(set, sets, *this, version_);
  }

 private:
  static uint64_t rankKey(uint32_t instance, uint32_t rank) {
    return uint64_t{instance} << 32 | rank;
  }
  uint32_t takeRankSlot(const HolderInfo& info);
  void dropRankSlot(uint32_t slot, const HolderInfo& info);

  static const HolderInfo kNobody;
  std::vector<HolderInfo> infos_;
  std::vector<uint32_t> worldSizes_;     // by instance slot
  std::vector<uint32_t> instanceUses_;   // by instance slot
  std::vector<Load> loads_;              // by instance slot
  std::vector<uint64_t> nameHashes_;     // by instance slot
  std::vector<uint32_t> rankSlots_;      // by holder
  std::vector<uint32_t> holdersOfRank_;  // by rank slot: its visible holders
  std::vector<uint32_t> freeRankSlots_;
  std::unordered_map<uint64_t, uint32_t> slotOfRank_;  // by rankKey()
  uint64_t version_ = 0;                               // of what grouped_ depends on
  // Only remembers what can be worked out anew.
  const std::unique_ptr<GroupedSets> grouped_ = std::make_unique<GroupedSets>();
};

}  // namespace holdfast
