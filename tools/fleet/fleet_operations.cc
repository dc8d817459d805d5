#include "fleet/fleet_operations.h"

#include <algorithm>

namespace holdfast::fleet {
namespace {

// As controllers have it unless told otherwise; the simulation knows chunks only.
constexpr uint64_t kTokensPerChunk = 256;

}  // namespace

std::optional<Fleet::Operations::Place> Fleet::Operations::find(size_t index,
                                                                const std::string& location) {
  SimulatedRank::Tier* const tier = fleet_.ranks_[index].tier(location);
  Client* const client = fleet_.workers_[index].client.get();
  if (tier == nullptr || client == nullptr) return std::nullopt;
  return Place{tier, client, client->location(location)};
}

template <typename Change>
void Fleet::Operations::apply(const CacheOperation& operation, const Completion& completion,
                              Change change) {
  const MutexLock lock(fleet_.caches_);
  const std::optional<Place> place = find(index_, operation.location);
  if (!place) return completion.fail("the simulated rank is being restarted");
  std::vector<ChunkHash> chunks =
      operation.allChunks ? place->tier->cache.contents() : operation.chunks;
  std::erase_if(chunks, [&](ChunkHash chunk) { return !place->tier->cache.holds(chunk); });
  const size_t changed = change(*place, chunks);
  completion.done(changed * kTokensPerChunk);
}

void Fleet::Operations::clear(const CacheOperation& operation, Completion completion) {
  const bool all = operation.allChunks;
  apply(operation, completion, [all](const Place& place, const std::vector<ChunkHash>& chunks) {
    for (const ChunkHash chunk : chunks) place.tier->cache.remove(chunk);
    if (all) {
      place.client->clear(place.location);
    } else {
      place.client->evict(place.location, chunks);
    }
    return chunks.size();
  });
}

void Fleet::Operations::pin(const CacheOperation& operation, Completion completion) {
  const uint64_t now = nowMs();
  const uint64_t ends = operation.ttlSeconds == 0 ? 0 : now + operation.ttlSeconds * 1000;
  apply(operation, completion,
        [&](const Place& place, const std::vector<ChunkHash>& chunks) -> size_t {
          place.tier->cache.endPins(now);
          if (place.tier->cache.pin(chunks, ends)) return chunks.size();
          completion.fail("more than half of the simulated cache would be pinned");
          return 0;
        });
}

void Fleet::Operations::compress(const CacheOperation& operation, Completion completion) {
  apply(operation, completion, [&](const Place& place, const std::vector<ChunkHash>& chunks) {
    for (const ChunkHash chunk : chunks) place.tier->cache.setMethod(chunk, operation.method);
    return chunks.size();
  });
}

void Fleet::Operations::decompress(const CacheOperation& operation, Completion completion) {
  apply(operation, completion, [](const Place& place, const std::vector<ChunkHash>& chunks) {
    for (const ChunkHash chunk : chunks) place.tier->cache.setMethod(chunk, "");
    return chunks.size();
  });
}

void Fleet::Operations::move(const CacheOperation& operation, Completion completion) {
  const auto instance = fleet_.instanceNamed(operation.destination.instance);
  if (!instance) {
    return completion.fail("instance " + operation.destination.instance +
                           " is not of this simulated fleet");
  }
  const size_t toIndex = *instance * fleet_.ranksPerInstance_ + operation.destination.worker;
  apply(operation, completion, [&](const Place& from, std::vector<ChunkHash>& chunks) -> size_t {
    const std::optional<Place> to = find(toIndex, operation.destination.location);
    if (!to) {
      completion.fail("the simulated rank that is to receive the chunks is being restarted");
      return 0;
    }
    CacheChanges changes;
    to->tier->cache.use(chunks, changes);
    to->client->evict(to->location, changes.evicted);
    to->client->admit(to->location, changes.admitted);
    std::erase_if(chunks, [&](ChunkHash chunk) { return !to->tier->cache.holds(chunk); });
    if (operation.copy) return chunks.size();
    for (const ChunkHash chunk : chunks) from.tier->cache.remove(chunk);
    from.client->evict(from.location, chunks);
    return chunks.size();
  });
}

}  // namespace holdfast::fleet
