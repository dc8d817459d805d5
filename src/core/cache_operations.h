// Cache operations (clear, pin, compress, decompress, move, health): what a worker is asked to do
// and what it answers. Who asks whom when is core/operations'.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace holdfast {

// As in schema/types.capnp, same order.
enum class OperationKind : uint8_t { kClear, kPin, kCompress, kDecompress, kMove, kHealth };
inline constexpr size_t kOperationKinds = 6;
std::string_view operationName(OperationKind kind);  // "clear"

// Error codes of a rank's health; the first three are the interface document's. 0 is healthy.
inline constexpr int32_t kHealthError = -1001;       // the worker answered with an error
inline constexpr int32_t kHealthUnexpected = -1002;  // it does not know the call
inline constexpr int32_t kHealthUnreadable = -1003;  // its answer cannot be read
inline constexpr int32_t kHealthNoAnswer = -1004;    // not in time
inline constexpr int32_t kHealthLost = -1005;        // nobody to ask

// The prompt whose chunks an operation is about, shared by all who still need it: it may have
// millions of tokens. Null: it is not known, or nobody needs it.
using PromptTokens = std::shared_ptr<const std::vector<uint32_t>>;

// What one rank is asked, over its own connection. Does not own what it names.
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

    friend bool operator==(const Destination&, const Destination&) = default;
  };

  Ask ask = Ask::kBegin;
  uint64_t number = 0;  // of the event; all that kCheck and kAwait need
  OperationKind kind = OperationKind::kClear;
  std::string_view location;
  bool allChunks = true;  // else `chunks`
  std::span<const ChunkHash> chunks;
  PromptTokens tokens = {};  // that they are of, for a worker that takes tokens
  std::string_view method;
  Destination destination;  // of a move
  bool copy = false;
  uint64_t ttlSeconds = 0;  // of a pin; 0: it does not end by itself
};

// What it answers.
struct OperationOutcome {
  enum class Status : uint8_t {  // as in the schema
    kNeverRun,
    kRunning,
    kDone,
    kFailed,
    kForgotten,  // it was asked, and does not know what became of it
  };
  Status status = Status::kFailed;
  uint64_t numTokens = 0;
  int32_t errorCode = 0;
  std::string error;

  friend bool operator==(const OperationOutcome&, const OperationOutcome&) = default;
};

}  // namespace holdfast
