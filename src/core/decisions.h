// What a controller decides about a location that a worker states, and why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

// Here and below as in schema/types.capnp and messages.capnp, same order.
enum class Reason : uint8_t {
  kNone,
  kEqual,
  kContentDiffers,
  kBehind,
  kGapTooOld,
  kWorkerRolledBack,
  kUnknownEmpty,
  kUnknownReplay,
  kUnknown,
  kAdopted,
  kRestartedEmpty,
  kRestarted,
  kLiveGap,
  kQuarantined,
  kRefused,
  kNotStated,
  kHeldOverflow,
  kReplayTimedOut,
  kForced,
  kLegacy,
  kSyncContinues,
  kRenumbered,
  kModelChanged,
  kRunRepeated,
  kReportsLost,
  kCleared,
};
inline constexpr size_t kReasons = 26;
std::string_view reasonName(Reason reason);  // "content differs", for people

enum class DecisionKind : uint8_t { kInSync, kReplay, kDiverged, kSyncing };

}  // namespace holdfast
