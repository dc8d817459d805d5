// Many look-ups in flight over one connection, against the daemon and against a server of the same
// interface that answers as much without doing anything.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/types.h"

namespace holdfast::bench {

struct LookupRatio {
  double lookupsPerSecond = 0;
  double echoesPerSecond = 0;
  std::string error;
};

// `keys` are chunks that the controller at `controller` (host:port) knows; look-ups take 32 of
// them in a row. Calls are made in rounds, half of them to the echo; 256 are in flight.
LookupRatio compareWithEcho(const std::string& controller, std::span<const ChunkHash> keys,
                            uint64_t calls);

}  // namespace holdfast::bench
