// What a follower does with a batch of the log.
#pragma once

#include <optional>

#include "core/replica/replica.h"
#include "core/result.h"
#include "replication/frame_body.h"

namespace holdfast::replication {

// Applies its writes in order. An error says what does not fit, after which the replica is not what
// the leader has. The replica keeps nothing of the body.
std::optional<Error> apply(const FrameBody& body, Replica& replica);

}  // namespace holdfast::replication
