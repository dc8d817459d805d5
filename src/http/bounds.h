// What a peer of the HTTP door may make the controller hold, and for how long.
#pragma once

#include <kj/time.h>

#include <cstddef>

#include "core/limits.h"

namespace holdfast::http {

// What the peers of both doors make it hold in all: net/held_bytes.h.
struct Bounds {
  size_t headerBytesMax = 32 << 10;        // of one request, give or take what is read at once
  size_t bodyBytesMax = kMessageBytesMax;  // of one request
  // Written and not yet taken by the socket, of a connection: a writer waits above it.
  size_t unsentBytesMax = 64 << 10;
  // From the connection to its first byte; from there, and from the first byte of each later
  // request, to the end of the headers.
  kj::Duration headerPatience = 10 * kj::SECONDS;
  // From the end of the headers to the end of the body.
  kj::Duration bodyPatience = 60 * kj::SECONDS;
  // Until the peer takes what is written.
  kj::Duration answerPatience = 30 * kj::SECONDS;
  // Between two requests of a connection.
  kj::Duration idlePatience = 120 * kj::SECONDS;
  // How much is read, and for how long, of a peer that sends on when it has got its last answer:
  // ending the connection at once would take that from it.
  size_t lingerBytesMax = 1 << 20;
  kj::Duration lingerPatience = 2 * kj::SECONDS;
  // How often the patience with bodies, answers and silent peers is looked at.
  kj::Duration checkInterval = 1 * kj::SECONDS;
};

}  // namespace holdfast::http
