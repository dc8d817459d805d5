#include "daemon/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "core/check.h"

namespace holdfast {

Wakeup::Wakeup(kj::UnixEventPort& port)
    : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      observer_(port, fd_.get(), kj::UnixEventPort::FdObserver::OBSERVE_READ) {
  HOLDFAST_CHECK(fd_.get() >= 0, "no eventfd: the process is out of file descriptors");
}

void Wakeup::signal() {
  if (pending_.exchange(true)) return;
  const uint64_t one = 1;
  // Cannot fail: the counter is far from full.
  [[maybe_unused]] const ssize_t written = ::write(fd_.get(), &one, sizeof(one));
}

kj::Promise<void> Wakeup::signalled() {
  uint64_t count = 0;
  if (::read(fd_.get(), &count, sizeof(count)) == sizeof(count)) {
    // Before the caller looks at what is new: a signal from now on is a new one.
    pending_.store(false);
    return kj::READY_NOW;
  }
  return observer_.whenBecomesReadable().then([this]() { return signalled(); });
}

}  // namespace holdfast
