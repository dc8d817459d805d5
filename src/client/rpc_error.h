// What an exception of an RPC means.
#pragma once

#include <kj/exception.h>

#include <string_view>

#include "core/result.h"

namespace holdfast {

// Descriptions that the controller sends begin with "superseded:", "refused:", "invalid:" or
// "unavailable:". Whatever else went wrong, the network above all, is kUnavailable.
Error toError(const kj::Exception& exception);

// The other way, for errors found on this side: toError() gives the description back.
kj::Exception failure(std::string_view description);

}  // namespace holdfast
