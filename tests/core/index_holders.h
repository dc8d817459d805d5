// Who is in a set that an index gave.
#pragma once

#include <vector>

#include "core/index/chunk_index.h"

namespace holdfast {

// Those that are not retired.
inline std::vector<HolderId> holdersOf(const ChunkIndex& index, SetId set) {
  HolderId single = kNoHolder;
  std::vector<HolderId> live;
  for (const HolderId holder : index.sets().members(set, single)) {
    if (!index.sets().isRetired(holder)) live.push_back(holder);
  }
  return live;
}

}  // namespace holdfast
