// The event that remembers a cache operation: what was asked for, and what each rank answered. It
// is what the store keeps of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/cache_operations.h"
#include "core/rare_text.h"
#include "core/types.h"

namespace holdfast {

// As in schema/types.capnp, same order; so is the next.
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
