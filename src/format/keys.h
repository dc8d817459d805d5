// Keys of the store. Integers are big-endian, so that keys sort as their numbers do.
//
// Family `default`:
//   key := "format"              -> FormatRecord
//        | "owner/" family-name  -> OwnerRecord, one per family in use
//        | "time"                -> TimeRecord
//        | "log"                 -> LogPlaceRecord
// Families `f/00000`, `f/00001`, ..., each of one instance or one worker:
//   key := 'I'                                                -> InstanceRecord
//        | 'W'                                                -> WorkerRecord
//        | 'L' location:u16                                   -> LocationRecord
//        | 'S' location:u16 generation:u32 fold:u32 n:u32     -> SegmentRecord
//        | 'J' location:u16 generation:u32 stream:u32 seq:u64 -> JournalRecord
//        | 'Y' location:u16 generation:u32 number:u32         -> BatchRecord
//        | 'P' location:u16 chunk:u64                         -> PinRecord
// Family `events`:
//   key := 'E' event-id                                       -> EventRecord
// n counts the segments of a fold from 0; their hashes ascend through all of them. seq is the
// sequence number of the record's first operation. number counts the batches of the full sync that
// builds the generation, from 0; they are its segments until it is folded for the first time.
//
// Values are Cap'n Proto messages of schema/storage.capnp: one segment, no segment table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"

namespace holdfast {

// A key, or a prefix of keys, in place.
class StoreKey {
 public:
  std::string_view view() const { return {bytes_.data(), size_}; }
  // The smallest key that is greater than all keys with this prefix.
  StoreKey end() const;

  StoreKey& tag(char value);
  StoreKey& u16(uint16_t value);
  StoreKey& u32(uint32_t value);
  StoreKey& u64(uint64_t value);

 private:
  static constexpr size_t kBytesMax = 24;
  std::array<char, kBytesMax> bytes_{};
  uint8_t size_ = 0;
};

struct SegmentKey {
  uint16_t location = 0;
  uint32_t generation = 0;
  uint32_t fold = 0;
  uint32_t n = 0;
};

struct JournalKey {
  uint16_t location = 0;
  uint32_t generation = 0;
  uint32_t stream = 0;
  uint64_t firstSeq = 0;
};

struct BatchKey {
  uint16_t location = 0;
  uint32_t generation = 0;
  uint32_t number = 0;
};

struct PinKey {
  uint16_t location = 0;
  ChunkHash chunk = 0;
};

StoreKey instanceKey();
StoreKey workerKey();
StoreKey locationKey(uint16_t location);
StoreKey segmentKey(const SegmentKey& key);
StoreKey journalKey(const JournalKey& key);
StoreKey batchKey(const BatchKey& key);
StoreKey pinKey(const PinKey& key);

// Prefixes: call end() for the end of the range.
StoreKey locationsPrefix();
StoreKey segmentsPrefix(uint16_t location);
StoreKey segmentsPrefix(uint16_t location, uint32_t generation);
StoreKey segmentsPrefix(uint16_t location, uint32_t generation, uint32_t fold);
StoreKey journalPrefix(uint16_t location);
StoreKey journalPrefix(uint16_t location, uint32_t generation);
StoreKey batchesPrefix(uint16_t location);
StoreKey batchesPrefix(uint16_t location, uint32_t generation);
StoreKey pinsPrefix(uint16_t location);

// Nothing if the key is of another kind or of the wrong length.
std::optional<uint16_t> parseLocationKey(std::string_view key);
std::optional<SegmentKey> parseSegmentKey(std::string_view key);
std::optional<JournalKey> parseJournalKey(std::string_view key);
std::optional<BatchKey> parseBatchKey(std::string_view key);
std::optional<PinKey> parsePinKey(std::string_view key);

inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kTimeKey = "time";
inline constexpr std::string_view kLogPlaceKey = "log";
inline constexpr std::string_view kOwnerPrefix = "owner/";
inline constexpr std::string_view kFamilyPrefix = "f/";
inline constexpr std::string_view kEventsFamily = "events";
inline constexpr char kEventTag = 'E';
std::string ownerKey(std::string_view family);
std::string eventKey(std::string_view id);
std::string familyName(uint32_t number);
std::optional<uint32_t> parseFamilyName(std::string_view name);

}  // namespace holdfast
