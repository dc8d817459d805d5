// Reports of operations, exactly as LMCache's workers encode them: nearly all that a controller
// ever gets of a fleet, so they are read without a parser that asks each byte what it is.
#pragma once

#include <string_view>

#include "gateways/lmcache/messages.h"

namespace holdfast::lmcache {

// True: the payload is a BatchedKVOperationMsg in MessagePack with all its fields in the order of
// lmcache's class, and `message` is what a Decoder makes of it; only the fields of that type are
// written. False: it is anything else, wrong or not; what `message` holds is of no use then. Views
// refer to the payload; nothing is reserved for what a size claims.
bool readReport(std::string_view payload, Message& message);

}  // namespace holdfast::lmcache
