// Many look-ups in flight over one connection, against the daemon and against a server of the same
// interface that answers as much without doing anything.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bench/daemon_process.h"
#include "core/types.h"

namespace holdfast::bench {

struct LookupRatio {
  double lookupsPerSecond = 0;
  double echoesPerSecond = 0;
  // Of a call, of all threads of the server.
  double lookupProcessorUs = 0;
  double echoProcessorUs = 0;
  std::string error;
};

// `keys` are chunks that the controller knows; look-ups take 32 of them in a row, `prompts`
// look-ups in a call. Calls are made in rounds, half of them to the echo; 256 look-ups are in
// flight, in at least four calls.
LookupRatio compareWithEcho(const DaemonProcess& controller, std::span<const ChunkHash> keys,
                            uint64_t calls, uint32_t prompts = 1);

}  // namespace holdfast::bench
