// Addresses of controllers, as options name them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// Controllers that a client may be told of.
inline constexpr size_t kControllersMax = 16;

// What is wrong with "HOST:PORT", "[V6]:PORT" or "unix:PATH", as a sentence; nothing if it has one
// of these forms. HOST is a name or an IPv4 address, PORT 1 to 65,535, PATH 1 to 107 bytes.
// Resolves nothing.
std::optional<std::string> invalidControllerAddress(std::string_view address);

// The same of a list of 1 to kControllersMax of them, separated by commas, each once. A path has no
// comma.
std::optional<std::string> invalidControllerAddresses(std::string_view list);
// Of a valid list, in its order.
std::vector<std::string> controllerAddresses(std::string_view list);

// Of a valid one: the host, without brackets; empty for a Unix socket.
std::string hostOf(std::string_view address);

}  // namespace holdfast
