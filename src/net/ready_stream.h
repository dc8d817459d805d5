// From an accepted socket to a stream that a door can read: waits until the peer says something,
// recognises who speaks TLS to a plain port or the other way round, and makes the handshake.
#pragma once

#include <kj/async-io.h>

#include <string>

#include "net/acceptor.h"
#include "net/buffered_stream.h"
#include "net/connection_ends.h"
#include "net/held_bytes.h"
#include "net/loop_turns.h"
#include "net/read_budget.h"
#include "net/tls.h"

namespace holdfast {

// What the listeners of a door share. The references outlive every stream.
struct DoorSockets {
  kj::UnixEventPort& port;
  LoopTurns& turns;
  ReadBudget& budget;
  HeldBytes& held;
  const ServerTls* tls = nullptr;  // null: all listeners are plain
  // From the peer's first byte to the end of the handshake.
  kj::Duration handshakeTimeout = 5 * kj::SECONDS;

  // Whether TLS is spoken on a socket of such a listener.
  bool speaksTls(bool isUnix) const { return tls != nullptr && !isUnix; }
};

struct ReadyStream {
  // Plain, or TLS over the socket; its first bytes are there. Null: the peer left, or `why` says
  // what was wrong with it.
  kj::Own<kj::AsyncIoStream> stream;
  BufferedStream* socket = nullptr;  // below it
  std::string certificate;           // common name of the client's; empty: it has none
  // Why there is no stream, as a sentence for the log, and what to count.
  std::string why;
  ConnectionEnd end = ConnectionEnd::kPeerLeft;
};

// Resolves when the stream is ready or it is known that there will be none; until the first byte
// comes that may take for ever, and costs a socket and little more. Cancel it by dropping it.
// Does not fail. `door` outlives the promise.
kj::Promise<ReadyStream> makeReady(AcceptedSocket socket, const DoorSockets& door);

// The same over a stream of the caller's, which outlives the result.
kj::Promise<ReadyStream> makeReady(BufferedStream& socket, bool isUnix, const DoorSockets& door);

}  // namespace holdfast
