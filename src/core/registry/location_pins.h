// What is pinned of one location: chunk -> the pin operation that pinned it last.
//
// Linear hashing over arrays that never move, so that neither a pin nor its end pauses the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <utility>

#include "core/index/paged_array.h"
#include "core/records.h"
#include "core/types.h"

namespace holdfast {

// (when a pin of the location ends, in store time; serial of the location): at most one of each
// location.
using PinEnds = std::set<std::pair<uint64_t, uint64_t>>;

// Of all locations together.
struct PinTotals {
  uint64_t pins = 0;
  PinEnds ends;
};

class LocationPins {
 public:
  // `all` outlives this.
  LocationPins(PinTotals& all, uint64_t serial);
  ~LocationPins();
  LocationPins(const LocationPins&) = delete;
  LocationPins& operator=(const LocationPins&) = delete;

  size_t size() const { return size_; }
  // Null where the chunk is not pinned. Valid until the next change.
  const PinRecord* find(ChunkHash chunk) const;

  // Replaces what the chunks were pinned by.
  void pin(const PinRecord& record, std::span<const ChunkHash> chunks);
  // Whether it was pinned.
  bool drop(ChunkHash chunk);

  // A pin ends then: of several ends the first one is kept in PinTotals::ends.
  void expectEnd(uint64_t endMs);
  // That end has been dealt with.
  void endReached();

  // Chunks with the same record.
  struct Group {
    PinRecord record;
    uint32_t chunks = 0;  // 0: the place is free
    uint32_t nextFree = 0;
  };
  // Calls visit(index, group) with each in the places [from, to). A group stays in its place.
  template <typename Visit>
  void forGroups(size_t from, size_t to, Visit visit) const {
    for (size_t i = from; i < to; ++i) {
      if (groups_[i].chunks != 0) visit(static_cast<uint32_t>(i), groups_[i]);
    }
  }
  size_t groups() const { return groups_.size(); }
  // Calls visit(chunk, group's index) with what is pinned in the places [from, to), in no order of
  // its own. A pin stays in its place.
  template <typename Visit>
  void forPlaces(size_t from, size_t to, Visit visit) const {
    for (size_t i = from; i < to; ++i) {
      if (pins_[i].group != kNone) visit(pins_[i].chunk, pins_[i].group);
    }
  }
  size_t places() const { return pins_.size(); }
  const Group& group(uint32_t index) const { return groups_[index]; }

  // A pass over all places that drops what is no longer to be pinned; made by core/registry/pins.h.
  struct Sweep {
    bool queued = false;
    bool checksHeld = false;  // what is pinned may not be held; until then pins are not looked up
    size_t next = 0;          // place
    uint64_t nextEndMs = 0;   // of what stays pinned in the places before that; 0: nothing ends
  };
  Sweep sweep;

 private:
  static constexpr uint32_t kNone = ~0u;
  struct Pin {
    ChunkHash chunk;
    uint32_t next;   // index + 1 in its chain, or among the free ones
    uint32_t group;  // kNone: free
  };

  uint32_t& chainOf(ChunkHash chunk);
  const uint32_t& chainOf(ChunkHash chunk) const;
  void growChains();
  uint32_t takeGroup(const PinRecord& record);
  void leaveGroup(uint32_t index);

  PinTotals& all_;
  const uint64_t serial_;
  uint64_t endMs_ = 0;  // in all_.ends; 0: not there
  size_t size_ = 0;
  PagedArray<Pin, 64> pins_;
  uint32_t freePins_ = 0;            // index + 1 of the first
  PagedArray<uint32_t, 64> chains_;  // index + 1 of the first pin
  size_t chainsRound_ = 1;           // chains at the start of this doubling, a power of two
  PagedArray<Group, 16> groups_;
  uint32_t freeGroups_ = 0;  // index + 1 of the first
  uint32_t newest_ = kNone;  // group of the last pin(): one operation's chunks come in pieces
};

}  // namespace holdfast
