#include "net/listen_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

#include "core/address.h"
#include "core/ids.h"

namespace holdfast {
namespace {

constexpr int kBacklog = 4096;
// A peer that is silent for so long is asked whether it is there; that it is not shows after some
// more, and so does an answer that it never acknowledges.
constexpr int kKeepAliveIdleSeconds = 60;
constexpr int kKeepAliveIntervalSeconds = 15;
constexpr int kKeepAliveProbes = 4;
constexpr int kGoneAfterMs = 120'000;

Error cannot(std::string_view address, const std::string& why,
             ErrorCode code = ErrorCode::kUnavailable) {
  return {code, "cannot listen on " + std::string(address) + ": " + why};
}

// What a call of the system says, and what to do where that is known.
std::string reason(int error) {
  switch (error) {
    case EADDRINUSE:
      return "it is in use; another process listens there: stop it or choose another port";
    case EADDRNOTAVAIL:
      return "this machine has no such address";
    case EACCES:
      return "this user may not";
    case ENOENT:
      return "its directory does not exist";
    default:
      return std::strerror(error);
  }
}

kj::AutoCloseFd newSocket(int family) {
  return kj::AutoCloseFd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// The generic form that the calls of the system take.
const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Whether the socket file belongs to nobody any more. A full backlog (EAGAIN) means somebody is.
bool isStale(const sockaddr_un& address) {
  const kj::AutoCloseFd probe = newSocket(AF_UNIX);
  return connect(probe.get(), generic(address), sizeof(address)) != 0 && errno == ECONNREFUSED;
}

sockaddr_un unixAddress(const std::string& path) {
  sockaddr_un address{};
  static_assert(kUnixPathBytesMax < sizeof(address.sun_path));
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

enum class SocketFile { kNone, kStale };

// What stands where a Unix socket is to be, or why that must stay.
Result<SocketFile> lookAt(std::string_view text, const std::string& path) {
  struct stat existing {};
  if (lstat(path.c_str(), &existing) != 0) {
    if (errno == ENOENT) return SocketFile::kNone;
    return cannot(text, reason(errno));
  }
  if (!S_ISSOCK(existing.st_mode)) {
    return cannot(text, "the file exists and is no socket; choose another path",
                  ErrorCode::kRefused);
  }
  if (isStale(unixAddress(path))) return SocketFile::kStale;
  return cannot(text, "another process listens there; stop it or choose another path",
                ErrorCode::kRefused);
}

// The group of that name or number.
Result<gid_t> groupNamed(std::string_view text, const std::string& name) {
  gid_t number = 0;
  const char* const end = name.data() + name.size();
  const auto read = std::from_chars(name.data(), end, number);
  if (read.ec == std::errc() && read.ptr == end) return number;
  group found{};
  group* result = nullptr;
  std::array<char, 16 << 10> buffer{};
  if (getgrnam_r(name.c_str(), &found, buffer.data(), buffer.size(), &result) != 0 ||
      result == nullptr) {
    return cannot(text, "there is no group " + quotedForPeople(name) + " (--socket-group)",
                  ErrorCode::kInvalid);
  }
  return found.gr_gid;
}

// Binds a socket whose file only this user may connect to. Threads that make files meanwhile make
// them for this user alone, too.
bool bindPrivately(int fd, const sockaddr_un& address) {
  const mode_t before = umask(0077);
  const bool bound = bind(fd, generic(address), sizeof(address)) == 0;
  const int error = errno;
  umask(before);
  errno = error;
  return bound;
}

// Gives a socket that does not listen yet to whom it is for.
std::optional<Error> handOver(std::string_view text, const std::string& path,
                              const SocketAccess& access) {
  constexpr mode_t kForAGroup = 0660;
  if (!access.group.empty()) {
    const auto group = groupNamed(text, access.group);
    if (!group.ok()) return group.error();
    if (lchown(path.c_str(), static_cast<uid_t>(-1), group.value()) != 0) {
      return cannot(text, "it cannot be given to the group " + quotedForPeople(access.group) +
                              " (--socket-group): " + std::strerror(errno) +
                              "; a process that is not root must belong to the group");
    }
  }
  const mode_t mode = access.mode.value_or(kForAGroup);
  if (fchmodat(AT_FDCWD, path.c_str(), mode, AT_SYMLINK_NOFOLLOW) == 0) return std::nullopt;
  return cannot(text, std::string("its mode cannot be set: ") + std::strerror(errno));
}

Result<ListeningSocket> listenOnUnix(std::string_view text, const std::string& path,
                                     const SocketAccess& access) {
  const auto existing = lookAt(text, path);
  if (!existing.ok()) return existing.error();
  if (existing.value() == SocketFile::kStale && unlink(path.c_str()) != 0) {
    return cannot(text, "a killed process left its socket there, and this user may not remove it");
  }
  kj::AutoCloseFd fd = newSocket(AF_UNIX);
  const sockaddr_un address = unixAddress(path);
  const bool asUsual = !access.mode && access.group.empty();
  if (fd.get() < 0 || !(asUsual ? bind(fd.get(), generic(address), sizeof(address)) == 0
                                : bindPrivately(fd.get(), address))) {
    return cannot(text, reason(errno));
  }
  if (!asUsual) {
    if (const auto wrong = handOver(text, path, access)) {
      unlink(path.c_str());
      return *wrong;
    }
  }
  if (listen(fd.get(), kBacklog) != 0) return cannot(text, reason(errno));
  return ListeningSocket{kj::mv(fd), std::string(text), path, Trust::kLocal};
}

std::optional<Error> cannotListenOnUnix(std::string_view text, const std::string& path,
                                        const SocketAccess& socketAccess) {
  const auto existing = lookAt(text, path);
  if (!existing.ok()) return existing.error();
  if (!socketAccess.group.empty()) {
    if (const auto group = groupNamed(text, socketAccess.group); !group.ok()) return group.error();
  }
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (access(directory.c_str(), W_OK | X_OK) == 0) return std::nullopt;
  return cannot(text, reason(errno));
}

bool isLoopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
  }
  return false;
}

std::string nameOf(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  char host[NI_MAXHOST] = "";
  char port[NI_MAXSERV] = "";
  if (getsockname(fd, address, &size) != 0) return "?";
  getnameinfo(address, size, host, sizeof(host), port, sizeof(port),
              NI_NUMERICHOST | NI_NUMERICSERV);
  const std::string name = storage.ss_family == AF_INET6 ? "[" + std::string(host) + "]" : host;
  return name + ":" + port;
}

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Result<AddressList> resolve(std::string_view text, const Address& to) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  // "*" means every interface.
  const std::string host = to.host == "*" ? "0.0.0.0" : to.host;
  addrinfo* found = nullptr;
  const int resolved = getaddrinfo(host.c_str(), std::to_string(to.port).c_str(), &hints, &found);
  if (resolved != 0) {
    return cannot(text,
                  "no address of the host " + quotedForPeople(host) + " is found (" +
                      gai_strerror(resolved) + ")",
                  ErrorCode::kInvalid);
  }
  return AddressList(found, &freeaddrinfo);
}

// What the connections that are accepted have, too.
void setKeepAlive(int socket) {
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  const auto set = [socket](int option, int value) {
    setsockopt(socket, IPPROTO_TCP, option, &value, sizeof(value));
  };
  set(TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set(TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  set(TCP_KEEPCNT, kKeepAliveProbes);
  set(TCP_USER_TIMEOUT, kGoneAfterMs);
}

enum class Listening { kYes, kBoundOnly };

// Binds every address that the host stands for.
Result<std::vector<ListeningSocket>> bindIp(std::string_view text, const Address& to,
                                            Listening listening) {
  const auto addresses = resolve(text, to);
  if (!addresses.ok()) return addresses.error();
  std::vector<ListeningSocket> sockets;
  Error last;
  for (const addrinfo* a = addresses.value().get(); a != nullptr; a = a->ai_next) {
    kj::AutoCloseFd fd = newSocket(a->ai_family);
    const int on = 1;
    if (fd.get() < 0 || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd.get(), a->ai_addr, a->ai_addrlen) != 0 ||
        (listening == Listening::kYes && listen(fd.get(), kBacklog) != 0)) {
      last = cannot(text, reason(errno));
      continue;
    }
    setKeepAlive(fd.get());
    std::string name = nameOf(fd.get());
    sockets.push_back({kj::mv(fd), std::move(name), "",
                       isLoopback(a->ai_addr) ? Trust::kLocal : Trust::kNetwork});
  }
  if (sockets.empty()) return last;
  return sockets;
}

}  // namespace

bool isLocal(std::string_view address) {
  const auto parsed = parseAddress(address);
  if (!parsed.ok()) return false;
  if (parsed.value().isUnix()) return true;
  const auto addresses = resolve(address, parsed.value());
  if (!addresses.ok()) return false;
  for (const addrinfo* a = addresses.value().get(); a != nullptr; a = a->ai_next) {
    if (!isLoopback(a->ai_addr)) return false;
  }
  return true;
}

Result<std::vector<ListeningSocket>> listenOn(std::string_view address,
                                              const SocketAccess& unixSockets) {
  const auto parsed = parseAddress(address);
  if (!parsed.ok()) return parsed.error();
  if (!parsed.value().isUnix()) return bindIp(address, parsed.value(), Listening::kYes);
  auto socket = listenOnUnix(address, parsed.value().unixPath, unixSockets);
  if (!socket.ok()) return socket.error();
  std::vector<ListeningSocket> sockets;
  sockets.push_back(std::move(socket.value()));
  return sockets;
}

std::optional<Error> cannotListenOn(std::string_view address, const SocketAccess& unixSockets) {
  const auto parsed = parseAddress(address);
  if (!parsed.ok()) return parsed.error();
  if (parsed.value().isUnix()) {
    return cannotListenOnUnix(address, parsed.value().unixPath, unixSockets);
  }
  const auto bound = bindIp(address, parsed.value(), Listening::kBoundOnly);
  if (!bound.ok()) return bound.error();
  return std::nullopt;
}

}  // namespace holdfast
