// Where a controller listens, as people write it: host:port, [v6]:port or unix:PATH.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace holdfast {

// For messages about addresses.
inline constexpr std::string_view kAddressForms =
    "host:port (127.0.0.1:7440), [v6]:port ([::1]:7440) or unix:PATH";

struct Address {
  std::string host;      // a name or a number, v6 without its brackets; empty: a Unix socket
  uint16_t port = 0;     // 0 is for listening only: any free one
  std::string unixPath;  // 1 to kUnixPathBytesMax bytes

  bool isUnix() const { return host.empty(); }
};

inline constexpr size_t kUnixPathBytesMax = 107;

// kInvalid, with what is wrong and what an address looks like. A host is not resolved.
Result<Address> parseAddress(std::string_view text);

}  // namespace holdfast
