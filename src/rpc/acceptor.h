// Takes the connections that come to a listening socket, as sockets that do not block.
#pragma once

#include <kj/async-unix.h>
#include <kj/io.h>

namespace holdfast {

class Acceptor {
 public:
  // `listening` must not block. `port` outlives the acceptor.
  Acceptor(kj::UnixEventPort& port, kj::AutoCloseFd listening);

  // The next one; one call at a time. Fails where the process or the machine is out of something,
  // and may be called again then.
  kj::Promise<kj::AutoCloseFd> accept();

 private:
  const kj::AutoCloseFd listening_;
  kj::UnixEventPort::FdObserver observer_;
};

}  // namespace holdfast
