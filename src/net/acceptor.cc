#include "net/acceptor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {

std::string peerName(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "a client";
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return std::string(text) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6->sin6_port));
  }
  return "a client of the Unix socket";
}

Acceptor::Acceptor(kj::UnixEventPort& port, LoopTurns& turns, ListeningSocket listening)
    : listening_(std::move(listening)),
      observer_(port, listening_.fd.get(), kj::UnixEventPort::FdObserver::OBSERVE_READ),
      turns_(turns),
      emptyAt_(kj::systemPreciseMonotonicClock().now()) {}

kj::Promise<AcceptedSocket> Acceptor::accept() {
  for (;;) {
    const kj::TimePoint asked = kj::systemPreciseMonotonicClock().now();
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    auto* const address = reinterpret_cast<sockaddr*>(&from);
    const int fd = ::accept4(listening_.fd.get(), address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      return AcceptedSocket{kj::AutoCloseFd(fd),    emptyAt_,
                            listening_.trust,       listening_.isUnix(),
                            peerAddressOf(address), listening_.mark};
    }
    switch (errno) {
      case EAGAIN:
        emptyAt_ = asked;
        return observer_.whenBecomesReadable().then([this]() {
          turns_.observeReport();
          emptyAt_ = std::max(emptyAt_, turns_.earliestArrival());
          return accept();
        });
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return kj::Exception(kj::Exception::Type::OVERLOADED, __FILE__, __LINE__,
                             kj::str(std::strerror(errno)));
      case EBADF:
      case EINVAL:
      case ENOTSOCK:
        return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                             kj::str(std::strerror(errno)));
      default:
        break;  // one that broke before it was taken, or a signal
    }
  }
}

}  // namespace holdfast
