// How workers and locations are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

// Both as in schema/types.capnp, same order.
enum class WorkerState : uint8_t {
  kActive,     // registered and heard of within the heartbeat time-out
  kLost,       // connection gone or silent: out of look-ups, state kept
  kRecovered,  // was active when the controller stopped: in look-ups, flagged unconfirmed
};
inline constexpr size_t kWorkerStates = 3;
std::string_view workerStateName(WorkerState state);  // "ACTIVE"

enum class SyncState : uint8_t {
  kInSync,     // incarnation, seq, count and digest were compared equal
  kCaughtUp,   // nothing known to be missing, not compared since
  kDiverged,   // needs a repair
  kReplaying,  // the worker was asked to send again what is missing
  kSyncing,    // a full sync is under way
};
inline constexpr size_t kSyncStates = 5;
std::string_view syncStateName(SyncState state);  // "in sync"

}  // namespace holdfast
