// The ingest that several rows measure: what is reported, and runs of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "core/messages.h"

namespace holdfast::bench {

inline constexpr size_t kIngestWorkers = 64;
inline constexpr size_t kIngestCall = 256;  // operations of one report

// Of each worker.
inline uint64_t ingestChunks(const RunOptions& options) {
  return options.size(40'000'000, kIngestWorkers * kIngestCall) / kIngestWorkers;
}

Registration ingestWorker(const std::string& instance, uint32_t number);

// `firstSeq`: of the worker's content so far + 1.
inline Report ingestReport(uint64_t firstSeq, std::span<const ChunkHash> keys) {
  return {.location = "gpu", .incarnation = 7, .firstSeq = firstSeq, .operations = {keys, {}}};
}

// Calls take(worker, report) with `chunks` distinct chunks of each worker, in turns of one report.
template <typename Take>
void forEachIngestReport(size_t workers, uint64_t chunks, Take take) {
  std::vector<ChunkHash> keys(kIngestCall);
  for (uint64_t done = 0; done < chunks; done += kIngestCall) {
    keys.resize(std::min<uint64_t>(kIngestCall, chunks - done));
    for (size_t worker = 0; worker < workers; ++worker) {
      for (size_t i = 0; i < keys.size(); ++i) {
        keys[i] = splitmix64Finalise(worker * chunks + done + i + 0x5DEECE66D);
      }
      take(worker, ingestReport(done + 1, keys));
    }
  }
}

// ingest_core and ingest_rpc: M operations/s. `arguments` are the daemon's.
RunResult ingestIntoStore(const RunOptions& options);
RunResult ingestThroughRpc(const RunOptions& options, const std::vector<std::string>& arguments);

}  // namespace holdfast::bench
