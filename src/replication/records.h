// Records of the log <-> values (schema/replication.capnp).
//
// Decoding never throws: what does not decode is void, as anything else that the rule does not
// count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "replication/log_rule.h"

namespace holdfast::replication {

// A record with everything in it.
inline constexpr size_t kRecordBytesMax = size_t{256} << 10;
// Of a batch's body, 256 MiB: what a reader may have to hold before it is whole.
inline constexpr uint32_t kPartsMax = 1024;
inline constexpr size_t kNodeBytesMax = 256;
inline constexpr size_t kAddressBytesMax = 1024;
inline constexpr size_t kDigestBytesMax = 80;

// A node wants to lead.
struct TakeOver {
  LogPoint base = {};
  std::string node = {};     // at most kNodeBytesMax
  uint64_t nonce = 0;        // random: whose record it is
  std::string address = {};  // where workers and routers find it; at most kAddressBytesMax
  uint64_t wallMs = 0;
  uint32_t formatMin = 0;  // of the store
  uint32_t formatMax = 0;
  std::string digest = {};  // Replica::digest at the base; at most kDigestBytesMax, empty: unknown
};

struct Beat {
  uint64_t epoch = 0;
  uint64_t wallMs = 0;
};

struct Retire {
  uint64_t epoch = 0;
  uint64_t wallMs = 0;
};

// A batch of writes (frame_body.h) or a part of one.
struct Frame {
  LogPoint at;
  uint64_t wallMs = 0;
  uint32_t part = 0;              // below parts
  uint32_t parts = 1;             // 1 to kPartsMax
  std::span<const uint8_t> body;  // not empty; does not own
};

using LogRecord = std::variant<TakeOver, Beat, Retire, Frame>;

// What the rule looks at.
RecordHead headOf(const LogRecord& record);

std::string encodeRecord(const LogRecord& record);

// Decodes one record after another.
class RecordDecoder {
 public:
  // Nothing if it is no record. A frame's body is valid until the next call and as long as `bytes`.
  std::optional<LogRecord> decode(std::string_view bytes);

 private:
  std::vector<uint64_t> aligned_;
};

// Cuts a batch's body into records of at most kRecordBytesMax; the first one is frame `first`. The
// body is of 1 byte to kPartsMax parts, see bodyFits().
std::vector<std::string> encodeFrames(std::span<const uint8_t> body, LogPoint first,
                                      uint64_t wallMs);
// How many records that makes.
size_t framesOf(size_t bodyBytes);
inline bool bodyFits(size_t bodyBytes) {
  return framesOf(bodyBytes) <= kPartsMax;
}

// Puts batches together of valid frames in order. What a leader leaves unfinished counts for
// nothing: the next one's first frame begins a batch.
class BatchAssembler {
 public:
  struct Batch {
    LogPoint at;  // its last frame
    uint64_t wallMs = 0;
    // Valid until the next call, and as long as the frame's body. Aligned to words.
    std::span<const uint8_t> body;
  };

  enum class Taken {
    kPart,    // the batch goes on
    kWhole,   // batch() is whole
    kBroken,  // no batch of this program's has such a part: what follows cannot be understood
  };
  // Takes the next valid frame.
  Taken take(const Frame& frame);
  // A take-over was valid: what was begun is dropped.
  void drop();
  // Between batches.
  bool idle() const { return parts_ == 0; }
  const Batch& batch() const { return batch_; }

 private:
  void begin();

  Batch batch_;
  std::vector<uint64_t> words_;  // of parts until now
  size_t bytes_ = 0;
  uint32_t next_ = 0;
  uint32_t parts_ = 0;  // 0: no batch is under way
};

}  // namespace holdfast::replication
