// What a follower does with a batch of the log.
#pragma once

#include <optional>

#include "core/placed_store.h"
#include "core/replica/replica.h"
#include "core/result.h"
#include "replication/frame_body.h"
#include "replication/publisher.h"

namespace holdfast::replication {

// Applies its writes in order. An error says what does not fit, after which the replica is not what
// the leader has. The replica keeps nothing of the body.
std::optional<Error> apply(const FrameBody& body, Replica& replica);
// The same of a batch of a log, for a replica on a store that stands at `from` there: before it, or
// within it. With each write `store` reaches its place, with the last one `after`. After an error
// it stands before the write that did not fit.
std::optional<Error> apply(const FrameBody& body, Replica& replica, PlacedStore& store,
                           LogPlace from, const LogPlace& after);

}  // namespace holdfast::replication
