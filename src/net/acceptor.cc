#include "net/acceptor.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace holdfast {
Acceptor::Acceptor(kj::UnixEventPort& port, LoopTurns& turns, kj::AutoCloseFd listening)
    : listening_(kj::mv(listening)),
      observer_(port, listening_.get(), kj::UnixEventPort::FdObserver::OBSERVE_READ),
      turns_(turns),
      emptyAt_(kj::systemPreciseMonotonicClock().now()) {}

kj::Promise<AcceptedSocket> Acceptor::accept() {
  for (;;) {
    const kj::TimePoint asked = kj::systemPreciseMonotonicClock().now();
    const int fd = ::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return AcceptedSocket{kj::AutoCloseFd(fd), emptyAt_};
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
