// Engines that publish what their prefix caches hold: what is registered of each event stream.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "core/labels.h"

namespace holdfast {

// A stream is that of one data-parallel rank of an engine, a worker of its instance.
struct SourceName {
  std::string instance;  // as a worker's
  uint32_t rank = 0;

  // The check takes the 0 that its result is compared with for a pointer.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend auto operator<=>(const SourceName&, const SourceName&) = default;
};

struct EngineSource {
  SourceName name;
  std::string endpoint;        // where it publishes: "tcp://HOST:PORT", "ipc://PATH"
  bool bind = false;           // the engine connects there: it is listened to
  std::string replayEndpoint;  // where it answers what it has published; empty: nowhere
  std::string topic;           // what its messages' topics begin with; empty: anything
  std::string model;           // empty: the default one
  uint32_t blockSize = 0;      // tokens; 0: as its events say
  std::string routingGroup;    // of whoever registered it, kept and given back
  std::string additionalSalt;  // likewise
  std::string http;            // "http://HOST:PORT" of the engine; empty: not known
  Labels labels = {};
  bool configured = false;  // by the configuration file, not at run time

  friend bool operator==(const EngineSource&, const EngineSource&) = default;
};

}  // namespace holdfast
