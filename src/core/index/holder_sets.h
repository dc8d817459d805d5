// Shared, hash-consed, reference-counted sets of holders.
//
// A set of one holder is its own id, so the commonest chunk costs nothing here; every larger set
// is stored once however many chunks have it. Transitions (set, +holder) and (set, -holder) are
// memoised; a memo names the generation of the sets it speaks of, since set ids are reused.
//
// Single-threaded. Not copyable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "core/check.h"
#include "core/index/paged_array.h"
#include "core/types.h"

namespace holdfast {

// kEmptySet, a holder id (the set of that holder alone), or an interned set (top bit set).
using SetId = uint32_t;
inline constexpr SetId kEmptySet = 0;
inline constexpr SetId kInternedSet = 0x80000000u;
// Holder ids are below; what lies between is free for who keeps sets.
inline constexpr SetId kHolderIdsEnd = 0x40000000u;

class HolderSets {
 public:
  HolderSets();
  HolderSets(const HolderSets&) = delete;
  HolderSets& operator=(const HolderSets&) = delete;

  // --- Reading ---

  // Members of a set in ascending order; retired ones may be among them. Valid until the next
  // change. `single` is storage for sets of one holder.
  std::span<const HolderId> members(SetId set, HolderId& single) const {
    if (isInterned(set)) {
      const Set& s = sets_[indexOf(set)];
      return {s.members.get(), s.size};
    }
    single = set;
    return {&single, set == kEmptySet ? size_t{0} : size_t{1}};
  }
  bool contains(SetId set, HolderId holder) const;
  bool isRetired(HolderId holder) const {
    return holder < states_.size() && states_[holder] == State::kRetired;
  }
  bool isLive(HolderId holder) const {
    return holder < states_.size() && states_[holder] == State::kLive;
  }
  // A set's members are the same as long as its id and this are; which of them are retired, as long
  // as epoch() is.
  uint32_t generation(SetId set) const {
    return isInterned(set) ? sets_[indexOf(set)].generation : 0;
  }
  uint32_t epoch() const { return epoch_; }
  // Interned sets, among them at most about kIdleSetsMax that nothing refers to.
  size_t internedSets() const { return sets_.size() - freeSets_; }
  uint64_t memoryBytes() const;

  // --- Holders ---

  // A fresh id, never one that is live or retired.
  HolderId addHolder();
  // The holder must be live.
  void retire(HolderId holder);
  size_t retiredHolders() const { return retired_.size() + sweeping_.size(); }
  // A sweep covers the holders retired before it began, and frees their ids when it finishes. The
  // caller promises that by then no set with references contains one of them.
  void beginSweep();
  void finishSweep();
  bool sweepUnderWay() const { return !sweeping_.empty(); }

  // --- Sets. None of these changes a reference count. ---

  // A result that is not acquired stays valid until the next reclaim().
  SetId with(SetId set, HolderId holder);
  SetId without(SetId set, HolderId holder);
  // The set without its retired members.
  SetId stripped(SetId set) {
    if (retiredHolders() == 0) return set;
    if (!isInterned(set)) return isRetired(set) ? kEmptySet : set;
    const Set& s = sets_[indexOf(set)];
    if (s.checkedEpoch == epoch_ && s.stripped == set) return set;
    return strippedSlow(set);
  }

  // --- References: one for each slot that names the set ---

  void acquire(SetId set) {
    if (isInterned(set)) ++sets_[indexOf(set)].references;
  }
  void release(SetId set) {
    if (!isInterned(set)) return;
    Set& s = sets_[indexOf(set)];
    HOLDFAST_CHECK(s.references > 0, "set %u released more often than acquired", indexOf(set));
    if (--s.references == 0) becomeIdle(indexOf(set));
  }
  // Frees the longest idle sets above kIdleSetsMax, looking at `setsMax` of them at most. Idle
  // sets are kept for a while because a report that goes over the same chunks, or the next rank's
  // report of them, needs them again.
  void reclaim(size_t setsMax);
  static constexpr size_t kIdleSetsMax = 4096;

 private:
  enum class State : uint8_t { kFree, kLive, kRetired };

  struct Set {
    std::unique_ptr<HolderId[]> members;  // ascending, size >= 2; null when free
    uint64_t hash = 0;
    uint32_t size = 0;
    uint32_t references = 0;
    uint32_t generation = 0;  // counts the uses of this id
    uint32_t next = 0;        // index + 1 in the chain of its hash, or in the free list
    // The result of stripped(), valid in checkedEpoch while that set has strippedGeneration.
    uint32_t checkedEpoch = 0;
    SetId stripped = kEmptySet;
    uint32_t strippedGeneration = 0;
    bool idleQueued = false;
  };
  struct Transition {
    SetId from = kEmptySet;
    uint32_t operation = 0;  // holder, top bit set when it is taken out
    SetId to = kEmptySet;
    uint32_t fromGeneration = 0;
    uint32_t toGeneration = 0;
  };

  static bool isInterned(SetId set) { return (set & kInternedSet) != 0; }
  static uint32_t indexOf(SetId set) { return set & ~kInternedSet; }
  Transition& memo(SetId set, uint32_t operation);
  bool knows(const Transition& t, SetId set, uint32_t operation) const;
  SetId remember(Transition& t, SetId from, uint32_t operation, SetId to);

  SetId strippedSlow(SetId set);
  // The id of the set with these ascending members, made if there is none.
  SetId intern(std::span<const HolderId> members, uint64_t hash);
  void becomeIdle(uint32_t index);
  void freeSet(uint32_t index);
  uint32_t& chainOf(uint64_t hash);
  void growChains();

  std::vector<State> states_;  // by holder; 0 is nobody
  std::vector<HolderId> freeHolders_;
  std::vector<HolderId> retired_;   // waiting for a sweep to begin
  std::vector<HolderId> sweeping_;  // covered by the sweep under way
  uint32_t epoch_ = 1;              // of states_: rises with every retirement and finished sweep

  PagedArray<Set> sets_;
  uint32_t firstFreeSet_ = 0;  // index + 1
  size_t freeSets_ = 0;
  uint64_t memberBytes_ = 0;
  std::deque<uint32_t> idle_;  // oldest first; may name sets that are referred to again

  // Hash-consing table: linear hashing, so that it grows by one chain at a time.
  PagedArray<uint32_t> chains_;  // index + 1 of the first set
  size_t chainsRound_ = 1;       // chains at the start of this doubling, a power of two

  std::vector<Transition> memo_;  // direct-mapped
  std::vector<HolderId> scratch_;
};

}  // namespace holdfast
