// Chunk hash -> the set of holders. The only per-chunk memory of the controller.
//
// An open-addressing table of 10.7 bytes a slot (see bucket.h), cut into many small tables by the
// high bits of the mixed key, so that growing one never pauses the caller noticeably: the tables'
// growth thresholds are staggered and a call grows at most a few of them. Keys are salted with
// their model and mixed by a bijection; the mixed key is stored, so growth needs no re-hash. Sets
// are hash-consed in HolderSets. Beside it the order of prompts is remembered (trails.h).
//
// Single-threaded. Not copyable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/index/holder_sets.h"
#include "core/index/page_faulter.h"
#include "core/index/trails.h"
#include "core/types.h"

namespace holdfast {

class ChunkIndex {
 public:
  struct Options {
    // log2 of the number of small tables, brought into 12 to 16. Growing one table pauses the
    // caller for about 10 ns a slot: at 12 bits 0.15 ms when the index holds 50 M chunks.
    uint32_t tableBits = 12;
    // Chunks to make room for at once, 0 for none: recovery knows its count beforehand.
    uint64_t expectedChunks = 0;
    // Brings memory ahead of its use; with one the index uses huge pages. Not owned, outlives
    // the index; may be null.
    PageFaulter* faulter = nullptr;
    // Chunks whose order is remembered (findPrompt); 12 bytes each, allocated as they are found.
    uint32_t placesMax = Trails::kPlacesMax;
  };

  // What a run of operations changed. An admit of a held key and an evict of an absent one change
  // nothing.
  struct Change {
    int64_t count = 0;  // distinct keys gained (or lost, if negative) by the holder
    KeyDigest digest;  // to be added, modulo 2^64, to the holder's digest (of plain, unsalted keys)
  };

  ChunkIndex();
  explicit ChunkIndex(const Options& options);
  ~ChunkIndex();
  ChunkIndex(const ChunkIndex&) = delete;
  ChunkIndex& operator=(const ChunkIndex&) = delete;

  // Makes room for `chunks` distinct chunks in all. For recovery, before the first apply.
  void reserve(uint64_t chunks);

  // A fresh holder id, never one that is live or retired and not yet swept.
  HolderId addHolder();

  // Forgets everything `holder` holds, in O(1): look-ups and later sets skip it from now on; its
  // id is free again when a sweep that began after this call has finished. At most
  // kRetiredHoldersMax are retired at a time: false, and nothing changed, above that.
  bool retire(HolderId holder);
  static constexpr size_t kRetiredHoldersMax = 1024;
  size_t retiredHolders() const;

  // Applies operations in order for a live holder. `salt` separates models.
  Change apply(HolderId holder, uint64_t salt, const Operations& operations);

  // The set of each key's holders, kEmptySet where nobody holds it. Retired holders may still be
  // members of a set found here: HolderSets::isRetired tells. sets.size() >= keys.size().
  void find(uint64_t salt, std::span<const ChunkHash> keys, std::span<SetId> sets) const;

  // The same of the next chunks of a prompt, in its order, up to one that nobody holds; behind it
  // all may be kEmptySet. Of prompts that are asked for more than once the order is remembered, and
  // then it is several times as fast: memory is read in sequence. `trail` is that of the prompt's
  // chunks before. Finds the first keys, as many as there are sets; those behind them are what the
  // next call asks for, and are only made ready for it. Costs what find() does, twice that for
  // chunks that are remembered just now.
  struct Trail {
    Trails::Place next = Trails::kNone;  // any: it is a hint
    size_t remembered = 0;               // chunks, by the last call
  };
  void findPrompt(uint64_t salt, std::span<const ChunkHash> keys, std::span<SetId> sets,
                  Trail& trail) const;

  // Cleans about `slotsMax` slots of what retired holders left. True when nothing is left to
  // sweep. Cheap when there is nothing to do. kSweepSlots take about 0.1 ms.
  static constexpr size_t kSweepSlots = 16384;
  bool sweep(size_t slotsMax);

  const HolderSets& sets() const;

  // Distinct chunks with at least one entry (chunks whose holders all retired count until swept).
  uint64_t chunks() const;
  // Bytes allocated for tables and sets.
  uint64_t memoryBytes() const;
  uint64_t slots() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
