// Bounds of what comes in through the doors, beside those of messages in core/limits.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/limits.h"

namespace holdfast {

inline constexpr size_t kConnectionsPerAddressDefault = 10000;
// What peers make the controller hold: messages that came in part, calls that are not answered,
// answers that are not read. Of one: each of the three at its own limit, and some room.
inline constexpr size_t kHeldByOnePeerBytesMax = 4 * kMessageBytesMax;
inline constexpr size_t kHeldByPeersBytesDefault = size_t{1} << 30;
// A connection without a session that says nothing for so long is closed.
inline constexpr uint64_t kSilentConnectionMs = 600'000;

}  // namespace holdfast
