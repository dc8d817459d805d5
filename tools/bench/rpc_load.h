// Workers of rows that measure through RPC: all of one instance, each with chunks of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "client/client.h"

namespace holdfast::bench {

inline constexpr uint32_t kRpcWorkers = 8;

using Clients = std::vector<std::unique_ptr<Client>>;

// `controller`: as ClientOptions have it.
ClientOptions rpcWorker(const std::string& controller, uint32_t rank);
std::vector<ChunkHash> rpcKeys(uint32_t rank, uint64_t count);
// Whether they come to be, so often since their beginning.
bool allRegistered(const Clients& clients, uint64_t registrations);
// Whether all they have said comes to be confirmed.
bool flushAll(const Clients& clients);

// M operations/s that come to be confirmed, from the first admit on: all workers of a new instance
// admit so many, 256 operations a report.
RunResult ingestInto(const std::string& controller, uint64_t perWorker);

}  // namespace holdfast::bench
