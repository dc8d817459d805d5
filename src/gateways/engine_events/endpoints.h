// Where engines are, as ZeroMQ names it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/engine_source.h"
#include "core/notices/subjects.h"
#include "core/result.h"

namespace holdfast::engines {

struct EndpointAddress {
  std::string host;   // "10.0.0.7"; of "ipc://PATH": empty
  uint16_t port = 0;  // of "ipc://PATH": 0
};
// Of one that is valid.
EndpointAddress addressOf(const std::string& endpoint);

// The same for a rank of an engine that has several: its port is that many higher. Nothing where
// there is no such port, or no port at all and the rank is not 0.
std::optional<std::string> endpointOfRank(const std::string& endpoint, uint32_t rank);

// What is wrong with it, as a sentence; nothing if it can be.
std::optional<std::string> invalidSource(const EngineSource& source);

// "instance "a" rank 3"
std::string describe(const SourceName& name);
// The worker that it is.
inline WorkerName nameOf(const EngineSource& source) {
  return {source.name.instance, source.name.rank};
}

}  // namespace holdfast::engines
