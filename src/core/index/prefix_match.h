// Who has the longest prefix of these chunks? Look-ups over the index; no side effects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/index/chunk_index.h"
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
};

struct LocationHits {
  uint16_t location = 0;  // interned location name
  uint32_t chunks = 0;    // chunks of the matched prefix that the best rank holds there
};

// One instance's answer to a prefix look-up.
struct InstanceMatch {
  uint32_t instance = 0;
  // The rank with the longest prefix; among equals a confirmed one, then the lowest worker id.
  uint32_t rank = 0;
  uint32_t chunks = 0;    // its length: held by that one rank, in any mixture of its locations
  uint32_t allRanks = 0;  // chunks that every rank of the world size holds; a missing one: 0
  uint16_t location = 0;  // of most of those chunks (first reached among equals)
  bool unconfirmed = false;
  std::vector<LocationHits> hits;  // by the best rank, most first
  uint32_t loadStep = loadStepOf(kLoadUnknown);
  uint64_t order = 0;  // among equals; drawn anew by each look-up
};

class PrefixMatcher {
 public:
  PrefixMatcher(const ChunkIndex& index, const HolderDirectory& directory)
      : index_(index), directory_(directory) {}

  // Every instance of which some rank holds at least the first chunk; longest first, then more
  // allRanks, then confirmed before unconfirmed, then the less loaded (loadStepOf). Equal ones are
  // in an order that `spread` and their names give. `out` is replaced.
  void match(uint64_t salt, std::span<const ChunkHash> keys, std::vector<InstanceMatch>& out,
             uint64_t spread = 0);

  // For a peer-to-peer transfer: instances other than `asker`, the rank equal to `rank` only
  // (another rank's shard is of no use), and what it holds in `location` only, where one is given.
  // Same order, spread by who asks; allRanks is 0.
  void matchPeers(uint64_t salt, std::span<const ChunkHash> keys, uint32_t asker, uint32_t rank,
                  std::vector<InstanceMatch>& out, std::optional<uint16_t> location = {});

  // Both in pieces, so that other things are done between them. `keys` stay valid until finish().
  // Index and directory may change between the pieces: who holds a key is as of its piece, and a
  // rank that is gone at the end is not in the answer.
  void begin(uint64_t salt, std::span<const ChunkHash> keys, uint64_t spread = 0);
  void beginPeers(uint64_t salt, std::span<const ChunkHash> keys, uint32_t asker, uint32_t rank,
                  std::optional<uint16_t> location = {});
  // A piece of about this much work: a holder that is looked at is 1, about 10 ns; a key is
  // kWorkOfKey. True when nothing is left to do.
  bool advance(size_t workMax);
  static constexpr size_t kWorkOfKey = 2;
  // Of the last piece; it may be more than workMax.
  size_t spent() const { return spent_; }
  // Once advance() returned true, with no change in between. `out` is replaced.
  void finish(std::vector<InstanceMatch>& out);

 private:
  // One rank with the first chunk, and how far it goes.
  struct Candidate {
    uint32_t instance;
    uint32_t rank;
    uint32_t chunks;
    uint32_t firstHolder;  // index + 1 in touched_: what it holds where, in reverse order
    uint32_t instanceUse;
    bool unconfirmed;
  };
  struct Touched {
    uint32_t candidate;
    uint32_t chunks;
    uint16_t location;
    HolderId holder;
    uint32_t next;  // index + 1
  };
  // Which ranks may be candidates, and which of their holders count.
  struct Filter {
    bool peersOnly = false;
    uint32_t asker = 0;
    uint32_t rank = 0;
    bool oneLocation = false;
    uint16_t location = 0;
  };
  // A number that is valid for one look-up only: no clearing between look-ups.
  struct Stamped {
    uint32_t stamp = 0;
    uint32_t value = 0;
  };

  void begin(uint64_t salt, std::span<const ChunkHash> keys, const Filter& filter, uint64_t spread);
  // The chunks [begin, end) all have this set. How many candidates go on to `end`.
  size_t extend(SetId set, uint32_t begin, uint32_t end, size_t& work);
  bool isStillThere(const Candidate& candidate) const;
  void describe(const Candidate& best, InstanceMatch& match) const;
  void nextStamp();

  const ChunkIndex& index_;
  const HolderDirectory& directory_;
  // The look-up under way.
  uint64_t salt_ = 0;
  std::span<const ChunkHash> keys_;
  Filter filter_;
  uint64_t spread_ = 0;
  size_t spent_ = 0;
  size_t next_ = 0;        // of keys_
  size_t step_ = 0;        // keys to be found at once
  bool inPieces_ = false;  // something may have changed since it began
  // Scratch, kept between look-ups.
  uint32_t stamp_ = 0;
  std::vector<SetId> sets_;
  std::vector<Candidate> candidates_;
  std::vector<Touched> touched_;
  std::vector<Stamped> candidateOf_;  // by rank slot: index in candidates_
  std::vector<Stamped> touchedOf_;    // by holder: index in touched_
  std::vector<uint32_t> order_;       // of candidates_
};

}  // namespace holdfast
