#include "core/address.h"

#include <charconv>
#include <system_error>

#include "core/ids.h"

namespace holdfast {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

Error malformed(std::string_view text, const std::string& why) {
  return {ErrorCode::kInvalid,
          quotedForPeople(text) + " is no address: " + why + "; use " + std::string(kAddressForms)};
}

Result<Address> parseUnix(std::string_view text) {
  const std::string_view path = text.substr(kUnixPrefix.size());
  if (path.empty()) return malformed(text, "it has no path");
  if (path.size() > kUnixPathBytesMax) {
    return malformed(text, "its path has " + std::to_string(path.size()) +
                               " bytes, a Unix socket's may have " +
                               std::to_string(kUnixPathBytesMax));
  }
  if (path.find('\0') != std::string_view::npos) return malformed(text, "its path has a zero byte");
  return Address{.host = {}, .port = 0, .unixPath = std::string(path)};
}

}  // namespace

Result<Address> parseAddress(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return parseUnix(text);
  if (text.find("://") != std::string_view::npos) return malformed(text, "it is a URL");
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return malformed(text, text.find('/') == std::string_view::npos
                               ? "it has no port"
                               : "a path of a Unix socket begins with unix:");
  }
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return malformed(text, "an IPv6 address stands in brackets");
  }
  if (host.empty()) return malformed(text, "it has no host");
  if (host.find('\0') != std::string_view::npos) return malformed(text, "its host has a zero byte");
  uint16_t number = 0;
  const char* const end = port.data() + port.size();
  const auto [stop, error] = std::from_chars(port.data(), end, number);
  if (error != std::errc() || stop != end) {
    return malformed(
        text, port.empty() ? "it has no port" : quotedForPeople(port) + " is no port, 0 to 65535");
  }
  return Address{.host = std::string(host), .port = number, .unixPath = {}};
}

}  // namespace holdfast
