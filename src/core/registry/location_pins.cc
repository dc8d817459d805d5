#include "core/registry/location_pins.h"

#include "core/check.h"

namespace holdfast {

LocationPins::LocationPins(PinTotals& all, uint64_t serial) : all_(all), serial_(serial) {
  chains_.append();
}

LocationPins::~LocationPins() {
  all_.pins -= size_;
  endReached();
}

void LocationPins::expectEnd(uint64_t endMs) {
  if (endMs_ != 0 && endMs_ <= endMs) return;
  endReached();
  endMs_ = endMs;
  all_.ends.emplace(endMs_, serial_);
}

void LocationPins::endReached() {
  if (endMs_ != 0) all_.ends.erase({endMs_, serial_});
  endMs_ = 0;
}

const uint32_t& LocationPins::chainOf(ChunkHash chunk) const {
  // Engines' hashes may be weak in any of their bits, so they are mixed.
  const uint64_t hash = splitmix64Finalise(chunk);
  size_t chain = hash & (2 * chainsRound_ - 1);
  if (chain >= chains_.size()) chain &= chainsRound_ - 1;
  return chains_[chain];
}

uint32_t& LocationPins::chainOf(ChunkHash chunk) {
  return const_cast<uint32_t&>(static_cast<const LocationPins&>(*this).chainOf(chunk));
}

// Splits one chain when there are more pins than chains.
void LocationPins::growChains() {
  if (size_ <= chains_.size()) return;
  const size_t split = chains_.size() - chainsRound_;
  uint32_t at = chains_[split];
  chains_[split] = 0;
  chains_.append();
  while (at != 0) {
    Pin& pin = pins_[at - 1];
    const uint32_t next = pin.next;
    uint32_t& chain = chainOf(pin.chunk);
    pin.next = chain;
    chain = at;
    at = next;
  }
  if (chains_.size() == 2 * chainsRound_) chainsRound_ *= 2;
}

const PinRecord* LocationPins::find(ChunkHash chunk) const {
  for (uint32_t at = chainOf(chunk); at != 0; at = pins_[at - 1].next) {
    if (pins_[at - 1].chunk == chunk) return &groups_[pins_[at - 1].group].record;
  }
  return nullptr;
}

uint32_t LocationPins::takeGroup(const PinRecord& record) {
  if (newest_ != kNone && groups_[newest_].record == record) return newest_;
  if (freeGroups_ == 0) {
    groups_.append();
    newest_ = static_cast<uint32_t>(groups_.size() - 1);
  } else {
    newest_ = freeGroups_ - 1;
    freeGroups_ = groups_[newest_].nextFree;
  }
  groups_[newest_].record = record;
  return newest_;
}

void LocationPins::leaveGroup(uint32_t index) {
  Group& group = groups_[index];
  HOLDFAST_CHECK(group.chunks > 0, "pin group %u is empty", index);
  if (--group.chunks > 0) return;
  group.record = {};
  group.nextFree = freeGroups_;
  freeGroups_ = index + 1;
  if (newest_ == index) newest_ = kNone;
}

void LocationPins::pin(const PinRecord& record, std::span<const ChunkHash> chunks) {
  if (chunks.empty()) return;
  const uint32_t group = takeGroup(record);
  // Before any chunk leaves its old group: that may be this one.
  groups_[group].chunks += static_cast<uint32_t>(chunks.size());
  for (const ChunkHash chunk : chunks) {
    uint32_t at = chainOf(chunk);
    while (at != 0 && pins_[at - 1].chunk != chunk) at = pins_[at - 1].next;
    if (at != 0) {
      const uint32_t old = pins_[at - 1].group;
      pins_[at - 1].group = group;
      leaveGroup(old);
      continue;
    }
    if (freePins_ == 0) {
      pins_.append();
      at = static_cast<uint32_t>(pins_.size());
    } else {
      at = freePins_;
      freePins_ = pins_[at - 1].next;
    }
    uint32_t& chain = chainOf(chunk);
    pins_[at - 1] = {chunk, chain, group};
    chain = at;
    ++size_;
    ++all_.pins;
    growChains();
  }
}

bool LocationPins::drop(ChunkHash chunk) {
  uint32_t* link = &chainOf(chunk);
  while (*link != 0 && pins_[*link - 1].chunk != chunk) link = &pins_[*link - 1].next;
  if (*link == 0) return false;
  const uint32_t at = *link;
  Pin& pin = pins_[at - 1];
  *link = pin.next;
  leaveGroup(pin.group);
  pin.group = kNone;
  pin.next = freePins_;
  freePins_ = at;
  --size_;
  --all_.pins;
  return true;
}

}  // namespace holdfast
