#include "rpc/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "core/ids.h"

namespace holdfast {
namespace {

constexpr int kBacklog = 4096;
constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kForms =
    "use host:port (127.0.0.1:7440), [v6]:port ([::1]:7440) or unix:PATH";

Error failed(std::string_view address, std::string_view what, int error) {
  return {ErrorCode::kUnavailable, "cannot listen on " + std::string(address) + ": " +
                                       std::string(what) + ": " + std::strerror(error)};
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

Result<ListeningSocket> listenOnUnix(std::string_view text) {
  const std::string path(text.substr(kUnixPrefix.size()));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Error{ErrorCode::kInvalid, "the path of " + quotedForPeople(text) + " has " +
                                          std::to_string(path.size()) + " bytes, 1 to " +
                                          std::to_string(sizeof(address.sun_path) - 1) +
                                          " are allowed"};
  }
  std::memcpy(address.sun_path, path.data(), path.size());

  kj::AutoCloseFd fd = newSocket(AF_UNIX);
  if (fd.get() < 0) return failed(text, "socket", errno);
  if (bind(fd.get(), generic(address), sizeof(address)) != 0) {
    if (errno != EADDRINUSE) return failed(text, "bind", errno);
    struct stat existing {};
    if (lstat(path.c_str(), &existing) == 0 && !S_ISSOCK(existing.st_mode)) {
      return Error{ErrorCode::kRefused,
                   "cannot listen on " + std::string(text) + ": the file exists and is no socket"};
    }
    if (!isStale(address)) {
      return Error{ErrorCode::kRefused, "cannot listen on " + std::string(text) +
                                            ": another process listens there; stop it or choose "
                                            "another path"};
    }
    if (unlink(path.c_str()) != 0) return failed(text, "unlink of the stale socket", errno);
    if (bind(fd.get(), generic(address), sizeof(address)) != 0) return failed(text, "bind", errno);
  }
  if (listen(fd.get(), kBacklog) != 0) return failed(text, "listen", errno);
  return ListeningSocket{kj::mv(fd), std::string(text), path};
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

struct HostAndPort {
  std::string host;
  std::string port;
};

Result<HostAndPort> split(std::string_view text) {
  const Error malformed{
      ErrorCode::kInvalid,
      quotedForPeople(text) + " is no address to listen on: " + std::string(kForms)};
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return malformed;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return malformed;
  }
  if (host.empty() || port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string_view::npos ||
      std::stoul(std::string(port)) > 65535) {
    return malformed;
  }
  return HostAndPort{std::string(host), std::string(port)};
}

Result<std::vector<ListeningSocket>> listenOnIp(std::string_view text) {
  auto parts = split(text);
  if (!parts.ok()) return parts.error();

  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  // "*" means every interface, which is refused below in the same words as 0.0.0.0.
  const std::string host = parts.value().host == "*" ? "0.0.0.0" : parts.value().host;
  addrinfo* found = nullptr;
  const int resolved = getaddrinfo(host.c_str(), parts.value().port.c_str(), &hints, &found);
  if (resolved != 0) {
    return Error{ErrorCode::kInvalid,
                 "cannot listen on " + std::string(text) + ": " + gai_strerror(resolved)};
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);

  std::vector<ListeningSocket> sockets;
  Error last;
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    if (!isLoopback(a->ai_addr)) {
      return Error{ErrorCode::kRefused,
                   "refusing to listen on " + std::string(text) +
                       ": it can be reached from other machines, and authentication is off, so "
                       "anyone could register workers; listen on a loopback address or a Unix "
                       "socket (unix:PATH)"};
    }
    kj::AutoCloseFd fd = newSocket(a->ai_family);
    const int on = 1;
    if (fd.get() < 0 || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd.get(), a->ai_addr, a->ai_addrlen) != 0 || listen(fd.get(), kBacklog) != 0) {
      last = failed(text, "bind", errno);
      continue;
    }
    std::string name = nameOf(fd.get());
    sockets.push_back({kj::mv(fd), std::move(name), ""});
  }
  if (sockets.empty()) return last;
  return sockets;
}

}  // namespace

Result<std::vector<ListeningSocket>> listenOn(std::string_view address) {
  if (!address.starts_with(kUnixPrefix)) return listenOnIp(address);
  auto socket = listenOnUnix(address);
  if (!socket.ok()) return socket.error();
  std::vector<ListeningSocket> sockets;
  sockets.push_back(std::move(socket.value()));
  return sockets;
}

}  // namespace holdfast
