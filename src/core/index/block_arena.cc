#include "core/index/block_arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/check.h"

namespace holdfast {
namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kReservedBytesMin = uint64_t{256} << 20;
constexpr uint32_t kBlocksPerPage = kHugePage / BlockArena::kBlockBytes;
// How far the faulter is kept ahead: 16 MiB, beside what the index announces itself.
constexpr uint64_t kAheadBlocks = uint64_t{8} * kBlocksPerPage;

}  // namespace

BlockArena::BlockArena(PageFaulter* faulter, uint64_t bytesMax) : faulter_(faulter) {
  void* got = MAP_FAILED;
  // One page more than asked for, since the range need not begin with one.
  bytesMax = (bytesMax + 2 * kHugePage - 1) / kHugePage * kHugePage;
  const uint64_t bytesMin = std::min(bytesMax, kReservedBytesMin);
  for (reservedBytes_ = bytesMax; reservedBytes_ >= bytesMin; reservedBytes_ /= 2) {
    // Readable and writable from the start: changing it later, block by block, would wait for
    // page faults of other threads.
    got = mmap(nullptr, reservedBytes_, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got != MAP_FAILED) break;
  }
  HOLDFAST_CHECK(got != MAP_FAILED, "cannot reserve addresses for the chunk index: %s",
                 std::strerror(errno));
  reserved_ = static_cast<char*>(got);
  const uint64_t skipped =
      (kHugePage - reinterpret_cast<uintptr_t>(reserved_) % kHugePage) % kHugePage;
  base_ = reserved_ + skipped;
  const uint64_t usable = (reservedBytes_ - skipped) / kHugePage * kHugePage;
  blocksMax_ = static_cast<uint32_t>(usable / kBlockBytes);
  if (faulter_ == nullptr) return;
  // Where the system has no huge pages this fails, and small ones do.
  madvise(base_, usable, MADV_HUGEPAGE);
}

BlockArena::~BlockArena() {
  if (faulter_ != nullptr) faulter_->forget(reserved_, reservedBytes_);
  munmap(reserved_, reservedBytes_);
}

void BlockArena::announceUpTo(uint64_t block) {
  block = std::min<uint64_t>((block + kBlocksPerPage - 1) / kBlocksPerPage * kBlocksPerPage,
                             blocksMax_);
  if (faulter_ == nullptr || block <= nextAnnounced_) return;
  faulter_->populate(base_ + nextAnnounced_ * kBlockBytes, (block - nextAnnounced_) * kBlockBytes);
  nextAnnounced_ = block;
}

void BlockArena::announce(uint64_t blocks) {
  announceUpTo(blocks_ + blocks + kAheadBlocks);
}

uint32_t BlockArena::allocate() {
  if (firstFree_ != 0) {
    const uint32_t block = firstFree_ - 1;
    std::memcpy(&firstFree_, at(block), sizeof(firstFree_));
    std::memset(at(block), 0, kBlockBytes);
    return block;
  }
  HOLDFAST_CHECK(blocks_ < blocksMax_, "the chunk index is full: %u blocks of %zu bytes", blocks_,
                 kBlockBytes);
  if (blocks_ % kBlocksPerPage == 0) announce(0);
  return blocks_++;
}

bool BlockArena::isNextHere() {
  if (faulter_ == nullptr || firstFree_ != 0 || blocks_ % kBlocksPerPage != 0) return true;
  announce(0);
  return !faulter_->isComing(at(blocks_), kHugePage);
}

void BlockArena::free(uint32_t block) {
  std::memcpy(at(block), &firstFree_, sizeof(firstFree_));
  firstFree_ = block + 1;
}

}  // namespace holdfast
