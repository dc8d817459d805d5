// Who has the longest prefix of these chunks? Look-ups over the index; no side effects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/index/chunk_index.h"
#include "core/index/holder_directory.h"
#include "core/load.h"
#include "core/types.h"

namespace holdfast {

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
  // Who holds the first chunks is one set, and the answer of most instances follows of it: it is
  // taken as grouped and remembered by the directory. Followed are the instances that hold more, or
  // all, where something may change before the end: rank by rank.

  // One rank of a followed instance, and how far it goes.
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
  // The ranks of one instance: [first, end) of candidates_, by rank.
  struct Followed {
    uint32_t first;
    uint32_t end;
  };
  // An instance of the answer, in the order of the answer.
  struct Found {
    uint64_t lengths;  // complements of chunks and allRanks
    uint64_t state;    // unconfirmed and load step
    uint64_t order;
    uint32_t instance;
    uint32_t source;  // its best rank in candidates_, or kOfFirst and its place in the first set

    bool operator<(const Found& other) const {
      if (lengths != other.lengths) return lengths < other.lengths;
      if (state != other.state) return state < other.state;
      return order != other.order ? order < other.order : instance < other.instance;
    }
  };
  static constexpr uint32_t kOfFirst = 0x80000000u;

  void begin(uint64_t salt, std::span<const ChunkHash> keys, const Filter& filter, uint64_t spread);
  // The chunks [0, end) have this set. How many ranks go on to `end`.
  size_t start(SetId set, uint32_t end, size_t& work);
  // The chunks [begin, end) all have this set. How many candidates go on to `end`.
  size_t extend(SetId set, uint32_t begin, uint32_t end, size_t& work);
  const GroupedSet& first() const { return directory_.grouped(firstSet_, index_.sets()); }
  // Makes candidates of the instance's ranks, if it is one of the first set and not followed yet.
  void follow(const GroupedSet& first, uint32_t instance);
  void follow(const GroupedSet& first, const GroupedSet::Instance& instance);
  void followAll();
  bool isFollowed(uint32_t instance) const {
    return instance < followedOf_.size() && followedOf_[instance] == stamp_;
  }
  bool isStillThere(const Candidate& candidate) const;
  void add(const Followed& followed);
  void add(uint32_t instance, uint32_t chunks, uint32_t allRanks, bool unconfirmed,
           uint32_t source);
  void sortFound();
  void describe(const Candidate& best, InstanceMatch& match) const;
  void describe(const GroupedSet& first, const GroupedSet::Rank& best, InstanceMatch& match) const;
  void nextStamp();

  const ChunkIndex& index_;
  const HolderDirectory& directory_;
  // The look-up under way.
  uint64_t salt_ = 0;
  std::span<const ChunkHash> keys_;
  Filter filter_;
  uint64_t spread_ = 0;
  size_t spent_ = 0;
  size_t next_ = 0;  // of keys_
  size_t step_ = 0;  // keys to be found at once
  ChunkIndex::Trail trail_;
  bool inPieces_ = false;  // something may have changed since it began
  SetId firstSet_ = kEmptySet;
  uint32_t firstEnd_ = 0;    // the chunks [0, firstEnd_) have it
  bool allFollowed_ = true;  // the first set is needed no more
  // Scratch, kept between look-ups.
  uint32_t stamp_ = 0;
  std::vector<SetId> sets_;
  std::vector<Candidate> candidates_;
  std::vector<Touched> touched_;
  std::vector<Followed> followed_;
  std::vector<Stamped> candidateOf_;  // by rank slot: index in candidates_
  std::vector<Stamped> touchedOf_;    // by holder: index in touched_
  std::vector<uint32_t> followedOf_;  // by instance: the stamp of the look-up that follows it
  std::vector<Found> found_;
  std::vector<Found> distributed_;  // found_, by the first bits of its order
};

}  // namespace holdfast
