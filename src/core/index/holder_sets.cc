#include "core/index/holder_sets.h"

#include <algorithm>

#include "core/check.h"

namespace holdfast {
namespace {

constexpr uint32_t kTakeOut = 0x80000000u;
constexpr size_t kMemoEntries = 16384;  // a power of two; 320 KB
constexpr size_t kFirstChains = 64;     // a power of two

// Sums of these make the hash of a set independent of order and cheap to update.
uint64_t hashOf(HolderId holder) {
  return fmix64(holder + 0x9E3779B97F4A7C15u);
}

}  // namespace

HolderSets::HolderSets() : states_(1, State::kFree), chainsRound_(kFirstChains) {
  for (size_t i = 0; i < kFirstChains; ++i) chains_.append();
}

bool HolderSets::contains(SetId set, HolderId holder) const {
  HolderId single = kNoHolder;
  const auto all = members(set, single);
  return std::binary_search(all.begin(), all.end(), holder);
}

uint64_t HolderSets::memoryBytes() const {
  return sets_.memoryBytes() + chains_.memoryBytes() + memberBytes_ +
         memo_.capacity() * sizeof(Transition) + states_.capacity() +
         idle_.size() * sizeof(uint32_t) +
         (freeHolders_.capacity() + retired_.capacity() + sweeping_.capacity()) * sizeof(HolderId);
}

// --- Holders ---

HolderId HolderSets::addHolder() {
  HolderId holder;
  if (!freeHolders_.empty()) {
    holder = freeHolders_.back();
    freeHolders_.pop_back();
  } else {
    HOLDFAST_CHECK(states_.size() < kHolderIdsEnd, "%zu holders", states_.size());
    holder = static_cast<HolderId>(states_.size());
    states_.push_back(State::kFree);
  }
  states_[holder] = State::kLive;
  return holder;
}

void HolderSets::retire(HolderId holder) {
  HOLDFAST_CHECK(isLive(holder), "holder %u retired, but it is not live", holder);
  states_[holder] = State::kRetired;
  retired_.push_back(holder);
  ++epoch_;
}

void HolderSets::beginSweep() {
  HOLDFAST_CHECK(sweeping_.empty(), "a sweep of %zu holders is under way", sweeping_.size());
  sweeping_.swap(retired_);
}

void HolderSets::finishSweep() {
  for (const HolderId holder : sweeping_) {
    HOLDFAST_CHECK(states_[holder] == State::kRetired, "holder %u swept, but not retired", holder);
    states_[holder] = State::kFree;
    freeHolders_.push_back(holder);
  }
  sweeping_.clear();
  ++epoch_;
}

// --- Transitions ---

HolderSets::Transition& HolderSets::memo(SetId set, uint32_t operation) {
  if (memo_.empty()) memo_.resize(kMemoEntries);
  const uint64_t key = uint64_t{set} << 32 | operation;
  return memo_[(key * 0x9E3779B97F4A7C15u) >> (64 - 14)];
}
static_assert(kMemoEntries == size_t{1} << 14);

bool HolderSets::knows(const Transition& t, SetId set, uint32_t operation) const {
  return t.from == set && t.operation == operation && t.fromGeneration == generation(set) &&
         t.toGeneration == generation(t.to);
}

SetId HolderSets::remember(Transition& t, SetId from, uint32_t operation, SetId to) {
  t = {from, operation, to, generation(from), generation(to)};
  return to;
}

SetId HolderSets::with(SetId set, HolderId holder) {
  if (set == kEmptySet || set == holder) return holder;
  Transition& known = memo(set, holder);
  if (knows(known, set, holder)) return known.to;
  HolderId single = kNoHolder;
  const auto old = members(set, single);
  const auto at = std::lower_bound(old.begin(), old.end(), holder);
  if (at != old.end() && *at == holder) return remember(known, set, holder, set);
  scratch_.assign(old.begin(), at);
  scratch_.push_back(holder);
  scratch_.insert(scratch_.end(), at, old.end());
  const uint64_t hash = (isInterned(set) ? sets_[indexOf(set)].hash : hashOf(set)) + hashOf(holder);
  return remember(known, set, holder, intern(scratch_, hash));
}

SetId HolderSets::without(SetId set, HolderId holder) {
  if (!isInterned(set)) return set == holder ? kEmptySet : set;
  const uint32_t operation = holder | kTakeOut;
  Transition& known = memo(set, operation);
  if (knows(known, set, operation)) return known.to;
  const Set& old = sets_[indexOf(set)];
  const HolderId* const first = old.members.get();
  const HolderId* const last = first + old.size;
  const HolderId* const at = std::lower_bound(first, last, holder);
  if (at == last || *at != holder) return remember(known, set, operation, set);
  scratch_.assign(first, at);
  scratch_.insert(scratch_.end(), at + 1, last);
  return remember(known, set, operation, intern(scratch_, old.hash - hashOf(holder)));
}

SetId HolderSets::strippedSlow(SetId set) {
  Set& s = sets_[indexOf(set)];
  if (s.checkedEpoch == epoch_ && s.strippedGeneration == generation(s.stripped)) {
    return s.stripped;
  }
  scratch_.clear();
  uint64_t hash = 0;
  for (uint32_t i = 0; i < s.size; ++i) {
    if (isRetired(s.members[i])) continue;
    scratch_.push_back(s.members[i]);
    hash += hashOf(s.members[i]);
  }
  s.stripped = scratch_.size() == s.size ? set : intern(scratch_, hash);
  s.strippedGeneration = generation(s.stripped);
  s.checkedEpoch = epoch_;
  return s.stripped;
}

// --- Storage ---

SetId HolderSets::intern(std::span<const HolderId> members, uint64_t hash) {
  if (members.empty()) return kEmptySet;
  if (members.size() == 1) return members[0];
  for (uint32_t at = chainOf(hash); at != 0; at = sets_[at - 1].next) {
    const Set& s = sets_[at - 1];
    if (s.hash == hash && s.size == members.size() &&
        std::equal(members.begin(), members.end(), s.members.get())) {
      return kInternedSet | (at - 1);
    }
  }
  uint32_t index;
  if (firstFreeSet_ != 0) {
    index = firstFreeSet_ - 1;
    firstFreeSet_ = sets_[index].next;
    --freeSets_;
  } else {
    HOLDFAST_CHECK(sets_.size() < kInternedSet, "%zu sets", sets_.size());
    index = static_cast<uint32_t>(sets_.size());
    sets_.append();
    growChains();
  }
  Set& s = sets_[index];
  s.members = std::make_unique<HolderId[]>(members.size());
  std::copy(members.begin(), members.end(), s.members.get());
  memberBytes_ += members.size_bytes();
  s.hash = hash;
  s.size = static_cast<uint32_t>(members.size());
  s.references = 0;
  s.checkedEpoch = 0;
  uint32_t& chain = chainOf(hash);
  s.next = chain;
  chain = index + 1;
  becomeIdle(index);
  return kInternedSet | index;
}

void HolderSets::becomeIdle(uint32_t index) {
  if (sets_[index].idleQueued) return;
  sets_[index].idleQueued = true;
  idle_.push_back(index);
}

void HolderSets::reclaim(size_t setsMax) {
  for (; setsMax > 0 && idle_.size() > kIdleSetsMax; --setsMax) {
    const uint32_t index = idle_.front();
    idle_.pop_front();
    sets_[index].idleQueued = false;
    if (sets_[index].references == 0) freeSet(index);
  }
}

void HolderSets::freeSet(uint32_t index) {
  Set& s = sets_[index];
  uint32_t* link = &chainOf(s.hash);
  while (*link != index + 1) {
    HOLDFAST_CHECK(*link != 0, "set %u is not in the chain of its hash", index);
    link = &sets_[*link - 1].next;
  }
  *link = s.next;
  memberBytes_ -= s.size * sizeof(HolderId);
  s.members.reset();
  s.size = 0;
  ++s.generation;
  s.next = firstFreeSet_;
  firstFreeSet_ = index + 1;
  ++freeSets_;
}

uint32_t& HolderSets::chainOf(uint64_t hash) {
  size_t chain = hash & (2 * chainsRound_ - 1);
  if (chain >= chains_.size()) chain &= chainsRound_ - 1;
  return chains_[chain];
}

void HolderSets::growChains() {
  if (sets_.size() <= chains_.size()) return;
  // Splits the next chain of this round: its sets stay or move to the new one.
  const size_t split = chains_.size() - chainsRound_;
  uint32_t at = chains_[split];
  chains_[split] = 0;
  chains_.append();
  while (at != 0) {
    Set& s = sets_[at - 1];
    const uint32_t next = s.next;
    uint32_t& chain = chainOf(s.hash);
    s.next = chain;
    chain = at;
    at = next;
  }
  if (chains_.size() == 2 * chainsRound_) chainsRound_ *= 2;
}

}  // namespace holdfast
