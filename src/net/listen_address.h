// Addresses that the server listens on: "host:port", "[v6]:port", "unix:PATH".
#pragma once

#include <kj/io.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace holdfast {

// A socket that listens. Not blocking, closed on exec.
struct ListeningSocket {
  kj::AutoCloseFd fd;
  std::string name;      // as clients write it, with the port that was chosen for port 0
  std::string unixPath;  // to be unlinked at the end; empty: an IP socket
};

// Binds and listens. A name is resolved, and every address it resolves to is bound. Only loopback
// and Unix sockets are allowed: whoever can connect has every right, since authentication is off.
//
// A Unix socket that nobody listens on any more (its process was killed) is replaced; one that
// somebody listens on is an error. Call it only while holding the store's lock, so that two
// controllers of one directory cannot both find the other's socket stale.
Result<std::vector<ListeningSocket>> listenOn(std::string_view address);

// Why listenOn() would fail, as far as that can be told without listening. Leaves nothing bound and
// touches no socket of another process. For use before the store is opened.
std::optional<Error> cannotListenOn(std::string_view address);

}  // namespace holdfast
