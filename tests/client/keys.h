// Keys of chunks that tests report.
#pragma once

#include <set>
#include <vector>

#include "core/types.h"

namespace holdfast {

inline std::vector<ChunkHash> range(ChunkHash from, ChunkHash to) {
  std::vector<ChunkHash> keys;
  for (ChunkHash key = from; key < to; ++key) keys.push_back(key);
  return keys;
}

inline std::set<ChunkHash> setOf(const std::vector<ChunkHash>& keys) {
  return {keys.begin(), keys.end()};
}

}  // namespace holdfast
