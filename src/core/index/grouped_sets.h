// The members of a set of holders as look-ups name them, by instance and rank.
//
// The same few sets stand at the beginning of most prompts, so what follows of such a set alone is
// worked out once: who of it is visible, the ranks of each instance, the best of them. It stays
// right until the set's id is another set's, a holder retires, or the directory changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/index/holder_sets.h"
#include "core/types.h"

namespace holdfast {

class HolderDirectory;

struct GroupedSet {
  struct Member {
    HolderId holder = kNoHolder;
    uint16_t location = 0;
  };
  struct Rank {
    uint32_t rank = 0;
    uint32_t slot = 0;  // HolderDirectory::rankSlot
    uint32_t firstMember = 0;
    uint32_t members = 0;
    bool unconfirmed = false;  // one of its members is
  };
  struct Instance {
    uint32_t instance = 0;
    uint32_t firstRank = 0;
    uint32_t ranks = 0;
    uint32_t best = 0;   // a confirmed rank, then the lowest worker id; index in GroupedSet::ranks
    bool whole = false;  // every rank of the world size is among them
  };

  std::span<const Rank> ranksOf(const Instance& instance) const {
    return std::span(ranks).subspan(instance.firstRank, instance.ranks);
  }
  std::span<const Member> membersOf(const Rank& rank) const {
    return std::span(members).subspan(rank.firstMember, rank.members);
  }
  // Null where it has no visible member.
  const Instance* find(uint32_t instance) const;
  uint64_t memoryBytes() const;

  std::vector<Instance> instances;  // ascending
  std::vector<Rank> ranks;          // by instance, ascending
  std::vector<Member> members;      // visible ones, by rank, ascending
};

// Remembers some thousand of them, in bounded memory.
class GroupedSets {
 public:
  // `version` rises with every change of the directory that matters here. Valid until the next
  // call, or change of sets or directory.
  const GroupedSet& of(SetId set, const HolderSets& sets, const HolderDirectory& directory,
                       uint64_t version);

  static constexpr uint64_t kBytesMax = uint64_t{8} << 20;
  uint64_t memoryBytes() const { return bytes_ + entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    SetId set = kEmptySet;  // kEmptySet: nothing is remembered here
    uint32_t generation = 0;
    uint32_t epoch = 0;
    uint64_t version = 0;
    GroupedSet grouped;
  };
  struct Ranked {
    uint64_t rank;  // instance and rank
    HolderId holder;
  };

  void group(SetId set, const HolderSets& sets, const HolderDirectory& directory, GroupedSet& to);
  // Forgets others until there is room.
  void makeRoom(const Entry& kept);

  std::vector<Entry> entries_;  // direct-mapped; made at the first call
  uint64_t bytes_ = 0;          // of what entries remember
  size_t nextForgotten_ = 0;
  std::vector<Ranked> ranked_;  // scratch
};

}  // namespace holdfast
