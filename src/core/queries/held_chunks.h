// All chunks of a model that look-ups may name, and who holds them, bit by bit while the registry
// changes: what another index can begin with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/index/chunk_index.h"
#include "core/registry/registry_tree.h"

namespace holdfast::queries {

// Some of what a location holds.
struct HeldGroup {
  std::string_view instance;
  uint32_t rank = 0;
  std::string_view location;
  std::span<const ChunkHash> chunks;
};

// Who holds a chunk all the time is told once for it; what comes or goes meanwhile may be told or
// not. Locations that look-ups do not name (LOST, drained, diverged) are left out. Memory is
// bounded by the largest part of the index.
class HeldChunksCursor {
 public:
  // Keeps the references.
  HeldChunksCursor(const RegistryTree& tree, const ChunkIndex& index, uint64_t modelSalt)
      : tree_(tree), index_(index), salt_(modelSalt) {}

  enum class Step : uint8_t {
    kGroup,  // `group` is the next one, valid until the next call or change
    kPiece,  // about 0.1 ms was spent and there may be more
    kOver,
  };
  Step next(HeldGroup& group);

 private:
  struct Held {
    HolderId holder;
    ChunkHash chunk;
  };

  void gather();
  // False: there is none left of what was gathered.
  bool nextGroup(HeldGroup& group);

  const RegistryTree& tree_;
  const ChunkIndex& index_;
  const uint64_t salt_;
  size_t nextPart_ = 0;
  std::vector<ChunkHash> keys_;  // of the part before
  size_t nextKey_ = 0;           // of keys_
  std::vector<SetId> sets_;
  std::vector<Held> held_;  // of some of keys_, by holder
  size_t nextHeld_ = 0;
  std::vector<ChunkHash> chunks_;  // of the group
};

}  // namespace holdfast::queries
