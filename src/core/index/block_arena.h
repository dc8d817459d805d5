// Memory of the chunk index: blocks of one size out of one range of addresses.
//
// One size means no fragmentation however the tables grow; one range means that a block is named
// by 32 bits. Addresses are reserved at once and backed as they are used; freed blocks are used
// again, last freed first, and never returned to the system.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/index/page_faulter.h"

namespace holdfast {

class BlockArena {
 public:
  static constexpr size_t kBlockBytes = 8192;
  // The most the index may use: 32 GiB, more than 2 billion chunks. Less where the system refuses
  // to promise that much address space.
  static constexpr uint64_t kBytesMax = uint64_t{32} << 30;

  // With a faulter huge pages are used, and announced to it before their first use; without one
  // they are not, since the first touch of a huge page takes milliseconds. Does not own it.
  explicit BlockArena(PageFaulter* faulter, uint64_t bytesMax = kBytesMax);
  ~BlockArena();
  BlockArena(const BlockArena&) = delete;
  BlockArena& operator=(const BlockArena&) = delete;

  // A block filled with zeros, aligned to kBlockBytes. As long as none is freed, each lies behind
  // the one before.
  uint32_t allocate();
  // Whether its memory is here; what is not is asked for.
  bool isNextHere();
  void free(uint32_t block);
  // So many more blocks will be allocated soon.
  void announce(uint64_t blocks);

  char* at(uint32_t block) const { return base_ + uint64_t{block} * kBlockBytes; }
  uint64_t bytesMax() const { return uint64_t{blocksMax_} * kBlockBytes; }
  // Of blocks ever used.
  uint64_t memoryBytes() const { return uint64_t{blocks_} * kBlockBytes; }

 private:
  void announceUpTo(uint64_t block);

  PageFaulter* faulter_;
  char* reserved_ = nullptr;  // what mmap gave
  uint64_t reservedBytes_ = 0;
  char* base_ = nullptr;        // aligned to a huge page
  uint32_t blocksMax_ = 0;      // in the range
  uint32_t blocks_ = 0;         // handed out at least once
  uint64_t nextAnnounced_ = 0;  // blocks below are announced to the faulter
  uint32_t firstFree_ = 0;      // block + 1; a free block's first bytes name the next
};

}  // namespace holdfast
