// Takes the connections that come to a listening socket, as sockets that do not block.
#pragma once

#include <kj/async-unix.h>
#include <kj/io.h>
#include <kj/time.h>

#include <cstdint>
#include <string>

#include "access/access_control.h"
#include "net/address_counts.h"
#include "net/listen_address.h"
#include "net/loop_turns.h"

namespace holdfast {

struct AcceptedSocket {
  kj::AutoCloseFd fd;
  // The other side connected, and began to send, after this: nobody was waiting then.
  kj::TimePoint notBefore;
  Trust trust = Trust::kNetwork;  // as its listener has it
  bool isUnix = false;
  PeerAddress address = {};  // of a Unix socket: none
  uint32_t mark = 0;         // its listener's
};

// Who is at the other end, for people: "10.0.0.7:51234", "a client of the Unix socket".
std::string peerName(int socket);

class Acceptor {
 public:
  // `listening` listens since a moment ago. The rest outlives the acceptor.
  Acceptor(kj::UnixEventPort& port, LoopTurns& turns, ListeningSocket listening);

  const ListeningSocket& listening() const { return listening_; }

  // The next one; one call at a time. Fails where the process or the machine is out of something,
  // and may be called again then.
  kj::Promise<AcceptedSocket> accept();

 private:
  const ListeningSocket listening_;
  kj::UnixEventPort::FdObserver observer_;
  LoopTurns& turns_;
  kj::TimePoint emptyAt_;  // nobody was waiting
};

}  // namespace holdfast
