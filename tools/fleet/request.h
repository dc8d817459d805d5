// What the simulated fleet is asked to serve.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/types.h"

namespace holdfast::fleet {

// Bounds memory: a request of average length takes 200 bytes.
inline constexpr size_t kRequestsMax = 2'000'000;

struct Request {
  uint64_t timestampMs = 0;       // since the start, never less than the request's before
  std::vector<ChunkHash> chunks;  // of the prompt, from its first; never empty
};

// What a trace's hash id stands for: the splitmix64 generator's output for that state.
constexpr ChunkHash chunkHashOf(uint64_t hashId) {
  return splitmix64Finalise(hashId + 0x9E3779B97F4A7C15u);
}

// A workload in numbers, as an endless cache would see it.
struct WorkloadStatistics {
  size_t requests = 0;
  size_t chunks = 0;          // of all requests
  size_t distinctChunks = 0;  // the others were seen before
  size_t longest = 0;         // chunks of a request

  double hitShare() const;  // chunks seen before, of all
  double averageLength() const;
};
WorkloadStatistics statisticsOf(const std::vector<Request>& requests);

}  // namespace holdfast::fleet
