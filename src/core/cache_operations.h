// Cache operations (clear, pin, compress, decompress, move, health): what a worker is asked to do,
// what it answers, and the event that keeps both. Who asks whom when is core/operations'.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/rare_text.h"
#include "core/types.h"

namespace holdfast {

// As in schema/types.capnp, same order; so are the two below.
enum class OperationKind : uint8_t { kClear, kPin, kCompress, kDecompress, kMove, kHealth };
inline constexpr size_t kOperationKinds = 6;
std::string_view operationName(OperationKind kind);  // "clear"

enum class RankStatus : uint8_t {
  kPending,   // not sent yet
  kRunning,   // sent, or the worker says that it runs
  kUnknown,   // was sent, and the session or the controller ended: the worker will say
  kDone,      // this and what follows is final
  kFailed,    // the worker answered with an error
  kTimedOut,  // no answer in time: it may still come about
  kLost,      // the worker that it was sent to is gone and did not say
  kNeverRun,  // the worker has not begun it and never will
};
std::string_view rankStatusName(RankStatus status);  // "timed out"

enum class EventStatus : uint8_t {
  kRunning,
  kUnknown,  // some rank is
  kDone,     // every rank did it, with the same number of tokens
  kFailed,   // the rest
};
std::string_view eventStatusName(EventStatus status);  // "running"

// Error codes of a rank's health; the first three are the interface document's. 0 is healthy.
inline constexpr int32_t kHealthError = -1001;       // the worker answered with an error
inline constexpr int32_t kHealthUnexpected = -1002;  // it does not know the call
inline constexpr int32_t kHealthUnreadable = -1003;  // its answer cannot be read
inline constexpr int32_t kHealthNoAnswer = -1004;    // not in time
inline constexpr int32_t kHealthLost = -1005;        // nobody to ask

// What one rank is asked, over its own connection.
struct WorkerOperation {
  enum class Ask : uint8_t {
    kBegin,
    kCheck,  // what became of it, on this session or an earlier one? Answered at once
    kAwait,  // the same, answered when it has ended
  };
  struct Destination {
    std::string instance;
    uint32_t worker = 0;
    std::string location;
    std::string peerUrl;  // empty where it is the worker itself
  };

  Ask ask = Ask::kBegin;
  uint64_t number = 0;  // of the event; all that kCheck and kAwait need
  OperationKind kind = OperationKind::kClear;
  std::string_view location;
  bool allChunks = true;  // else `chunks`
  std::span<const ChunkHash> chunks;
  std::string_view method;
  Destination destination;  // of a move
  bool copy = false;
  uint64_t ttlSeconds = 0;  // of a pin; 0: it does not end by itself
};

// What it answers.
struct OperationOutcome {
  enum class Status : uint8_t { kNeverRun, kRunning, kDone, kFailed };  // as in the schema
  Status status = Status::kFailed;
  uint64_t numTokens = 0;
  int32_t errorCode = 0;
  std::string error;
};

struct RankRecord {
  uint32_t worker = 0;
  int32_t errorCode = 0;
  uint64_t run = 0;  // of the process that is asked
  uint64_t numTokens = 0;
  RareText error;  // one of thousands of ranks that are remembered has one
  RankStatus status = RankStatus::kPending;

  bool final() const { return status >= RankStatus::kDone; }
  friend bool operator==(const RankRecord&, const RankRecord&) = default;
};

// All arguments of an operation in 128 bits: the same id with others is an error.
struct ArgumentsDigest {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const ArgumentsDigest&, const ArgumentsDigest&) = default;
};

struct EventRecord {
  std::string id;
  uint64_t number = 0;  // random: names the event towards workers
  OperationKind kind = OperationKind::kClear;
  std::string instance;
  std::string location;
  RareText toInstance;  // of a move
  RareText toLocation;
  RareText method;
  bool copy = false;
  uint32_t chunks = 0;           // asked for; 0: all
  uint64_t ttlSeconds = 0;       // of a pin
  std::vector<ChunkHash> toPin;  // of a pin until it has ended: its chunks
  ArgumentsDigest arguments;
  uint64_t createdWallMs = 0;
  uint64_t finishedWallMs = 0;    // 0: some rank is not final
  std::vector<RankRecord> ranks;  // by worker
  uint64_t createdStoreMs = 0;    // the same in store time; 0: the wall clock's stands for it
  uint64_t finishedStoreMs = 0;

  // In store time.
  uint64_t createdMs() const { return createdStoreMs != 0 ? createdStoreMs : createdWallMs; }
  uint64_t finishedMs() const { return finishedStoreMs != 0 ? finishedStoreMs : finishedWallMs; }
  bool final() const {
    return std::all_of(ranks.begin(), ranks.end(), [](const auto& rank) { return rank.final(); });
  }
  friend bool operator==(const EventRecord&, const EventRecord&) = default;
};

}  // namespace holdfast
