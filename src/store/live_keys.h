// The keys that a location's live part leads to, ascending: its segments (or the batches of the
// full sync that built the generation) with its journal applied to them.
//
// Memory is bounded whatever the location's size: the operations that are in no order are held for
// one slice of the key space at a time, and read again for the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "format/content_cursor.h"
#include "format/family_rows.h"
#include "store/store_reader.h"

namespace holdfast {

// Both ends belong to it.
struct KeyRange {
  ChunkHash from = 0;
  ChunkHash to = UINT64_MAX;
  bool contains(ChunkHash key) const { return from <= key && key <= to; }
};

class LiveKeys {
 public:
  // 64 MiB.
  static constexpr size_t kChangesMax = size_t{4} << 20;

  // `reader` must outlive it. `changesMax` bounds the operations held at a time; 2 and more.
  LiveKeys(const StoreReader& reader, size_t family, LocationRecord location, KeyRange range = {},
           size_t changesMax = kChangesMax);
  LiveKeys(const LiveKeys&) = delete;
  LiveKeys& operator=(const LiveKeys&) = delete;

  // The next keys, which stand until the next call. Empty at the end, or if there is an error().
  std::span<const ChunkHash> next();
  // Which record cannot be read and why.
  const std::optional<Error>& error() const { return faults_.error; }

 private:
  // What a key's last operation in a slice does; `order` is its place, shifted by the evict bit.
  struct Change {
    ChunkHash key;
    uint64_t order;
    bool evict() const { return (order & 1) != 0; }
  };

  // Records that are missing are not noticed: what the others say is told all the same.
  class Faults : public ContentListener {
   public:
    explicit Faults(const LocationRecord& location) : location_(location) {}
    bool fault(const ContentFault& fault) override;
    void unreadable(const std::string& what);
    std::optional<Error> error;

   private:
    const LocationRecord& location_;
  };

  bool gather();
  bool gatherBatches(uint64_t& order);
  bool gatherJournal(uint64_t& order);
  void add(ChunkHash key, uint64_t order);
  void keepLast();
  // The next key of the segments, null at their end.
  const ChunkHash* segmentKey();
  bool readable(FamilyRows& rows, const std::string& what);

  const LocationRecord location_;
  const KeyRange range_;
  const size_t changesMax_;
  FamilyRows unordered_;  // batches and journal
  FamilyRows segmentRows_;
  ReusedMemory memory_;
  ReusedMemory segmentMemory_;
  Faults faults_;
  SegmentCursor segments_;

  KeyRange slice_;
  bool gathered_ = false;
  bool done_ = false;
  std::vector<Change> changes_;
  size_t nextChange_ = 0;

  bool segmentsEnded_ = false;
  uint32_t segmentNumber_ = 0;
  std::span<const ChunkHash> segment_;  // what is left of the current one
  std::vector<ChunkHash> run_;
};

}  // namespace holdfast
