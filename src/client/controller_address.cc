#include "client/controller_address.h"

#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "core/ids.h"

namespace holdfast {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kForms =
    "use HOST:PORT (127.0.0.1:7440), [V6]:PORT ([::1]:7440) or unix:PATH";

bool isPort(std::string_view text) {
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65'535;
}

bool isHost(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    return host.find(':') != std::string_view::npos &&
           host.find_first_of("[]/*\\\" ") == std::string_view::npos;
  }
  return !host.empty() && host.find_first_of(":[]/*\\\" ") == std::string_view::npos;
}

}  // namespace

std::optional<std::string> invalidControllerAddress(std::string_view address) {
  const std::string named = "the address of the controller, " + quotedForPeople(address) + ", ";
  if (address.empty()) return "the address of the controller is empty: " + std::string(kForms);
  if (const auto wrong = invalidText("the address of the controller", address, 1'024)) return wrong;
  if (address.starts_with(kUnixPrefix)) {
    const size_t bytes = address.size() - kUnixPrefix.size();
    if (bytes > 0 && bytes < sizeof(sockaddr_un::sun_path)) return std::nullopt;
    return named + "has a path of " + std::to_string(bytes) + " bytes, 1 to " +
           std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " are allowed";
  }
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || address.back() == ']') {
    return named + "has no port: " + std::string(kForms);
  }
  if (!isHost(address.substr(0, colon))) return named + "names no host: " + std::string(kForms);
  if (!isPort(address.substr(colon + 1))) {
    return named + "has no port from 1 to 65535 at its end: " + std::string(kForms);
  }
  return std::nullopt;
}

std::optional<std::string> invalidControllerAddresses(std::string_view list) {
  const std::vector<std::string> addresses = controllerAddresses(list);
  if (addresses.size() > kControllersMax) {
    return std::to_string(addresses.size()) + " addresses of controllers, at most " +
           std::to_string(kControllersMax) + " are allowed";
  }
  for (size_t i = 0; i < addresses.size(); ++i) {
    if (auto wrong = invalidControllerAddress(addresses[i])) return wrong;
    if (std::find(addresses.begin(), addresses.begin() + static_cast<std::ptrdiff_t>(i),
                  addresses[i]) != addresses.begin() + static_cast<std::ptrdiff_t>(i)) {
      return "the address of the controller, " + quotedForPeople(addresses[i]) + ", is named twice";
    }
  }
  return std::nullopt;
}

std::vector<std::string> controllerAddresses(std::string_view list) {
  std::vector<std::string> addresses;
  for (;;) {
    const size_t comma = list.find(',');
    addresses.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return addresses;
    list.remove_prefix(comma + 1);
  }
}

std::string hostOf(std::string_view address) {
  if (address.starts_with(kUnixPrefix)) return {};
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

}  // namespace holdfast
