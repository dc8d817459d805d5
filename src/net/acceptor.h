// Takes the connections that come to a listening socket, as sockets that do not block.
#pragma once

#include <kj/async-unix.h>
#include <kj/io.h>
#include <kj/time.h>

#include "net/loop_turns.h"

namespace holdfast {

struct AcceptedSocket {
  kj::AutoCloseFd fd;
  // The other side connected, and began to send, after this: nobody was waiting then.
  kj::TimePoint notBefore;
};

class Acceptor {
 public:
  // `listening` must not block, and listens since a moment ago. The rest outlives the acceptor.
  Acceptor(kj::UnixEventPort& port, LoopTurns& turns, kj::AutoCloseFd listening);

  // The next one; one call at a time. Fails where the process or the machine is out of something,
  // and may be called again then.
  kj::Promise<AcceptedSocket> accept();

 private:
  const kj::AutoCloseFd listening_;
  kj::UnixEventPort::FdObserver observer_;
  LoopTurns& turns_;
  kj::TimePoint emptyAt_;  // nobody was waiting
};

}  // namespace holdfast
