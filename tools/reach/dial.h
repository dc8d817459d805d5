// From an address to a connected socket.
#pragma once

#include <kj/io.h>

#include <chrono>

#include "core/address.h"
#include "core/result.h"

namespace holdfast::reach {

// Resolves the name and tries each of its addresses, within one time limit for all. The socket does
// not block and is closed on exec. The error is a clause that says what is wrong there, for a
// sentence that names the address.
Result<kj::AutoCloseFd> dial(const Address& address, std::chrono::milliseconds patience);

}  // namespace holdfast::reach
