// Records of the registry <-> values of the store (schema/storage.capnp).
//
// Decoding never throws: what does not decode is damage, which the caller reports.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/records.h"
#include "core/registry_store.h"

namespace holdfast {

using ClusterId = std::array<uint8_t, 16>;

struct FormatRecord {
  uint32_t version = 0;  // number of the last migration applied; 0: none
  ClusterId clusterId{};
  std::string createdBy;
  uint64_t createdWallMs = 0;
};

// What the clocks say at one moment; see store_clock.h.
struct TimeRecord {
  uint64_t storeMs = 0;
  uint64_t wallMs = 0;
  uint64_t bootMs = 0;  // since the machine was booted
  std::string boot;     // names that boot; empty: not known
};

enum class OwnerKind : uint8_t { kInstance, kWorker, kAbandoned };

struct OwnerRecord {
  std::string instance;
  OwnerKind kind = OwnerKind::kInstance;
  uint32_t worker = 0;  // of a worker
};

std::string encodeRecord(const FormatRecord& record);
std::string encodeRecord(const TimeRecord& record);
std::string encodeRecord(const OwnerRecord& record);
std::string encodeRecord(const InstanceRecord& record);
std::string encodeRecord(const WorkerRecord& record);
std::string encodeRecord(const LocationRecord& record);
std::string encodeRecord(const EventRecord& record);
std::string encodeRecord(const PinRecord& record);
// Sorted, distinct, at most kSegmentKeysMax.
std::string encodeSegment(std::span<const ChunkHash> keys);

inline constexpr size_t kSegmentKeysMax = 65536;

std::optional<FormatRecord> decodeFormat(std::string_view value);
std::optional<TimeRecord> decodeTime(std::string_view value);
std::optional<OwnerRecord> decodeOwner(std::string_view value);
std::optional<InstanceRecord> decodeInstance(std::string_view value);
std::optional<WorkerRecord> decodeWorker(std::string_view value);
std::optional<LocationRecord> decodeLocation(std::string_view value);
// Ranks that were running or unknown are pending.
std::optional<EventRecord> decodeEvent(std::string_view value);
std::optional<PinRecord> decodePin(std::string_view value);

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

// The words of a value, copied only if it is not aligned. Nothing if it is not whole words.
std::optional<std::span<const uint64_t>> alignedWords(std::string_view value,
                                                      std::vector<uint64_t>& scratch);

}  // namespace holdfast
