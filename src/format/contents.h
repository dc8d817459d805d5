// What a location holds <-> records: segments of its folds, batches of its full syncs, journals.
//
// Written into words that are theirs already, and read in place: this is most of what a store
// writes and recovery reads. Decoding never throws: what does not decode is damage, which the
// caller reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/registry_store.h"

namespace holdfast {

inline constexpr size_t kSegmentKeysMax = 65536;

// Sorted, distinct, at most kSegmentKeysMax.
std::string encodeSegment(std::span<const ChunkHash> keys);

// 64-bit words that encodeJournal fills exactly.
size_t journalWords(const Operations& operations);
// `out` has journalWords() words, all 0.
void encodeJournal(const ReportRecord& report, std::span<uint64_t> out);
// The same for a batch of so many keys.
size_t batchWords(size_t keys);
void encodeBatch(const BatchRecord& batch, std::span<uint64_t> out);

// Reads of words that must outlive the result; nothing if damaged.
// A segment, packed or plain (of format 1). Its keys are not looked at before they are read.
class SegmentView {
 public:
  size_t size() const { return size_; }  // 1 to kSegmentKeysMax
  bool packed() const { return width_ != 0; }
  // All keys into `out`, which has room for them. Whether they ascend, as they must.
  bool read(std::span<ChunkHash> out) const;

 private:
  friend std::optional<SegmentView> decodeSegment(std::span<const uint64_t> value);

  size_t size_ = 0;
  std::span<const ChunkHash> plain_;
  ChunkHash first_ = 0;
  uint32_t width_ = 0;
  std::span<const uint8_t> differences_;
};
std::optional<SegmentView> decodeSegment(std::span<const uint64_t> value);
// The same and its keys, checked to ascend. They stand in `keys`, which only grows.
std::optional<std::span<const ChunkHash>> readSegment(std::span<const uint64_t> value,
                                                      std::vector<ChunkHash>& keys);
// A batch's keys, as they came: 1 to kKeysPerSyncBatchMax. Whether they are distinct is not
// checked.
std::optional<std::span<const ChunkHash>> decodeBatch(std::span<const uint64_t> value);
// stream and firstSeq are the key's and left 0.
std::optional<JournalEntry> decodeJournal(std::span<const uint64_t> value);

}  // namespace holdfast
