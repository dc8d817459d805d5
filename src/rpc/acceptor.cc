#include "rpc/acceptor.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace holdfast {

Acceptor::Acceptor(kj::UnixEventPort& port, kj::AutoCloseFd listening)
    : listening_(kj::mv(listening)),
      observer_(port, listening_.get(), kj::UnixEventPort::FdObserver::OBSERVE_READ) {}

kj::Promise<kj::AutoCloseFd> Acceptor::accept() {
  for (;;) {
    const int fd = ::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return kj::AutoCloseFd(fd);
    switch (errno) {
      case EAGAIN:
        return observer_.whenBecomesReadable().then([this]() { return accept(); });
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
