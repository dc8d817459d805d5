#include "core/block_arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/check.h"

namespace holdfast {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr uint32_t kBlocksMax = BlockArena::kBytesMax / BlockArena::kBlockBytes;
constexpr uint32_t kBlocksPerStep = kHugePage / BlockArena::kBlockBytes;

}  // namespace

BlockArena::BlockArena() {
  void* const got = mmap(nullptr, kBytesMax + kHugePage, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  HOLDFAST_CHECK(got != MAP_FAILED, "cannot reserve addresses for the chunk index: %s",
                 std::strerror(errno));
  reserved_ = static_cast<char*>(got);
  const auto address = reinterpret_cast<uintptr_t>(reserved_);
  base_ = reserved_ + ((kHugePage - address % kHugePage) % kHugePage);
}

BlockArena::~BlockArena() {
  munmap(reserved_, kBytesMax + kHugePage);
}

void BlockArena::back(uint32_t blocks) {
  HOLDFAST_CHECK(blocks <= kBlocksMax, "the chunk index is full at %llu bytes",
                 static_cast<unsigned long long>(kBytesMax));
  const uint32_t target =
      std::min(kBlocksMax, (blocks + kBlocksPerStep - 1) / kBlocksPerStep * kBlocksPerStep);
  const size_t bytes = uint64_t{target - backed_} * kBlockBytes;
  HOLDFAST_CHECK(mprotect(at(backed_), bytes, PROT_READ | PROT_WRITE) == 0,
                 "no memory for %zu bytes of the chunk index: %s", bytes, std::strerror(errno));
  backed_ = target;
}

uint32_t BlockArena::allocate() {
  if (firstFree_ != 0) {
    const uint32_t block = firstFree_ - 1;
    std::memcpy(&firstFree_, at(block), sizeof(firstFree_));
    std::memset(at(block), 0, kBlockBytes);
    return block;
  }
  if (blocks_ == backed_) back(blocks_ + 1);
  return blocks_++;
}

void BlockArena::free(uint32_t block) {
  std::memcpy(at(block), &firstFree_, sizeof(firstFree_));
  firstFree_ = block + 1;
}

}  // namespace holdfast
