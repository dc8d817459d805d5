// Addresses that the server listens on: "host:port", "[v6]:port", "unix:PATH".
#pragma once

#include <kj/io.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/access_control.h"
#include "core/result.h"

namespace holdfast {

// A socket that listens. Not blocking, closed on exec.
struct ListeningSocket {
  kj::AutoCloseFd fd;
  std::string name;      // as clients write it, with the port that was chosen for port 0
  std::string unixPath;  // to be unlinked at the end; empty: an IP socket
  Trust trust;           // of whoever comes in here
  uint32_t mark = 0;     // its door's own, handed on with every connection

  bool isUnix() const { return !unixPath.empty(); }
};

// Who may connect to Unix sockets. Without any of both, the process's umask decides.
struct SocketAccess {
  std::optional<mode_t> mode;  // of the file, up to 0777; with a group alone 0660
  std::string group;           // its name or number; empty: that of the process
};

// Whether only this machine reaches the address: a Unix socket, or a host of which every address is
// a loopback address. Resolves the host; false if that fails.
bool isLocal(std::string_view address);

// Binds and listens. A name is resolved, and every address it resolves to is bound. Who comes in
// over a loopback address or a Unix socket is trusted (Trust::kLocal): a listener on 0.0.0.0 trusts
// nobody, wherever they connect from. TCP connections are given up when the other side has been
// gone for two minutes.
//
// A Unix socket that nobody listens on any more (its process was killed) is replaced; one that
// somebody listens on is an error. Call it only while holding the store's lock, so that two
// controllers of one directory cannot both find the other's socket stale. Nobody can connect to it
// before its mode and its group are as asked for.
Result<std::vector<ListeningSocket>> listenOn(std::string_view address,
                                              const SocketAccess& unixSockets = {});

// Why listenOn() would fail, as far as that can be told without listening. Leaves nothing bound and
// touches no socket of another process. For use before the store is opened.
std::optional<Error> cannotListenOn(std::string_view address, const SocketAccess& unixSockets = {});

}  // namespace holdfast
