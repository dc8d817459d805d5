#include "reach/dial.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <thread>

#include "core/ids.h"
#include "locks/mutex.h"

namespace holdfast::reach {
namespace {

using Clock = std::chrono::steady_clock;

Error cannot(std::string why) {
  return {ErrorCode::kUnavailable, std::move(why)};
}

// What a connect() that failed means to a person.
std::string reasonOf(int error, bool isUnix) {
  switch (error) {
    case ECONNREFUSED:
      return isUnix ? "nobody listens on that socket any more, its process has ended"
                    : "connection refused, nothing listens there";
    case ENOENT:
      return "there is no such socket";
    case EACCES:
    case EPERM:
      return "this user may not connect there";
    case EHOSTUNREACH:
    case ENETUNREACH:
      return "there is no way from this machine to that host";
    case ETIMEDOUT:
      return "the host does not answer: it is down, or what is sent to it is dropped on the way";
    case EAGAIN:
      return "it accepts no connections: it is stopped or overloaded";
    default:
      return std::strerror(error);
  }
}

// A look-up of a name, which the system gives no way to cut short: it has a thread of its own, and
// whoever comes last frees what was found.
struct LookUp {
  Mutex mutex;
  Condition ended;
  bool done HOLDFAST_GUARDED_BY(mutex) = false;
  int code HOLDFAST_GUARDED_BY(mutex) = 0;
  addrinfo* found = nullptr;  // not to be touched before it is done

  ~LookUp() {
    if (found != nullptr) freeaddrinfo(found);
  }
};

int lookUp(const Address& address, int flags, addrinfo** found) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  return getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, found);
}

Result<std::shared_ptr<LookUp>> resolve(const Address& address, Clock::time_point deadline) {
  auto one = std::make_shared<LookUp>();
  if (lookUp(address, AI_NUMERICHOST, &one->found) == 0) return one;
  std::thread([one, address]() {
    addrinfo* found = nullptr;
    const int code = lookUp(address, AI_ADDRCONFIG, &found);
    const MutexLock lock(one->mutex);
    one->code = code;
    one->found = found;
    one->done = true;
    one->ended.notifyAll();
  }).detach();
  const MutexLock lock(one->mutex);
  const std::string host = quotedForPeople(address.host);
  while (!one->done && one->ended.waitUntil(one->mutex, deadline)) {
  }
  if (!one->done) {
    return cannot("the address of the host " + host + " could not be found out in time");
  }
  if (one->code == 0) return one;
  return cannot("no address of the host " + host + " is found (" + gai_strerror(one->code) + ")");
}

// Connects within the time that is left.
Result<kj::AutoCloseFd> connectTo(const sockaddr* address, socklen_t size,
                                  Clock::time_point deadline) {
  const bool isUnix = address->sa_family == AF_UNIX;
  kj::AutoCloseFd fd(socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return cannot(std::strerror(errno));
  if (connect(fd.get(), address, size) != 0) {
    if (errno != EINPROGRESS) return cannot(reasonOf(errno, isUnix));
    pollfd writable{.fd = fd.get(), .events = POLLOUT, .revents = 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    const auto timeout =
        static_cast<int>(std::clamp<int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
    int error = ETIMEDOUT;
    socklen_t length = sizeof(error);
    if (poll(&writable, 1, timeout) == 1) {
      getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    }
    if (error != 0) return cannot(reasonOf(error, isUnix));
  }
  if (!isUnix) {
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  return fd;
}

Result<kj::AutoCloseFd> dialUnix(const std::string& path, Clock::time_point deadline) {
  struct stat there {};
  if (stat(path.c_str(), &there) == 0 && !S_ISSOCK(there.st_mode)) {
    return cannot("that file is no socket");
  }
  sockaddr_un address{};
  static_assert(kUnixPathBytesMax < sizeof(address.sun_path));
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return connectTo(reinterpret_cast<const sockaddr*>(&address), sizeof(address), deadline);
}

}  // namespace

Result<kj::AutoCloseFd> dial(const Address& address, std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  if (address.isUnix()) return dialUnix(address.unixPath, deadline);
  const auto resolved = resolve(address, deadline);
  if (!resolved.ok()) return resolved.error();
  Error last = cannot("the host has no address");
  for (const addrinfo* one = resolved.value()->found; one != nullptr; one = one->ai_next) {
    auto connected = connectTo(one->ai_addr, one->ai_addrlen, deadline);
    if (connected.ok()) return connected;
    last = connected.error();
  }
  return last;
}

}  // namespace holdfast::reach
