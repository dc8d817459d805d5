// Shared, hash-consed, reference-counted sets of holders.
//
// A set of one holder is its own id, so the commonest chunk costs nothing here; every larger set
// is stored once however many chunks have it. Transitions (set, +holder) and (set, -holder) are
// memoised; a memo names the generation of the sets it speaks of, since set ids are reused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/types.h"

namespace holdfast {

// kEmptySet, a holder id (the set of that holder alone), or an interned set (top bit set).
using SetId = uint32_t;
inline constexpr SetId kEmptySet = 0;
inline constexpr SetId kInternedSet = 0x80000000u;

class HolderSets {
 public:
  // Members of a set in ascending order; retired ones may be among them. Valid until the next
  // change. `single` is storage for sets of one holder.
  std::span<const HolderId> members(SetId set, HolderId& single) const;
  bool isRetired(HolderId holder) const;
};

}  // namespace holdfast
