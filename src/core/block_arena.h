// Memory of the chunk index: blocks of one size out of one range of addresses.
//
// One size means no fragmentation however the tables grow; one range means that a block is named
// by 32 bits. Addresses are reserved at once and backed as they are used; freed blocks are used
// again, last freed first, and never returned to the system.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast {

class BlockArena {
 public:
  static constexpr size_t kBlockBytes = 4096;
  // The most the index may use: 32 GiB, more than 2 billion chunks.
  static constexpr uint64_t kBytesMax = uint64_t{32} << 30;

  BlockArena();
  ~BlockArena();
  BlockArena(const BlockArena&) = delete;
  BlockArena& operator=(const BlockArena&) = delete;

  // A block filled with zeros, aligned to kBlockBytes.
  uint32_t allocate();
  void free(uint32_t block);

  char* at(uint32_t block) const { return base_ + uint64_t{block} * kBlockBytes; }
  // Of blocks ever used.
  uint64_t memoryBytes() const { return uint64_t{blocks_} * kBlockBytes; }

 private:
  // Backs the range up to this many blocks.
  void back(uint32_t blocks);

  char* reserved_ = nullptr;  // what mmap gave
  char* base_ = nullptr;      // aligned to a huge page
  uint32_t blocks_ = 0;       // handed out at least once
  uint32_t backed_ = 0;       // readable and writable
  uint32_t firstFree_ = 0;    // block + 1; a free block's first bytes name the next
};

}  // namespace holdfast
