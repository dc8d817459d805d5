// Addresses of controllers, as options name them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// What is wrong with "HOST:PORT", "[V6]:PORT" or "unix:PATH", as a sentence; nothing if it has one
// of these forms. HOST is a name or an IPv4 address, PORT 1 to 65,535, PATH 1 to 107 bytes.
// Resolves nothing.
std::optional<std::string> invalidControllerAddress(std::string_view address);

// Of a valid one: the host, without brackets; empty for a Unix socket.
std::string hostOf(std::string_view address);

}  // namespace holdfast
