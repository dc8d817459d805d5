#include "bench/rpc_load.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <thread>

namespace holdfast::bench {

namespace {

constexpr uint32_t kFlushMs = 120'000;

}  // namespace

ClientOptions rpcWorker(const std::string& controller, uint32_t rank) {
  ClientOptions options;
  options.controller = controller;
  options.instance = "bench";
  options.worker = rank;
  options.worldSize = kRpcWorkers;
  options.locations = {{.name = "gpu", .contents = {}}};
  return options;
}

std::vector<ChunkHash> rpcKeys(uint32_t rank, uint64_t count) {
  std::vector<ChunkHash> keys(count);
  const uint64_t first = uint64_t{rank} << 40;
  for (uint64_t i = 0; i < count; ++i) keys[i] = splitmix64Finalise(first + i);
  return keys;
}

bool allRegistered(const Clients& clients, uint64_t registrations) {
  for (int i = 0; i < 6'000; ++i) {
    if (std::all_of(clients.begin(), clients.end(), [&](const auto& client) {
          return client->state() == ClientState::kRegistered &&
                 client->counters().registrations >= registrations;
        })) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

bool flushAll(const Clients& clients) {
  return std::all_of(clients.begin(), clients.end(),
                     [](const auto& client) { return client->flush(kFlushMs); });
}

RunResult ingestInto(const std::string& controller, uint64_t perWorker) {
  ClientThread thread;
  Clients clients;
  std::vector<std::vector<ChunkHash>> keys;
  for (uint32_t rank = 0; rank < kRpcWorkers; ++rank) {
    ClientOptions options = rpcWorker(controller, rank);
    options.batchOperations = 256;
    options.queueOperations = perWorker;
    clients.push_back(std::make_unique<Client>(thread, options));
    keys.push_back(rpcKeys(rank, perWorker));
  }
  if (!allRegistered(clients, 1)) return failed("workers did not register");

  const Stopwatch watch;
  constexpr uint64_t kSlice = 4'096;
  for (uint64_t at = 0; at < perWorker; at += kSlice) {
    for (uint32_t rank = 0; rank < kRpcWorkers; ++rank) {
      const std::span<const ChunkHash> all = keys[rank];
      clients[rank]->admit(LocationHandle{0}, all.subspan(at, std::min(kSlice, perWorker - at)));
    }
  }
  if (!flushAll(clients)) return failed("the controller did not confirm everything");
  const double seconds = watch.seconds();
  uint64_t reports = 0;
  for (const auto& client : clients) reports += client->counters().reports;
  const double operations = static_cast<double>(perWorker) * kRpcWorkers;
  return {.value = operations / seconds / 1e6,
          .note = std::to_string(static_cast<uint64_t>(operations / static_cast<double>(reports))) +
                  " operations a report",
          .error = {}};
}

}  // namespace holdfast::bench
