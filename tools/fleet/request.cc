#include "fleet/request.h"

#include <algorithm>
#include <unordered_set>

namespace holdfast::fleet {

double WorkloadStatistics::hitShare() const {
  return chunks == 0 ? 0
                     : static_cast<double>(chunks - distinctChunks) / static_cast<double>(chunks);
}

double WorkloadStatistics::averageLength() const {
  return requests == 0 ? 0 : static_cast<double>(chunks) / static_cast<double>(requests);
}

WorkloadStatistics statisticsOf(const std::vector<Request>& requests) {
  WorkloadStatistics result;
  std::unordered_set<ChunkHash> seen;
  for (const Request& request : requests) {
    ++result.requests;
    result.chunks += request.chunks.size();
    result.longest = std::max(result.longest, request.chunks.size());
    seen.insert(request.chunks.begin(), request.chunks.end());
  }
  result.distinctChunks = seen.size();
  return result;
}

}  // namespace holdfast::fleet
