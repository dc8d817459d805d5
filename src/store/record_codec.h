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

enum class OwnerKind : uint8_t { kInstance, kWorker, kAbandoned };

struct OwnerRecord {
  std::string instance;
  OwnerKind kind = OwnerKind::kInstance;
  uint32_t worker = 0;  // of a worker
};

std::string encodeRecord(const FormatRecord& record);
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
struct SegmentView {
  std::span<const ChunkHash> keys;  // checked to ascend
};
std::optional<SegmentView> decodeSegment(std::span<const uint64_t> value);
// The same without looking at the order, for those who say what is wrong with it.
std::optional<std::span<const ChunkHash>> decodeSegmentKeys(std::span<const uint64_t> value);
// A batch's keys, as they came: 1 to kKeysPerSyncBatchMax. Whether they are distinct is not
// checked.
std::optional<std::span<const ChunkHash>> decodeBatch(std::span<const uint64_t> value);
// stream and firstSeq are the key's and left 0.
std::optional<JournalEntry> decodeJournal(std::span<const uint64_t> value);

// The words of a value, copied only if it is not aligned. Nothing if it is not whole words.
std::optional<std::span<const uint64_t>> alignedWords(std::string_view value,
                                                      std::vector<uint64_t>& scratch);

}  // namespace holdfast
