// What a controller leaves to others of its group: the one place that both doors ask.
#pragma once

#include <cstdint>
#include <optional>

#include "core/replica_view.h"
#include "core/result.h"

namespace holdfast {

// Why what changes something, or what only the leader knows, is not done here: kUnavailable, with
// the leader's address where it is known. Nothing: it may be done.
std::optional<Error> leftToLeader(const ReplicaView& here);

// Why a look-up is not answered here: kUnavailable. `maxAgeMs`: what it asks for; 0: any.
std::optional<Error> tooOld(const ReplicaView& here, uint64_t maxAgeMs);

}  // namespace holdfast
