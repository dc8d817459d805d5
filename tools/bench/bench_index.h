// What rows of the chunk index share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/index/chunk_index.h"
#include "os/fault_ahead.h"

namespace holdfast::bench {

// Operations of one report.
inline constexpr size_t kIndexCall = 256;

// Distinct keys, in no order; none is 0.
inline ChunkHash indexKey(uint64_t number) {
  return splitmix64Finalise(number + 0x5DEECE66D);
}

inline void fillKeys(uint64_t first, std::span<ChunkHash> keys) {
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = indexKey(first + i);
}

inline std::vector<HolderId> addHolders(ChunkIndex& index, size_t count) {
  std::vector<HolderId> holders;
  for (size_t i = 0; i < count; ++i) holders.push_back(index.addHolder());
  return holders;
}

// An index as the daemon has it: its memory is brought ahead by another thread, which has had the
// time between start and first report for the first of it.
struct BenchIndex {
  BenchIndex() { faulter.wait(); }

  FaultAhead faulter;
  ChunkIndex chunks{{.faulter = &faulter}};
};

}  // namespace holdfast::bench
