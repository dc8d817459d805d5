// From an address to a connected socket.
#pragma once

#include <kj/io.h>

#include <chrono>

#include "core/address.h"
#include "core/result.h"

namespace holdfast::reach {

// Resolves the name and tries each of its addresses, for at most so long altogether. Not blocking,
// closed on exec. The error is a clause: what is wrong there, for a sentence that names the
// address.
Result<kj::AutoCloseFd> dial(const Address& address, std::chrono::milliseconds patience);

}  // namespace holdfast::reach
